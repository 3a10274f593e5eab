"""`course build` mends what sentences say that it mends."""

from __future__ import annotations

import errno
import io
import json

import pytest
from rich.console import Console

from course_tools import editions, lab
from course_tools.editions import gates
from course_tools.gallery import run_lessons, runner
from course_tools.grading.canonical import read_canonical
from course_utils.errors import CourseError
from tests.sealed import FOLDERS

pytestmark = pytest.mark.slow


def build(course, number: str = "02") -> None:
    (result,) = editions.build([number], course=course, console=Console(file=io.StringIO()))
    assert result.ok, result.error


def complaints(course) -> list[str]:
    """Everything that is wrong with lesson 02, each sentence naming `course build`."""
    lesson = editions.find("02", course)
    found = []
    for look in (
        lambda: gates.editions_regenerate(lesson),
        lambda: gates.solution_is_fresh(lesson, course),
        lambda: read_canonical(lesson.solution) and [],
    ):
        try:
            found += look()
        except CourseError as error:
            found.append(str(error))
    return found


def other_source(path) -> None:
    nb = json.loads(path.read_text(encoding="utf-8"))
    nb["cells"][-1]["source"] = ["# another"]
    path.write_text(json.dumps(nb), encoding="utf-8")


def stripped(path) -> None:
    nb = json.loads(path.read_text(encoding="utf-8"))
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    path.write_text(json.dumps(nb), encoding="utf-8")


def gone(path) -> None:
    path.unlink()


def cut(path) -> None:
    path.write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    ("edition", "spoil"),
    [("student", gone), ("student", cut), ("solution", cut), ("solution", other_source), ("solution", stripped)],
)
def test_a_spoilt_edition_is_built_again(built, edition, spoil):
    assert complaints(built) == []
    spoil(getattr(editions.find("02", built), edition))
    assert any("build" in sentence for sentence in complaints(built))
    build(built)
    assert complaints(built) == []


def test_a_notebook_that_lab_does_not_find_is_built(built):
    for lesson in editions.lessons(built):
        lesson.student.unlink()
    with pytest.raises(CourseError, match="`course build` makes them"):
        lab.find_notebook("02", built.root)
    build(built)
    assert lab.find_notebook("02", built.root).is_file()


def test_a_place_for_the_gallery(built, tmp_path, seal):
    """Said before a lesson runs; with `--out`, that is `out`, it is written elsewhere."""
    seal(built.root / "build")
    with pytest.raises(CourseError, match=r"build cannot be written \(Read-only file system\): name a place"):
        run_lessons(["02"], course=built, console=Console(file=io.StringIO()))
    (result,) = run_lessons(["02"], course=built, out=tmp_path / "[a]", console=Console(file=io.StringIO()))
    assert result.ok and result.page.parent == tmp_path / "[a]" / "gallery"


def test_a_disk_that_is_full_when_the_pages_are_written(built, tmp_path, seal, monkeypatch):
    pages = runner.write_pages

    def full(results, folder):
        seal(folder, errno.ENOSPC)
        pages(results, folder)
        FOLDERS.clear()

    monkeypatch.setattr(runner, "write_pages", full)
    (result,) = run_lessons(["02"], course=built, out=tmp_path / "out", console=Console(file=io.StringIO()))
    assert "The disk is full, so" in result.error and result.notebook.is_file()  # what was made is kept
    assert "The disk is full" in (tmp_path / "out" / "gallery" / "index.html").read_text(encoding="utf-8")

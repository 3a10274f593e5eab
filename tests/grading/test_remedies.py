"""What the sentences of a grade tell a person to do, done."""

from __future__ import annotations

import copy
import errno
import importlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_tools import grading
from course_tools.grading import folder as folder_module
from course_tools.grading.answers import find_answers
from course_tools.grading.canonical import read_canonical
from course_tools.grading.reader import read_student
from course_tools.grading.report import NOT_GRADED
from course_utils.errors import CourseError
from tests.grading import mini_lesson
from tests.grading.mini_lesson import RIGHT, answer_cell, student
from tests.sealed import FOLDERS


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("ada", "bo"):
        mini_lesson.write(student(RIGHT), tmp_path / "in" / f"{name}.ipynb")
    return tmp_path / "in"


def report(path: Path, status: str) -> grading.Report:
    return grading.Report("90", path, [grading.ExerciseResult(name, 1, status) for name in RIGHT])


@pytest.mark.parametrize("do", ["name another file", "move it away"])
def test_a_table_with_other_columns(
    lesson: Path, handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: str
) -> None:
    monkeypatch.setattr(folder_module, "grade", lambda _, path, **__: report(path, "passed"))
    out = tmp_path / "grades.csv"
    out.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(CourseError, match=do):
        grading.grade_folder(lesson, handed_in, out)
    if do == "move it away":
        out.rename(tmp_path / "older.csv")
    again = out if do == "move it away" else tmp_path / "new.csv"
    assert len(grading.grade_folder(lesson, handed_in, again)) == 2


@pytest.mark.parametrize(
    ("number", "do"), [(errno.EACCES, "close it"), (errno.EACCES, "name another file"), (errno.ENOSPC, "free some")]
)
def test_a_table_that_cannot_be_written(
    lesson: Path,
    handed_in: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seal: Callable[..., None],
    number: int,
    do: str,
) -> None:
    monkeypatch.setattr(folder_module, "grade", lambda _, path, **__: report(path, "passed"))
    out = tmp_path / "held" / "grades.csv"
    out.parent.mkdir()
    seal(out.parent, number)
    with pytest.raises(CourseError, match=do):
        grading.grade_folder(lesson, handed_in, out)
    if do != "name another file":
        FOLDERS.clear()
    again = tmp_path / "new.csv" if do == "name another file" else out
    assert len(grading.grade_folder(lesson, handed_in, again)) == 2


def test_no_room_for_temporary_files(
    lesson: Path, handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seal: Callable[..., None]
) -> None:
    """The grade ends, no student pays for it, and what was graded before is kept."""
    grade_module = importlib.import_module("course_tools.grading.grade")  # the package has a function of that name
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    run = grade_module.grade_rounds
    out, graded = tmp_path / "grades.csv", []

    def rounds(canonical: Any, answers: Any, limits: Any) -> Any:
        graded.append(answers)
        if len(graded) == 1:
            return grade_module.Findings()
        deadline = time.monotonic() + 10
        while out.read_text(encoding="utf-8-sig").count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.05)  # until the first row is there beside the head
        seal(scratch, errno.ENOSPC)
        return run(canonical, answers, limits)

    monkeypatch.setattr(grade_module, "grade_rounds", rounds)
    first, second = grading.grade_folder(lesson, handed_in, out, workers=1)
    assert not first["note"]
    assert re.search(r"The disk is full.*free some space, or set TMPDIR to a folder on another", second["note"])
    assert set(second.values()) >= {"not graded"}
    FOLDERS.clear()
    monkeypatch.setattr(folder_module, "grade", lambda _, path, **__: report(path, "passed"))
    assert [row["student"] for row in grading.grade_folder(lesson, handed_in, out)] == ["ada", "bo"]


def test_a_grade_that_broke_off_is_made_again(
    lesson: Path, handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "grade", lambda _, path, **__: report(path, NOT_GRADED))
    assert {row["square"] for row in grading.grade_folder(lesson, handed_in, tmp_path / "g.csv")} == {NOT_GRADED}
    monkeypatch.setattr(folder_module, "grade", lambda _, path, **__: report(path, "passed"))
    assert {row["square"] for row in grading.grade_folder(lesson, handed_in, tmp_path / "g.csv")} == {"passed"}


@pytest.mark.parametrize("do", ["save the notebook again", "open it in JupyterLab, save it"])
def test_a_notebook_that_is_empty_or_old(lesson: Path, tmp_path: Path, do: str) -> None:
    path = tmp_path / "work.ipynb"
    if do == "save the notebook again":
        path.write_bytes(b"")
    else:
        nbformat.write(nbformat.convert(student(RIGHT), 3), str(path), version=3)
    with pytest.raises(CourseError, match=do):
        read_student(path)
    saved = student(RIGHT) if do == "save the notebook again" else nbformat.read(str(path), as_version=4)
    nbformat.write(saved, str(path), version=4)
    found = find_answers(read_student(path), read_canonical(lesson), path.name)
    assert {answer.state for answer in found.values()} == {"answered"}


def test_an_answer_that_is_gone(grade: Any) -> None:
    notebook = student(RIGHT)
    gone = copy.deepcopy(answer_cell(notebook, "halve"))
    notebook.cells.remove(answer_cell(notebook, "halve"))
    hints = {result.name: result.hint for result in grade(notebook).results if not result.passed}
    assert hints.keys() == {"halve"}
    assert "copy it back from a fresh notebook" in hints["halve"]
    notebook.cells.insert(3, gone)
    assert grade(notebook).passed_all

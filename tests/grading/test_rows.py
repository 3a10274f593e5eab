"""A class graded into its table: what goes wrong with one submission costs its row, and no grade is lost."""

from __future__ import annotations

import copy
import csv
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from course_tools import cli, grading
from course_tools.grading import folder as folder_module
from course_utils.errors import CourseError, UnwritableError
from tests.grading import mini_lesson
from tests.grading.mini_lesson import POINTS, RIGHT, student
from tests.grading.test_damaged import deep


@pytest.fixture
def graded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the notebooks that are graded, all of which pass, in no time."""
    names: list[str] = []

    def passes(lesson: Path, path: Path, **_: Any) -> grading.Report:
        names.append(path.name)
        return grading.Report("90", path, [grading.ExerciseResult(name, 1, "passed") for name in POINTS])

    monkeypatch.setattr(folder_module, "grade", passes)
    return names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("ada", "bo", "cy"):
        mini_lesson.write(student(RIGHT), tmp_path / "in" / f"{name}.ipynb")
    return tmp_path / "in"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "not the student's fault (No space left on device)"),
        (FileNotFoundError(2, "No usable temporary directory found"), "No usable temporary directory"),
        (RecursionError("maximum recursion depth"), "RecursionError: maximum recursion depth"),
        (UnicodeEncodeError("utf-8", "\ud83c", 0, 1, "surrogates not allowed"), "UnicodeEncodeError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_whatever_one_submission_raises_is_its_row_and_is_tried_again(
    lesson: Path, folder: Path, graded: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    passes: Callable[..., Any] = folder_module.grade

    def fails(lesson: Path, path: Path, **rest: Any) -> Any:
        if path.stem == "bo":
            raise error
        return passes(lesson, path, **rest)

    monkeypatch.setattr(folder_module, "grade", fails)
    out = folder.parent / "grades.csv"
    rows = grading.grade_folder(lesson, folder, out)
    assert rows == table(out) and [row["points"] for row in rows] == ["6", "0", "6"]
    assert sentence in rows[1]["note"] and {rows[1][name] for name in POINTS} == {"not graded"}
    graded.clear()
    monkeypatch.setattr(folder_module, "grade", passes)
    rows = grading.grade_folder(lesson, folder, out)
    assert graded == ["bo.ipynb"] and [row["points"] for row in rows] == ["6", "6", "6"]


def test_a_full_temporary_folder_costs_a_row_and_ends_nothing(
    lesson: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    rows = grading.grade_folder(lesson, folder, folder.parent / "grades.csv")
    assert ["The disk is full" in row["note"] for row in rows] == [True] * 3, rows


def test_the_courses_own_solution_is_no_students_work(lesson: Path, folder: Path, graded: list[str]) -> None:
    solution = mini_lesson.canonical()
    solution.metadata["course"] = {"edition": "solution"}
    for cell in solution.cells:
        if cell.cell_type == "code" and "exercise" in cell.metadata.get("tags", []):
            cell.source = "### BEGIN SOLUTION\n" + cell.source
    (folder / "solutions").mkdir()
    path = mini_lesson.write(solution, folder / "solutions" / "90_mini.ipynb")
    with pytest.raises(CourseError, match="is the course's own solution edition"):
        grading.grade(lesson, path, solutions=False)
    handed_in = copy.deepcopy(solution)
    handed_in.metadata["course"]["edition"] = "student"
    mini_lesson.write(handed_in, path)
    assert grading.grade(lesson, path, solutions=False, total_timeout=-1).notes[0].startswith("The grade was stopped")


def test_a_table_that_a_spreadsheet_saved_is_gone_on_with(lesson: Path, folder: Path, graded: list[str]) -> None:
    out = folder.parent / "grades.csv"
    rows = grading.grade_folder(lesson, folder, out)
    text = "\r\n".join(line.rstrip(",").replace(",", ";") for line in out.read_text("utf-8-sig").splitlines())
    out.write_bytes(text.replace("cy;", "7;", 1).encode("utf-16"))
    graded.clear()
    assert grading.grade_folder(lesson, folder, out) == rows == table(out) and graded == []
    lines = out.read_text("utf-8-sig").splitlines()
    out.write_text("\n".join([*lines[:3], lines[3][: lines[3].index("passed") + 3]]), encoding="utf-8")  # cut off
    assert grading.grade_folder(lesson, folder, out) == rows and graded == ["cy.ipynb"]


def test_names_that_a_spreadsheet_would_run_are_found_again(lesson: Path, tmp_path: Path, graded: list[str]) -> None:
    (tmp_path / "in").mkdir()
    for name in ("=cmd'!A0.ipynb", "@x.ipynb", "Ada.ipynb", "ada.IPYNB", f"{'x' * 240}.ipynb"):
        mini_lesson.write(student(RIGHT), tmp_path / "in" / name)
    rows = grading.grade_folder(lesson, tmp_path / "in", tmp_path / "grades.csv")
    assert len(graded) == len(rows) == 5 and rows == table(tmp_path / "grades.csv")
    assert "'=cmd'!A0" in [row["student"] for row in rows] and "'@x" in [row["student"] for row in rows]
    assert grading.grade_folder(lesson, tmp_path / "in", tmp_path / "grades.csv") == rows and len(graded) == 5


def test_a_name_that_is_not_utf_8_has_its_row_and_its_grade(lesson: Path, folder: Path, graded: list[str]) -> None:
    try:
        mini_lesson.write(student(RIGHT), Path(os.fsdecode(os.fsencode(folder) + b"/M\xfcller.ipynb")))
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only UTF-8")
    rows = grading.grade_folder(lesson, folder, folder.parent / "grades.csv")
    assert rows == table(folder.parent / "grades.csv") and len(rows) == 4
    assert rows[0]["student"] == "M\\xfcller" and rows[0]["points"] == "6" and "UTF-8" in rows[0]["note"]


def test_an_older_grade_stays_until_there_is_a_new_one(
    lesson: Path, folder: Path, graded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder.parent / "grades.csv"
    rows = grading.grade_folder(lesson, folder, out)
    with lesson.open("a", encoding="utf-8") as file:
        file.write("\n")  # the solution edition was built again

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "grade", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grading.grade_folder(lesson, folder, out)
    assert table(out) == rows


def test_a_table_that_is_held_for_a_while_is_written_later(
    lesson: Path, folder: Path, graded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, write = folder.parent / "grades.csv", folder_module.write_table
    held: list[bool] = []

    def write_if_free(path: Path, *rest: Any) -> None:
        if path == out and held.pop(0):
            raise UnwritableError(f"{path} cannot be written") from PermissionError(13, "Permission denied")
        write(path, *rest)

    monkeypatch.setattr(folder_module, "write_table", write_if_free)
    held[:] = [False, True, True, False]
    rows = grading.grade_folder(lesson, folder, out)
    assert table(out) == rows and held == []
    out.unlink()
    held[:] = [False, True, True, True]
    with pytest.raises(CourseError, match=r"grades.csv could not be written, so the grades are in .*grades-new.csv"):
        grading.grade_folder(lesson, folder, out)
    assert table(folder.parent / "grades-new.csv") == rows
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_file()) == [
        "90_mini.ipynb",
        "grades-new.csv",
        "grades.csv",
    ]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9"])
def test_a_timeout_that_is_no_time_is_refused(lesson: Path, folder: Path, seconds: str) -> None:
    with pytest.raises(CourseError, match=r"A timeout of .* seconds is no time for an answer: give more than 0"):
        grading.grade(lesson, folder / "ada.ipynb", timeout=float(seconds))
    with pytest.raises(CourseError, match="is no time"):
        grading.grade_folder(lesson, folder, folder.parent / "grades.csv", timeout=float(seconds))
    result = CliRunner().invoke(cli.app, ["grade", "00", str(folder), f"--timeout={seconds}"])
    assert result.exit_code == 1 and "is no time" in result.output and "Traceback" not in result.output


@pytest.mark.slow
def test_odd_answers_and_deep_metadata_are_run(lesson: Path, tmp_path: Path) -> None:
    """With a kernel: half an emoji, expressions nested a thousand deep, metadata nested deep, beside right answers."""
    odd = student(
        {
            **RIGHT,
            "double": "# done \N{HIBISCUS}\n" + RIGHT["double"],
            "square": f"deep = {'-' * 1000}1\n{RIGHT['square']}",
            "halve": f"deep = {'+'.join('1' * 3000)}\n{RIGHT['halve']}",
        }
    )
    mini_lesson.answer_cell(odd, "negate").metadata["deep"] = deep(200)
    (tmp_path / "in").mkdir()
    path = mini_lesson.write(odd, tmp_path / "in" / "bea.ipynb")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\N{HIBISCUS}", "\\ud83c"), encoding="utf-8")
    (row,) = grading.grade_folder(lesson, tmp_path / "in", tmp_path / "grades.csv")
    assert "broken character" in row["note"]
    assert {row[name] for name in ("double", "total", "negate", "Shift")} == {"passed"}
    assert {row["square"], row["halve"]} <= {"passed", "error", "ended Python"}

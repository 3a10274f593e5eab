"""A folder of notebooks into a CSV file: two layouts, nonsense among them, and a second run that keeps what it can."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from course_tools import grading
from course_tools.grading import folder as folder_module
from course_tools.grading import table
from course_utils.errors import CourseError
from tests.grading import mini_lesson
from tests.grading.mini_lesson import RIGHT, WRONG, student


def test_a_folder_is_graded_and_continued(lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_in, out = tmp_path / "in", tmp_path / "grades.csv"
    (handed_in / "bo").mkdir(parents=True)
    (handed_in / ".ipynb_checkpoints").mkdir()
    mini_lesson.write(student(RIGHT), handed_in / "ada.ipynb")
    mini_lesson.write(student({**RIGHT, "square": WRONG["square"]}), handed_in / "bo" / "90_mini.ipynb")
    mini_lesson.write(student({}), handed_in / ".ipynb_checkpoints" / "ada-checkpoint.ipynb")
    (handed_in / "cy.ipynb").write_text("I could not do it", encoding="utf-8")
    lines: list[str] = []
    rows = grading.grade_folder(lesson, handed_in, out, workers=2, progress=lines.append)
    with out.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file)) == rows
    assert [(row["student"], row["points"]) for row in rows] == [("ada", "10"), ("bo", "8"), ("cy", "0")]
    assert rows[1]["square"] == "failed" and "at 2 it gives 77.00" in rows[1]["square: hint"]
    assert "is not a Jupyter notebook" in rows[2]["note"] and rows[2]["passed"] == ""
    assert len(lines) == 3 and any("bo: 8 of 10 points" in line for line in lines)

    graded: list[str] = []
    monkeypatch.setattr(folder_module, "grade", lambda lesson, path, **rest: graded.append(path.name) or _nothing(path))
    (handed_in / "cy.ipynb").unlink()
    mini_lesson.write(student({"double": RIGHT["double"]}), handed_in / "ada.ipynb")
    again = grading.grade_folder(lesson, handed_in, out, workers=2)
    assert graded == ["ada.ipynb"]  # bo's row was kept, cy's is gone
    assert [row["student"] for row in again] == ["ada", "bo"] and again[1] == rows[1]


def _nothing(path: Path) -> grading.Report:
    return grading.Report("90", path, [grading.ExerciseResult(name, 1, "not tried") for name in RIGHT])


def test_bad_folders_get_a_sentence(lesson: Path, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="There is no folder"):
        grading.grade_folder(lesson, tmp_path / "nowhere", tmp_path / "out.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CourseError, match="no notebook"):
        grading.grade_folder(lesson, tmp_path / "empty", tmp_path / "out.csv")
    mini_lesson.write(student({}), tmp_path / "empty" / "a.ipynb")
    (tmp_path / "out.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(CourseError, match="has other columns"):
        grading.grade_folder(lesson, tmp_path / "empty", tmp_path / "out.csv")


def test_what_cannot_be_read_has_its_sentence_in_its_row(lesson: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "ada.ipynb").mkdir(parents=True)
    (row,) = grading.grade_folder(lesson, tmp_path / "in", tmp_path / "grades.csv")
    assert row["student"] == "ada" and row["points"] == "0" and "is a folder" in row["note"]


def test_a_table_that_cannot_be_written_is_said_before_anything_is_graded(
    lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    mini_lesson.write(student(RIGHT), tmp_path / "in" / "ada.ipynb")
    monkeypatch.setattr(folder_module, "grade", lambda *_, **__: pytest.fail("it was graded all the same"))

    def held(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", held)  # as Windows does while a spreadsheet has the file open
    with pytest.raises(CourseError, match=r"grades.csv cannot be written \(Permission denied\): close it"):
        grading.grade_folder(lesson, tmp_path / "in", tmp_path / "grades.csv")


def test_an_interrupt_grades_nothing_more(lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    for name in "abcdef":
        mini_lesson.write(student(RIGHT), tmp_path / "in" / f"{name}.ipynb")
    graded: list[str] = []

    def slowly(lesson: Path, path: Path, **_: object) -> grading.Report:
        graded.append(path.stem)
        time.sleep(0.2)
        return _nothing(path)

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "grade", slowly)
    with pytest.raises(KeyboardInterrupt):
        grading.grade_folder(lesson, tmp_path / "in", tmp_path / "grades.csv", workers=1, progress=interrupt)
    assert len(graded) < 4
    with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["student"] for row in csv.DictReader(file)] == ["a"]


def test_a_spreadsheet_runs_no_formula_of_a_student() -> None:
    assert table.as_cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert table.as_cell("passed") == "passed"

"""When the grade itself goes wrong: never a lost report, never points out of nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from rich.console import Console

from course_tools.grading import ExerciseResult, Report, process
from tests.grading import mini_lesson
from tests.grading.conftest import statuses
from tests.grading.mini_lesson import RIGHT


@pytest.mark.parametrize("code", ["import sys; print('no module named nbval'); sys.exit(3)", "import os; os.abort()"])
def test_without_a_report_nothing_is_passed(grade: Any, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(process, "_command", lambda folder: [sys.executable, "-c", code])
    report = grade(RIGHT)
    assert set(statuses(report).values()) == {"not graded"} and report.earned == 0 and not report.passed_all
    assert report.notes[0].startswith("The grade broke off before its end.")
    if "nbval" in code:
        assert "no module named nbval" in report.notes[0]


def test_a_forged_or_torn_report_line_is_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    path.write_text('{"kind": "begin", "role": "check", "exercise": "a"}\n{"kind": "en', encoding="utf-8")
    records, culprit, finished = process._read(path)
    assert records == [] and not finished
    assert culprit is not None and culprit["event"] == "parent" and culprit["exercise"] == "a"
    assert process._read(tmp_path / "nowhere") == ([], None, False)


def _with_setup(lesson: Path, source: str) -> None:
    notebook = nbformat.read(str(lesson), as_version=4)
    notebook.cells[2].source = source
    mini_lesson.write(notebook, lesson)


def test_a_broken_set_up_cell_is_not_the_students_fault(grade: Any, lesson: Path) -> None:
    _with_setup(lesson, "import os\nos._exit(1)")
    report = grade(RIGHT)
    assert set(statuses(report).values()) == {"not graded"}
    assert "The lesson's own cells did not run (the kernel ended)" in report["double"].hint


def test_a_set_up_cell_that_raises_is_said_so(grade: Any, lesson: Path) -> None:
    _with_setup(lesson, "raise OSError('no pictures here')")
    report = grade({"double": RIGHT["double"]})
    assert report["double"].passed  # it does not need that cell
    assert "One of the course's own cells failed (OSError: no pictures here)" in report.notes[0]


def test_the_table_shows_points_results_hints_and_the_total() -> None:
    report = Report(
        "90",
        Path("[red]x.ipynb"),
        [
            ExerciseResult("double", 1, "passed"),
            ExerciseResult("square", 2, "failed", "look at [bold]the sign[/bold] (t = [0, 1])", ["a note"]),
        ],
        timings={"start": 1.0, "runs": 2},
    )
    screen = io.StringIO()
    report.show(Console(file=screen, width=200))
    text = screen.getvalue()
    assert "[red]x.ipynb" in text and "[bold]the sign[/bold] (t = [0, 1])" in text and "a note" in text
    assert "1 of 3" in text and "1 of 2 passed" in text and "in 2 runs" in text
    assert "pictures are never compared" in text
    assert not report.passed_all and report["square"].earned == 0
    assert not Report("90", Path("x"), []).passed_all

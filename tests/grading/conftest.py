"""Fixtures for the grading tests: the mini lesson on disk, and a function that grades answers against it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from course_tools import grading
from tests.grading import mini_lesson

TIMEOUT = 6.0  # for an answer that hangs; far more than an honest one needs on a busy machine


@pytest.fixture(autouse=True)
def _kernel_finds_the_mini_exercises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    return mini_lesson.write(mini_lesson.canonical(), tmp_path / "90_mini.ipynb")


@pytest.fixture
def grade(lesson: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., grading.Report]:
    """Grade a dict of answers, or a whole notebook, and see to it that the student's file stays as it was."""

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def run(work: Any, **options: Any) -> grading.Report:
        notebook = mini_lesson.student(work) if set(work) <= set(mini_lesson.POINTS) else work
        path = mini_lesson.write(notebook, tmp_path / "handed_in.ipynb")
        before = path.read_bytes()
        report = grading.grade(lesson, path, **{"timeout": TIMEOUT, **options})
        assert path.read_bytes() == before
        assert left_behind(tmp_path) == [] and not list(tmp_path.glob("course-grade-*"))
        return report

    return run


def statuses(report: grading.Report) -> dict[str, str]:
    return {result.name: result.status for result in report.results}


def left_behind(folder: Path) -> list[str]:
    """The processes that still run for a grade made in this folder."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]

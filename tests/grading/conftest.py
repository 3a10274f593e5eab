"""Fixtures for the grading tests: the mini lesson on disk, and a function that grades answers against it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from course_utils import grading
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
def grade(lesson: Path, tmp_path: Path) -> Callable[..., grading.Report]:
    """Grade a dict of answers, or a whole notebook, and see to it that the student's file stays as it was."""

    def run(work: Any, **options: Any) -> grading.Report:
        notebook = mini_lesson.student(work) if set(work) <= set(mini_lesson.POINTS) else work
        path = mini_lesson.write(notebook, tmp_path / "handed_in.ipynb")
        before = path.read_bytes()
        report = grading.grade(lesson, path, **{"timeout": TIMEOUT, **options})
        assert path.read_bytes() == before
        return report

    return run


def statuses(report: grading.Report) -> dict[str, str]:
    return {result.name: result.status for result in report.results}


def kernels() -> set[int]:
    """The processes that a grade of this test may have left behind."""
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return {process.pid for process in mine} | {
        p.pid for p in psutil.process_iter(["cmdline"]) if "course-grade-" in " ".join(p.info["cmdline"] or [])
    }

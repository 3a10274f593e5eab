"""Every notebook under the preset `smoke`: through nbval as committed, and on other data sets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from course_tools import editions
from course_tools.editions import gates
from course_tools.editions.smoke import passes_nbval

LESSONS = editions.lessons()
COURSE = editions.Course()
CELL_SECONDS = 240
REAL = ("mnist", "cifar10")

pytestmark = pytest.mark.notebooks
TAKING_DATA = [lesson for lesson in LESSONS if editions.takes(editions.read_source(lesson.source), "dataset")]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
@pytest.mark.parametrize("edition", ["solution", "student"])
def test_nbval_runs_every_notebook(lesson, edition):
    """The solution edition's checks must say what is recorded; in the student's every cell must run."""
    found = passes_nbval(getattr(lesson, edition), COURSE.root, cell_timeout=CELL_SECONDS)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("lesson", TAKING_DATA, ids=lambda lesson: lesson.name)
@pytest.mark.parametrize("dataset", ["digits", *(pytest.param(name, marks=pytest.mark.data) for name in REAL)])
def test_a_lesson_runs_on_another_data_set(lesson, dataset):
    if dataset in REAL and not (Path(os.environ.get("COURSE_DATA_DIR", "")) / dataset).is_dir():
        pytest.skip(f"needs the {dataset} files: set COURSE_DATA_DIR to the folder that holds {dataset}/")
    nb = editions.read_source(lesson.source)
    executed = editions.execute(
        nb, "smoke", dataset, folder=lesson.solution.parent, root=COURSE.root, timeout=CELL_SECONDS
    )
    found = gates.all_passed(executed) + gates.figures_are_made(executed)
    assert not found, "\n".join(found)

"""Every line of every lesson runs on the GPU.

The preset is `gpu`, so that every tensor and network lies where it will; the sizes are those of `smoke`, so that a
lesson takes seconds. The full sizes of `gpu` are what `course build --preset gpu` runs.
"""

from __future__ import annotations

import copy

import pytest
import torch
from nbformat.v4 import new_code_cell

from course_utils import editions

LESSONS = editions.lessons()
SMALL = """# a lesson asks its run for sizes: let it have those of smoke, on the GPU
from course_utils import runtime
runtime.Run.pick = lambda run, *, smoke, lecture, laptop, gpu: smoke
"""


def test_the_lessons_are_here() -> None:
    assert {"00", "01"} <= {lesson.number for lesson in LESSONS}


@pytest.mark.notebooks
@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_runs(device: torch.device, lesson: editions.Lesson) -> None:
    nb = copy.deepcopy(editions.read_source(lesson.source))  # with the answers: the student's way is the reference's
    cell = new_code_cell(SMALL)
    cell.id = "sizes-of-smoke"
    nb.cells.insert(0, cell)
    preset = "gpu" if device.type == "cuda" else "smoke"
    done = editions.execute(nb, preset, folder=lesson.source.parent, timeout=300)
    said = "".join(o.get("text", "") for cell in done.cells for o in cell.get("outputs", []))
    assert f"preset {preset}" in said
    checks = [line for line in said.splitlines() if ": FAIL" in line or ": not tried" in line]
    assert not checks, "\n".join(checks)

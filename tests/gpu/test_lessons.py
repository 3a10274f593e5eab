"""Every line of every lesson runs on the GPU, and its core by itself, for a quick answer.

The preset is `gpu`, so that every tensor and network lies where it will; the sizes are those of `smoke`, so that a
lesson takes seconds. The full sizes of `gpu` are what `course build --preset gpu` runs.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course_tools import editions
from course_tools.editions.notebooks import tags

LESSONS = editions.lessons()
SMALL = """# a lesson asks its run for sizes: let it have those of smoke, on the GPU
from course_utils import runtime
runtime.Run.pick = lambda run, *, smoke, lecture, laptop, gpu: smoke
"""


WATCH = """# where networks are called
import torch
CALLED_ON = set()
watching = torch.nn.modules.module.register_module_forward_pre_hook(
    lambda module, given: CALLED_ON.update(x.device.type for x in given if isinstance(x, torch.Tensor))
)
"""
NO_CORE = {"experiment", "figure", "explorer", "machine"}
#: what a lesson trains or samples with: words of the cells that are run besides its exercises and checks
CORES = {
    "02": ("history = train(net, steps)",),
    "03": ("def noised(x0, generator)", "def trained(name, seed)"),
    "04": ("batch_size = run.pick(", "history = fit("),
    "05": ("def yours(block)", "reference = models.UNet(", "def milliseconds("),
    "06": ("few = {n: ", "still = {n: "),
}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of its own: an unfinished training that lies in the user's is not this one's to go on with."""
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))


def test_the_lessons_are_here() -> None:
    assert {"00", "01", *CORES} <= {lesson.number for lesson in LESSONS}


def _cell(identity: str, source: str) -> NotebookNode:
    cell = new_code_cell(source)
    cell.id = identity
    return cell


def _run(lesson: editions.Lesson, cells: list[NotebookNode], device: torch.device) -> str:
    """Run these cells of a lesson with small sizes on the device; gives what they printed."""
    nb = copy.deepcopy(editions.read_source(lesson.source))  # with the answers: the student's way is the reference's
    nb.cells = [_cell("sizes-of-smoke", SMALL), *cells]
    preset = "gpu" if device.type == "cuda" else "smoke"
    done = editions.execute(nb, preset, folder=lesson.source.parent, timeout=300)
    said = "".join(o.get("text", "") for cell in done.cells for o in cell.get("outputs", []))
    assert f"preset {preset}" in said
    return said


@pytest.mark.notebooks
@pytest.mark.slow
@pytest.mark.parametrize("lesson", [x for x in LESSONS if x.number in CORES], ids=lambda lesson: lesson.name)
def test_the_core_of_a_lesson_calls_its_networks_there(device: torch.device, lesson: editions.Lesson) -> None:
    cells = [cell for cell in editions.read_source(lesson.source).cells if cell.cell_type == "code"]
    core = [k for k, cell in enumerate(cells) if any(words in cell.source for words in CORES[lesson.number])]
    assert len(core) == len(CORES[lesson.number]), "a cell is gone, or words are no longer its own"
    chosen = [
        cell
        for k, cell in enumerate(cells[: core[-1] + 1])
        if k in core or "run = start(" in cell.source or not NO_CORE & set(tags(cell))
    ]
    said = _run(lesson, [_cell("watch", WATCH), *chosen, _cell("told", "print(*sorted(CALLED_ON))")], device)
    assert device.type in said.splitlines()[-1].split()


@pytest.mark.notebooks
@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_runs(device: torch.device, lesson: editions.Lesson) -> None:
    said = _run(lesson, editions.read_source(lesson.source).cells, device)
    checks = [line for line in said.splitlines() if ": FAIL" in line or ": not tried" in line]
    assert not checks, "\n".join(checks)

"""What every lesson computes runs on the GPU, and its networks are called there.

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
from course_tools.editions.notebooks import text_of
from tests.gpu.cells import asks_for_the_device, covered

SMALL = """# a lesson asks its run for sizes: let it have those of smoke, on the GPU
from course_utils import runtime
runtime.Run.pick = lambda run, *, smoke, laptop, lecture=None, gpu=None: smoke
"""
WATCH = """# where networks are called
import torch
CALLED_ON = set()
watching = torch.nn.modules.module.register_module_forward_pre_hook(
    lambda module, given: CALLED_ON.update(x.device.type for x in given if isinstance(x, torch.Tensor))
)
"""
TOLD = 'print("networks were called on", *sorted(CALLED_ON))'


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of its own: an unfinished training that lies in the user's is not this one's to go on with."""
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path))


def _cell(identity: str, source: str) -> NotebookNode:
    cell = new_code_cell(source)
    cell.id = identity
    return cell


@pytest.mark.notebooks
@pytest.mark.slow
@pytest.mark.parametrize("lesson", editions.lessons(), ids=lambda lesson: lesson.name)
def test_a_lesson_runs_and_calls_its_networks_there(device: torch.device, lesson: editions.Lesson) -> None:
    nb = copy.deepcopy(editions.read_source(lesson.source))  # with the answers: the student's way is the reference's
    cells = covered(nb)
    nb.cells = [_cell("small", SMALL), _cell("watch", WATCH), *cells, _cell("told", TOLD)]
    preset = "gpu" if device.type == "cuda" else "smoke"
    done = editions.execute(nb, preset, folder=lesson.source.parent, timeout=300)
    said = "".join(text_of(cell.outputs) for cell in done.cells)
    checks = [line for line in said.splitlines() if ": FAIL" in line or ": not tried" in line]
    assert not checks, "\n".join(checks)
    if asks_for_the_device(cells):
        assert f"preset {preset}" in said
        assert device.type in said.splitlines()[-1].split()

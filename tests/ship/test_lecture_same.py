"""The lecture page shows what the whole lesson shows; the gate complains where a cell that matters was left out.

The lessons themselves are asked in `tests/notebooks/test_each_lesson.py`.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_tools import editions, lecture
from course_tools.editions.notebooks import code_cells, notebook_metadata

ROOT = Path(__file__).parents[2]
# A network is trained in place, by verbs that no list of names would know.
TRAINED = [
    "import numpy as np\nimport torch\nfrom course_utils import widgets",
    "class Coach:\n    def __init__(self, net):\n        self.way = torch.optim.SGD(net.parameters(), lr=0.5)\n\n"
    "    def drill(self, loss):\n        loss.backward()\n        self.way.step()\n        return loss.item()",
    "torch.manual_seed(0)\nnet = torch.nn.Linear(1, 1)\ncoach = Coach(net)",
    "for goal in (1.0, 2.0):\n    left = coach.drill((net(torch.ones(1, 1)) - goal).square().mean())",
    "print('nothing that the explorer needs')",
    "shade = int(255 * net(torch.ones(1, 1)).detach().clamp(0, 1).item())\n"
    "widgets.Explorer(lambda s: np.full((40, 60, 3), shade, np.uint8), alt='Grey.', t=widgets.whole(1, 3, label='t'))",
]


def run(nb: NotebookNode, folder: Path = ROOT / "solutions") -> NotebookNode:
    return editions.execute(nb, "smoke", folder=folder, root=ROOT, timeout=300)


@pytest.fixture(scope="module")
def trained() -> NotebookNode:
    """A lesson whose explorer shows what a network has learned, executed."""
    cells = [new_code_cell(source) for source in TRAINED]
    cells[-1].metadata["tags"] = ["explorer"]
    return run(
        new_notebook(cells=[new_markdown_cell("# 13 · Trained"), *cells], metadata=notebook_metadata(lesson="13"))
    )


def test_a_network_trained_in_place_is_on_the_page_as_trained(trained: NotebookNode) -> None:
    page = lecture.page_of(trained)
    assert len(code_cells(page)) == len(TRAINED) - 1, "all but the line that prints"
    assert lecture.lecture_shows_the_same(trained, run(page)) == []


def test_the_gate_complains_where_the_training_is_left_out(trained: NotebookNode) -> None:
    page = lecture.page_of(trained)
    page.cells = [cell for cell in page.cells if "coach.drill" not in cell.source]
    (complaint,) = lecture.lecture_shows_the_same(trained, run(page))
    assert complaint.startswith("Explorer 1 of lesson 13 shows another picture on the lecture page")


def test_the_gate_complains_of_a_missing_picture_and_a_missing_explorer(trained: NotebookNode) -> None:
    bare = copy.deepcopy(trained)
    bare.cells[-1].outputs = []
    assert lecture.lecture_shows_the_same(bare, bare) == ["Explorer 1 of lesson 13 has no still picture."]
    bare.cells = bare.cells[:-1]
    assert "0 explorers and the lesson has 1" in lecture.lecture_shows_the_same(trained, bare)[0]

"""Which cells the GPU tests run: tried here, where there may be no GPU."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_tools import editions
from course_tools.editions.notebooks import code_cells
from course_utils import exercises
from tests.gpu.cells import asks_for_the_device, covered, unbound

LESSONS = pytest.mark.parametrize("lesson", editions.lessons(), ids=lambda lesson: lesson.name)


@LESSONS
def test_the_cells_of_a_lesson_need_no_cell_that_is_left_out(lesson: editions.Lesson) -> None:
    nb = editions.read_source(lesson.source)
    cells = covered(nb)
    assert unbound(cells) == set()
    assert len(cells) >= len(code_cells(nb)) - len(code_cells(nb, "explorer"))
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("exercise") == tags.count("check") == len(exercises.for_lesson(lesson.number))


def test_nearly_every_lesson_says_where_its_networks_lie() -> None:
    silent = {
        lesson.number
        for lesson in editions.lessons()
        if not asks_for_the_device(covered(editions.read_source(lesson.source)))
    }
    assert silent <= {"00", "01"}, "only these need no network of their own"


def test_cells_are_chosen_by_their_tags() -> None:
    kinds = [[], ["experiment"], ["experiment", "machine"], ["explorer", "figure"], ["figure"], ["check"]]
    nb = new_notebook(cells=[new_code_cell(f"x{k} = 1", metadata={"tags": list(t)}) for k, t in enumerate(kinds)])
    assert [cell.source[:2] for cell in covered(nb)] == ["x0", "x1", "x2", "x4", "x5"]
    nb.cells.append(new_code_cell("print(x3)"))
    assert "x3 = 1" in [cell.source for cell in covered(nb)], "an explorer that a later cell stands on"


def test_a_name_that_is_missing_is_said() -> None:
    cells = [new_code_cell(s) for s in ("def f():\n    return later + gone", "later = 1", "print(f(), seconds)")]
    assert unbound(cells) == {"gone", "seconds"}

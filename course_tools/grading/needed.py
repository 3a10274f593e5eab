"""Which of a lesson's own cells a grade runs: those that set something up, and no experiment, explorer or figure.

A figure cell sometimes loads the data on the way. It is run after all where a later cell, or an answer, uses a name
that only it binds. A set-up cell that builds on an experiment has to be left out with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from course_tools.cells import binds, loads
from course_tools.editions.notebooks import tags
from course_tools.grading.canonical import is_answer, is_check

NEVER = {"experiment", "explorer"}


def setup_cells(notebook: Any, answers: Iterable[str]) -> set[int]:
    """The indices of the cells to run, apart from answers and checks.

    Args:
        notebook: the canonical notebook.
        answers: the sources of the student's answer cells.
    """
    own = {
        index: cell
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and not is_answer(cell) and not is_check(cell)
    }
    kept = {index for index, cell in own.items() if not {*tags(cell)} & (NEVER | {"figure"})}
    exercises = [cell.source for cell in notebook.cells if is_answer(cell)]
    used = set().union(*(loads(source) for source in [*exercises, *answers]))
    while True:  # a figure that is needed may need another one
        wanted = used.union(*(loads(own[index].source) for index in kept))
        wanted -= set().union(*(binds(own[index].source) for index in kept))
        more = {
            index
            for index, cell in own.items()
            if index not in kept and not {*tags(cell)} & NEVER and binds(cell.source) & wanted
        }
        if not more:
            break
        kept |= more
    while True:
        available = set().union(*(binds(own[index].source) for index in kept))
        absent = set().union(*(binds(cell.source) for index, cell in own.items() if index not in kept)) - available
        lame = {index for index in kept if loads(own[index].source, inside_functions=False) & absent}
        if not lame:
            return kept
        kept -= lame

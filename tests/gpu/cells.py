"""Which cells of a lesson the GPU tests run: chosen by their tags, so that a new lesson is covered as it is."""

from __future__ import annotations

import ast
import builtins

from nbformat import NotebookNode

from course_tools.cells import binds, needed_cells, outside, statements
from course_tools.editions.notebooks import code_cells, tags

LEFT_OUT = {"explorer"}  # which answers to a hand


def covered(nb: NotebookNode) -> list[NotebookNode]:
    """Everything that computes: set-up, answers, checks, experiments, figures; and what these stand on."""
    code = code_cells(nb)
    wanted = [k for k, cell in enumerate(code) if not LEFT_OUT & set(tags(cell))]
    return [code[k] for k in needed_cells([cell.source for cell in code], wanted)]


def unbound(cells: list[NotebookNode]) -> set[str]:
    """The names that cells use and no cell before them binds: what these would miss if they ran alone."""
    known, missing = {*dir(builtins), "display", "get_ipython"}, set[str]()
    for k, cell in enumerate(cells):
        after = set().union(*(binds(later.source) for later in cells[k:]))  # a function may look up what comes later
        missing |= outside(cell.source) - known - after
        known |= binds(cell.source)
    return missing


def asks_for_the_device(cells: list[NotebookNode]) -> bool:
    """Whether a lesson places something where its run says: `run.device`."""
    nodes = (node for cell in cells for part in statements(cell.source) for node in ast.walk(part))
    return any(isinstance(node, ast.Attribute) and ast.unparse(node) == "run.device" for node in nodes)

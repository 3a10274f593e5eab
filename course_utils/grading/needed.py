"""Which of a lesson's own cells a grade runs: those that set something up, and no experiment, explorer or figure.

A figure cell sometimes loads the data on the way. It is run after all where a later cell, or an answer, uses a name
that only it binds. A set-up cell that builds on an experiment has to be left out with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from course_utils.grading.answers import statements
from course_utils.grading.canonical import is_answer, is_check, tags_of

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
    kept = {index for index, cell in own.items() if not tags_of(cell) & (NEVER | {"figure"})}
    exercises = [cell.source for cell in notebook.cells if is_answer(cell)]
    used = set().union(*(loads(source) for source in [*exercises, *answers]))
    while True:  # a figure that is needed may need another one
        wanted = used.union(*(loads(own[index].source) for index in kept))
        wanted -= set().union(*(binds(own[index].source) for index in kept))
        more = {
            index
            for index, cell in own.items()
            if index not in kept and not tags_of(cell) & NEVER and binds(cell.source) & wanted
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


def binds(source: str) -> set[str]:
    """The names that a cell binds at its top level."""
    names: set[str] = set()
    for node in _outer(statements(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(name.asname or name.name).split(".")[0] for name in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def loads(source: str, inside_functions: bool = True) -> set[str]:
    """The names that a cell uses; with those in the bodies of its functions, or without."""
    body = statements(source)
    nodes = [node for part in body for node in ast.walk(part)] if inside_functions else list(_outer(body))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _outer(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """Every node that runs when the cell does: not the bodies of functions, comprehensions' variables included."""
    for node in body:
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield from _outer(ast.iter_child_nodes(node))

"""All mutants of one answer: each a cell in which one thing differs."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from course_tools.mutants.answers import Answer
from course_tools.mutants.operators import OPERATORS
from course_tools.mutants.place import New, Place

REMOVED = "(removed)"


@dataclass(frozen=True)
class Mutant:
    """One change of one answer.

    Attributes:
        exercise: its name.
        kind: the operator that made it.
        was, becomes: the line that it changes, before and after, as Python itself would write it.
        source: the whole cell.
    """

    exercise: str
    kind: str
    was: str
    becomes: str
    source: str


def mutants(answer: Answer) -> list[Mutant]:
    """Every mutant of an answer, each code once and none that Python refuses to compile."""
    place = Place.of(answer.source, answer.lines(), answer.namespace)
    seen, found = {ast.unparse(place.tree)}, list[Mutant]()
    for kind, operator in OPERATORS.items():
        for node in place.nodes():
            for new in operator(node, place):
                mutant = _applied(answer.exercise, kind, node, new, place)
                if mutant.source not in seen and _compiles(mutant.source):
                    found.append(mutant)
                seen.add(mutant.source)
    return found


def _applied(exercise: str, kind: str, node: ast.AST, new: New, place: Place) -> Mutant:
    """Put `new` in the place of `node`, write the cell down, and put `node` back."""
    line = place.statement(node)
    function = place.function(line)
    # What is put before the first line changes none: it stands beside the function's name.
    was = f"def {function.name}" if function and kind == "parameter" else _head(line)
    holder = place.parents[node]
    name, old = _slot(node, holder)
    parts: object = new
    if isinstance(old, list):
        index = next(i for i, item in enumerate(old) if item is node)
        parts = [*old[:index], *(new if isinstance(new, list) else [new]), *old[index + 1 :]] or [ast.Pass()]
    setattr(holder, name, parts)
    try:
        source = ast.unparse(ast.fix_missing_locations(place.tree))
        becomes = _head(line) if isinstance(new, ast.expr) else _head(new[0]) if new else REMOVED
    finally:
        setattr(holder, name, old)
    return Mutant(exercise, kind, was, becomes, source)


def _slot(node: ast.AST, parent: ast.AST) -> tuple[str, Any]:
    """The field of the parent that holds a node, and all that is in it."""
    for name, value in ast.iter_fields(parent):
        if value is node or (isinstance(value, list) and any(item is node for item in value)):
            return name, value
    raise AssertionError("a node stands in its parent")


def _head(line: ast.stmt) -> str:
    """A line as Python writes it; of a block, its head."""
    return ast.unparse(line).splitlines()[0] if hasattr(line, "body") else ast.unparse(line)


def _compiles(source: str) -> bool:
    try:
        compile(source, "<mutant>", "exec")
    except (SyntaxError, ValueError):
        return False
    return True

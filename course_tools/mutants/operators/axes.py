"""`mean` as `sum`, an axis changed or left out, `keepdim` dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_tools.mutants.place import AXES, Place, called, number, with_parts, written

OTHERS = {
    "mean": "sum",
    "sum": "mean",
    "median": "mean",
    "any": "all",
    "all": "any",
    "max": "min",
    "min": "max",
    "var": "std",
    "std": "var",
}


def axes(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """A reduction of another kind, along fewer axes or all, or without `keepdim`; an axis one further or nearer.

    Cannot matter, and is not made: an axis from the front counted from the back.
    """
    if isinstance(node, (ast.Constant, ast.UnaryOp)) and (value := number(node)) is not None and place.is_axis(node):
        yield from (written(other) for other in (value + 1, value - 1) if (other < 0) == (value < 0))
    if not isinstance(node, ast.Call):
        return
    if called(node) in OTHERS and isinstance(node.func, ast.Attribute):
        yield ast.Call(ast.Attribute(node.func.value, OTHERS[called(node)], ast.Load()), node.args, node.keywords)
    for keyword in node.keywords:
        rest = [other for other in node.keywords if other is not keyword]
        if keyword.arg in {*AXES, "keepdim"}:
            yield with_parts(node, keywords=rest)
    if called(node) in OTHERS and not place.is_of_a_module(node.func):
        if len(node.args) == 1:
            yield with_parts(node, [])
        for arg in node.args:
            if isinstance(arg, ast.Tuple):
                yield from (with_parts(node, [axis]) for axis in arg.elts)

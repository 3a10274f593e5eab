"""An index moved by one, in either direction."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_tools.mutants.place import Place, number, with_one, with_parts, written


def moved(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """`x[i]` as `x[i + 1]`, `x[1:]` as `x[2:]`, and the bounds of `range`.

    Cannot matter: the index of a dictionary's key, of a new axis (`None`) or of a whole one (`:`); none is moved.
    """
    if isinstance(node, ast.Subscript):
        places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for index, item in enumerate(places):
            for other in _neighbours(item):
                whole = ast.Tuple(with_one(places, index, other), ast.Load()) if len(places) > 1 else other
                yield ast.Subscript(node.value, whole, node.ctx)
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
        for index, item in enumerate(node.args):
            for other in _neighbours(item):
                yield with_parts(node, with_one(node.args, index, other))


def _neighbours(item: ast.expr) -> Iterator[ast.expr]:
    if isinstance(item, ast.Slice):
        for lower in _neighbours(item.lower) if item.lower else ():
            yield ast.Slice(lower, item.upper, item.step)
        for upper in _neighbours(item.upper) if item.upper else ():
            past_the_end = number(item.upper) == -1 and number(upper) == 0  # x[:0] is nothing: x[:] is one more
            yield ast.Slice(item.lower, None if past_the_end else upper, item.step)
    elif (value := number(item)) is not None:
        yield from (written(value + step) for step in (1, -1))
    elif not isinstance(item, (ast.Constant, ast.Starred)):
        yield from (ast.BinOp(item, op, ast.Constant(1)) for op in (ast.Add(), ast.Sub()))

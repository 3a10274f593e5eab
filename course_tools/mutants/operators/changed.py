"""A sign, a constant, a comparison changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_tools.mutants.place import Place, number, written

SIGNS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
DTYPES = {"float64": "float32", "float32": "float64"}
GUARD = 1e-3  # a smaller lower limit keeps a division or a logarithm from zero


def signs(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """+ as -, x as /, and the other way round; a minus dropped.

    Cannot matter, and is not made: a minus whose sign is lost at once.
    """
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        yield ast.BinOp(node.left, SIGNS[type(node.op)](), node.right)
    minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and number(node) is None
    if isinstance(node, ast.UnaryOp) and minus and not place.is_even(node):
        yield node.operand


def constants(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """A whole number one more or one less, any other twice and half as large; True as False; float64 as float32.

    Cannot matter, and is not made: a guard against zero that is twice as large; `strict`. Axes are left to `axes`.
    """
    parent = place.parents[node]
    if isinstance(parent, ast.UnaryOp) and number(parent) is not None:
        return  # with its sign
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        if not (isinstance(parent, ast.keyword) and parent.arg == "strict"):
            yield ast.Constant(not node.value)
    elif (value := number(node)) is not None:
        if not place.is_axis(node) and not _is_guard(value, parent):
            yield from (written(other) for other in _others(value))
    elif isinstance(node, ast.Attribute) and node.attr in DTYPES and place.is_of_a_module(node):
        yield ast.Attribute(node.value, DTYPES[node.attr], node.ctx)


def _others(value: int | float) -> tuple[int | float, ...]:
    if isinstance(value, int):
        return value + 1, value - 1
    return (2 * value, value / 2) if value else (1.0,)


def _is_guard(value: float, parent: ast.AST) -> bool:
    """`min=1e-12` of a clamp."""
    return isinstance(parent, ast.keyword) and parent.arg == "min" and 0 < value <= GUARD


def comparisons(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """A comparison with or without its limit, or turned round; a question answered always or never.

    Cannot matter, and is not made: the question whether an argument is to be refused, unless the docstring promises it.
    """
    if isinstance(node, ast.Compare) and not is_validation(place.statement(node), place):
        for index, op in enumerate(node.ops):
            for other in COMPARISONS.get(type(op), ()):
                ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.BoolOp) and not is_validation(place.statement(node), place):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    parent = place.parents.get(node)
    if isinstance(parent, (ast.If, ast.IfExp)) and node is parent.test and not is_validation(parent, place):
        yield from (ast.Constant(True), ast.Constant(False))


def is_validation(node: ast.AST, place: Place) -> bool:
    """Whether a line only refuses an argument, and the docstring promises no such thing."""
    refuses = isinstance(node, (ast.Assert, ast.Raise)) or (
        isinstance(node, ast.If) and not node.orelse and all(isinstance(part, ast.Raise) for part in node.body)
    )
    function = place.function(node) if refuses else None
    return function is not None and "raise" not in (ast.get_docstring(function) or "").lower()

"""Two arguments or two operands of the same kind in each other's place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import combinations

from course_tools.mutants.place import Place, called, with_parts

ORDERED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)
# f(a, b) is f(b, a).
SYMMETRIC = {"max", "min", "maximum", "minimum", "cosine_similarity", "mse_loss", "l1_loss", "transpose", "add", "mul"}


def swapped(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """Pairs of arguments of a call, of the items of a tuple or a list, and the operands of - / // % ** @.

    Cannot matter, and is not made: the operands of + and x; those of a difference whose sign is lost at once; two
    arguments that are written alike, or of a function that does not care for their order; the axes of a sum.
    """
    if isinstance(node, ast.BinOp) and isinstance(node.op, ORDERED):
        if not (isinstance(node.op, ast.Sub) and place.is_even(node)):
            yield ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.Call) and called(node) not in SYMMETRIC:
        for args in _exchanged(node.args):
            yield with_parts(node, args)
    elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load) and not place.is_axis(node):
        for items in _exchanged(node.elts):
            yield type(node)(items, ast.Load())


def _exchanged(items: Sequence[ast.expr]) -> Iterator[list[ast.expr]]:
    for (i, one), (j, other) in combinations(enumerate(items), 2):
        alike = ast.dump(one) == ast.dump(other)
        if not alike and _kind(one) == _kind(other) != "no value":
            new = list(items)
            new[i], new[j] = other, one
            yield new


def _kind(item: ast.expr) -> str:
    if isinstance(item, (ast.Starred, ast.Slice, ast.Lambda)):
        return "no value"
    return f"constant {type(item.value).__name__}" if isinstance(item, ast.Constant) else "expression"

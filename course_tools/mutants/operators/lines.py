"""A line removed, or a block without its head."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_tools.mutants.operators.changed import is_validation
from course_tools.mutants.place import Place


def lines(node: ast.AST, place: Place) -> Iterator[list[ast.stmt]]:
    """A statement gone, with all that stands in it; what stands under a `with` alone.

    Cannot matter, and is not made: `pass`, a text, and a line that refuses an argument without having promised to.
    """
    if not isinstance(node, ast.stmt) or isinstance(node, ast.Pass) or is_validation(node, place):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    yield []
    if isinstance(node, ast.With):
        yield node.body

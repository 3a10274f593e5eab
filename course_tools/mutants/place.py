"""Where a piece of an answer stands: what is around it, and what the names in it mean."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from course_tools.cells.names import base

# What comes back for a piece: an expression, or statements, none of them if the line goes.
New = ast.expr | list[ast.stmt]
Operator = Callable[[ast.AST, "Place"], Iterator[New]]

EVEN = {"square", "abs", "cos", "cosh"}
CONVERSIONS = {"to", "double", "float", "detach"}
# Of these, an axis is the only argument that stands alone.
REDUCTIONS = {"sum", "mean", "var", "std", "median", "any", "all", "max", "min"}
WITH_AN_AXIS = REDUCTIONS | {"sort", "flip", "softmax", "log_softmax", "flatten", "cumsum", "cumprod"}
AXES = {"dim", "axis", "dims"}


@dataclass(frozen=True)
class Place:
    """The cell of an exercise.

    Attributes:
        tree: the parsed cell.
        parents: node -> the node that it is a part of.
        lines: numbers of the lines between the marks.
        namespace: what the cell's names mean.
    """

    tree: ast.Module
    parents: Mapping[ast.AST, ast.AST]
    lines: set[int]
    namespace: Mapping[str, Any]

    @classmethod
    def of(cls, source: str, lines: set[int], namespace: Mapping[str, Any]) -> Place:
        """Parse a cell."""
        tree = ast.parse(source)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        return cls(tree, parents, lines, namespace)

    def nodes(self) -> list[ast.AST]:
        """What stands between the marks, in the order of the lines."""
        found = [node for node in ast.walk(self.tree) if getattr(node, "lineno", 0) in self.lines]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))  # type: ignore[attr-defined]

    def statement(self, node: ast.AST) -> ast.stmt:
        """The line that a piece stands in."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def function(self, node: ast.AST) -> ast.FunctionDef | None:
        """The function that holds a piece."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef):
                return node
        return None

    def is_even(self, node: ast.AST) -> bool:
        """Whether the sign of a piece is lost at once: it is squared, or its size is taken."""
        parent = self.parents[node]
        if isinstance(parent, ast.Attribute) and isinstance(call := self.parents[parent], ast.Call):
            return parent.attr in EVEN or (parent.attr in CONVERSIONS and self.is_even(call))
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and node is parent.left:
            power = number(parent.right)
            return isinstance(power, int) and power % 2 == 0
        return isinstance(parent, ast.Call) and node in parent.args and called(parent) in EVEN

    def is_axis(self, node: ast.AST) -> bool:
        """Whether a number counts axes: `dim=1`, `x.sum(1)`, `(2, 3)` of `x.sum((2, 3))`."""
        parent = self.parents[node]
        if isinstance(parent, ast.Tuple):
            return self.is_axis(parent)
        if isinstance(parent, ast.keyword):
            return parent.arg in AXES
        return called(parent) in WITH_AN_AXIS and parent.args == [node]  # type: ignore[attr-defined]

    def meaning(self, node: ast.AST) -> Any:
        """What a dotted name means, None if that is not known before the answer runs."""
        try:
            if isinstance(node, ast.Name):
                return self.namespace.get(node.id)
            return getattr(self.meaning(node.value), node.attr, None) if isinstance(node, ast.Attribute) else None
        except Exception:  # an attribute may be computed
            return None

    def default(self, call: ast.Call, keyword: str) -> Any:
        """What a call would take for a keyword that is left out; `inspect.Parameter.empty` if that is not known."""
        try:
            return inspect.signature(self.meaning(call.func)).parameters[keyword].default
        except (KeyError, TypeError, ValueError):
            return inspect.Parameter.empty

    def is_of_a_module(self, node: ast.AST) -> bool:
        """Whether this is a function of a library, `torch.sqrt`, rather than the method of a value."""
        return isinstance(node, ast.Attribute) and inspect.ismodule(self.namespace.get(base(node)))


def called(node: ast.AST) -> str:
    """The last name of what is called: `sqrt` of `x.sqrt()` and of `torch.sqrt(x)`; nothing if this is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def number(node: ast.AST | None) -> int | float | None:
    """The number that is written here, with its sign; None if none is."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        size = number(node.operand)
        return None if size is None else -size
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return node.value
    return None


def written(value: object) -> ast.expr:
    """A literal as an expression: numbers, texts, None, and lists as tensors."""
    text = f"torch.tensor({value!r})" if isinstance(value, list) else repr(value)
    return ast.parse(text, mode="eval").body


def with_parts(
    node: ast.Call, args: list[ast.expr] | None = None, keywords: list[ast.keyword] | None = None
) -> ast.Call:
    """The same call with other arguments."""
    return ast.Call(node.func, node.args if args is None else args, node.keywords if keywords is None else keywords)


def with_one(items: list[ast.expr], index: int, item: ast.expr) -> list[ast.expr]:
    """The same list with one other item."""
    return [*items[:index], item, *items[index + 1 :]]

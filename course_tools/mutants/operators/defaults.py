"""A parameter of the answer that counts for nothing; an argument that the answer no longer gives."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

from course_tools.mutants.place import Place, with_parts, written

OTHERS = {"strict", "keepdim", "generator"}  # `strict` checks only; the others have an operator of their own
VALUE = r"""[-+]?\d+(?:\.\d+)?(?:e-?\d+)?|True|False|None|"[^"]*"|\[[^\]]*\]"""


def arguments(node: ast.AST, place: Place) -> Iterator[ast.expr]:
    """A call without one of its keywords, so that the default of what is called holds.

    Cannot matter, and is not made: a keyword that says what the default is.
    """
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            default = place.default(node, keyword.arg) if keyword.arg else inspect.Parameter.empty
            said = isinstance(keyword.value, ast.Constant) and keyword.value.value == default
            if keyword.arg not in OTHERS and not said:
                yield with_parts(node, keywords=[other for other in node.keywords if other is not keyword])


def parameters(node: ast.AST, place: Place) -> Iterator[list[ast.stmt]]:
    """Before the answer's first line, a parameter is set to its default, or to its value in the docstring's example.

    Cannot matter, and is not made: a parameter that the answer does not use; the value of a list where the cell has no
    `torch` to make a tensor of it.
    """
    function = place.function(node)
    if function is None or not isinstance(node, ast.stmt) or place.function(function) is not None:
        return
    body = [part for part in function.body if part.lineno in place.lines]
    if not body or node is not body[0]:
        return
    used = {name.id for part in body for name in ast.walk(part) if isinstance(name, ast.Name)}
    for name, values in _values(function, place).items():
        for value in values:
            if name in used and (not isinstance(value, list) or "torch" in place.namespace):
                yield [ast.Assign([ast.Name(name, ast.Store())], written(value)), node]


def _values(function: ast.FunctionDef, place: Place) -> dict[str, list[Any]]:
    """Parameter -> its default and its values in the example, each once."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    found: dict[str, list[Any]] = {arg.arg: [] for arg in [*positional, *given.kwonlyargs] if arg.arg != "self"}
    with_default = [*positional[len(positional) - len(given.defaults) :], *given.kwonlyargs]
    for arg, default in zip(with_default, [*given.defaults, *given.kw_defaults], strict=True):
        _add(found[arg.arg], default)
    holder = place.parents[function]
    documented = holder if isinstance(holder, ast.ClassDef) else function
    example = (ast.get_docstring(documented) or "").partition("Example")[2]
    for name, values in found.items():
        for text in re.findall(rf"\b{name}(?:\s*=\s*|\s+)({VALUE})", example):
            _add(values, _parsed(text))
    if documented is function or function.name == "__init__":
        for text in re.findall(rf"\b{documented.name}\(([^()]*)\)", example):
            call = _parsed(f"f({text})")
            for values, value in zip(found.values(), call.args if isinstance(call, ast.Call) else [], strict=False):
                _add(values, value)
    return found


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _add(values: list[Any], node: ast.expr | None) -> None:
    """Add a literal, unless it is there."""
    try:
        value = ast.literal_eval(node) if node is not None else ()
    except ValueError:
        return
    if isinstance(value, (int, float, str, list, type(None))) and repr(value) not in map(repr, values):
        values.append(value)

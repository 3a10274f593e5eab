"""A statement's normal form: what Python does with it, without what only people read.

Two statements have the same normal form if they differ in comments, layout or docstrings alone. It is the same under
every version of Python that the course supports: `ast.dump` is not, because each version adds fields, and leaves out
others where they are empty.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from typing import Any

# `ctx` follows from where a name stands; `kind` tells u"…" from "…"; a type comment is a comment.
_SILENT = {"ctx", "kind", "type_comment", "type_ignores"}
_ANNOTATIONS = {"annotation", "returns"}


def fingerprint(node: ast.AST, *, lazy: bool) -> str:
    """A digest of the normal form, 32 hexadecimal digits.

    Args:
        node: a statement, as `ast.parse` gives it.
        lazy: the module says `from __future__ import annotations`, so that those of arguments and of what a function
            returns are never evaluated, and do not count.
    """
    return hashlib.sha256("".join(_pieces(node, lazy)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _pieces(value: Any, lazy: bool, in_function: bool = False) -> Iterator[str]:
    if isinstance(value, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        in_function = not isinstance(value, ast.ClassDef)
    if isinstance(value, ast.JoinedStr):
        yield "JoinedStr("
        for part in _merged(value.values):
            yield from _pieces(part, lazy, in_function)
        yield ")"
    elif isinstance(value, ast.AST):
        yield f"{type(value).__name__}("
        for field in value._fields:
            child = getattr(value, field, None)
            is_value = isinstance(value, ast.Constant) and field == "value"  # None is a value
            # What is absent or empty is left out, whether or not this version of Python knows the field.
            if field in _SILENT or (not is_value and (child is None or child == [])):
                continue
            if field in _ANNOTATIONS and (in_function if isinstance(value, ast.AnnAssign) else lazy):
                continue  # Python never evaluates the annotation of a local variable
            yield f"{field}="
            yield from _pieces(child, lazy, in_function)
            yield ","
        yield ")"
    elif isinstance(value, list):
        yield "["
        for item in value:
            if not _is_string(item):
                yield from _pieces(item, lazy, in_function)
                yield ","
        yield "]"
    else:
        yield f"{type(value).__name__}:{value!a}"  # not `!r`: which letters it escapes differs between versions


def _merged(parts: list[ast.expr]) -> Iterator[ast.expr]:
    """The parts of an f-string; neighbouring pieces of text as one, which not every version of Python does."""
    text = ""
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            text += part.value
            continue
        if text:
            yield ast.Constant(text)
        text = ""
        yield part
    if text:
        yield ast.Constant(text)

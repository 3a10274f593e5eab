"""What a cell's source binds and uses, read without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any


def defined_outside(notebook: Any, parts: list[str]) -> dict[str, bool]:
    """Names that the notebook's other code cells define or import at their top level: name -> is an import."""
    names: dict[str, bool] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source not in parts:
            imported = set().union(*(imports(node) for node in statements(cell.source)))
            names.update({name: name in imported for name in binds(cell.source)})
    return names


def syntax_error(source: str) -> SyntaxError | None:
    """The syntax error of a cell, magics and shell lines allowed for; None if there is none."""
    try:
        ast.parse(_plain_python(source))
    except SyntaxError as error:
        return error
    except ValueError:  # a null byte
        return SyntaxError("the cell contains a null byte")
    return None


def statements(source: str) -> list[ast.stmt]:
    """The top-level statements of a cell; none if it has a syntax error."""
    return ast.parse(_plain_python(source)).body if syntax_error(source) is None else []


def _plain_python(source: str) -> str:
    """A cell as IPython would compile it: `%magic` and `!shell` lines turned into calls."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return str(TransformerManager().transform_cell(source))
    except SyntaxError:
        return source


def binds(source: str) -> set[str]:
    """The names that a cell binds at its top level."""
    names: set[str] = set()
    for node in _outer(statements(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= imports(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def imports(node: ast.AST) -> set[str]:
    """The names that an import statement binds; none for any other node."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return set()
    return {(name.asname or name.name).split(".")[0] for name in node.names}


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

"""What a student reads of each exercise, out of the lesson's source: its signature, its docstring, and what it uses."""

from __future__ import annotations

import ast
import functools

from course_tools import editions
from course_tools.editions.notebooks import code_cells
from course_utils.exercises.laws import Signature


@functools.cache
def exercise_cells(number: str) -> dict[str, str]:
    """The exercise cells of a lesson by the exercise's name, answers included, in the lesson's order."""
    nb = editions.read_source(editions.find(number).source)
    return {cell.metadata["exercise"]: cell.source for cell in code_cells(nb, "exercise")}


@functools.cache
def imports(number: str) -> str:
    """All imports of a lesson, as one piece of code."""
    nb = editions.read_source(editions.find(number).source)
    found = []
    for cell in code_cells(nb):
        source = "\n".join(line for line in cell.source.splitlines() if not line.startswith(("%", "!")))
        found += [node for node in ast.parse(source).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(ast.unparse(node) for node in found)


def signature(number: str, name: str) -> Signature:
    """The parameters of a function, or of a class's `__init__` and `forward`, with the docstring of the whole."""
    definition = _definition(exercise_cells(number)[name], name)
    functions = [definition]
    if isinstance(definition, ast.ClassDef):
        functions = [n for n in definition.body if getattr(n, "name", "") in ("__init__", "forward")]
    parameters, defaults = [], []
    for function in functions:
        plain = [*function.args.posonlyargs, *function.args.args]
        named = [a.arg for a in (*plain, *function.args.kwonlyargs) if a.arg != "self"]
        optional = [a.arg for a in plain[len(plain) - len(function.args.defaults) :]]
        optional += [a.arg for a, d in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if d]
        parameters += named
        defaults += optional
    return Signature(name, tuple(parameters), tuple(defaults), ast.get_docstring(definition) or "")


def uses(number: str, name: str) -> list[str]:
    """The exercises of the same lesson, earlier ones, that the solution of this one calls."""
    names = {node.id for node in ast.walk(ast.parse(exercise_cells(number)[name])) if isinstance(node, ast.Name)}
    every = list(exercise_cells(number))
    return [other for other in every[: every.index(name)] if other in names]


def _definition(source: str, name: str) -> ast.FunctionDef | ast.ClassDef:
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return node
    raise AssertionError(f"The exercise cell of {name} defines no {name}.")

"""A student's notebook, read as one list of top-level statements, without running anything.

Taken out of the cells are what no answer consists of: the line of a check (`f = ex.f.check(f)`), a stub as it was
handed out, and lines that install or start programs (`!pip`, `%pip`). Of `f = ex.f.check(g)` there remains `f = g`.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from course_tools.cells import bound_by, plain_python, syntax_error
from course_tools.grading.canonical import Canonical, is_check, name_of

# Cell magics that run the cell below them as it stands, in the notebook's own namespace.
_TRANSPARENT = re.compile(r"\A(?:[ \t]*\n)*[ \t]*%%(?:time|capture|prun)\b[^\n]*")
_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
_TIMED_LINE = re.compile(r"^%time[ \t]+(?=\S)", re.MULTILINE)
_PROGRAM = re.compile(r"get_ipython\(\)\.(?:system\(|run_line_magic\('(?:pip|conda|mamba|uv)')")


@dataclass(frozen=True)
class Cell:
    """A cell of the notebook.

    Attributes:
        number: from 1, counting every cell from the top, text included.
        source: as the student left it.
        text: what a grade may run of it: plain Python, unless it cannot be read.
        exercise, identity: the exercise that its metadata name, and its id; "" without.
        is_code, is_check: by its type and tags, or because there is nothing but a check in it.
        readable: whether it is Python.
    """

    number: int
    source: str
    text: str
    exercise: str
    identity: str
    is_code: bool
    is_check: bool
    readable: bool


@dataclass(frozen=True, eq=False)
class Statement:
    """One top-level statement: the number of its cell, and what it says."""

    cell: int
    node: ast.stmt
    source: str


@dataclass
class Written:
    """What stands in the notebook.

    Attributes:
        cells: all of them.
        statements: of the code cells that can be read, in the notebook's order.
        checks: exercise -> how many statements stand above its last check.
    """

    cells: list[Cell] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    checks: dict[str, int] = field(default_factory=dict)

    def text(self, cell: int, kept: Collection[Statement]) -> str:
        """A cell with these of its statements alone, each in its own line."""
        left = [s.node for s in self.statements if s.cell == cell and s not in kept]
        return _replaced(self.cells[cell - 1].text, [(node, "") for node in left])


def read_written(notebook: Any, canonical: Canonical) -> Written:
    """Read a notebook; what in it is a check, or a stub as handed out, the canonical notebook says."""
    stubs = {name: _stubs(exercise.untouched, name) for name, exercise in canonical.exercises.items()}
    written = Written()
    for number, cell in enumerate(notebook.cells, start=1):
        is_code = cell.cell_type == "code"
        text = _plain(cell.source) if is_code else cell.source
        readable = is_code and _readable(text)
        checks = is_check(cell)
        if readable:
            before, text = text, _read(number, text, stubs, written)
            checks = checks or (before != text and _only_checks(before, stubs))
        written.cells.append(
            Cell(number, cell.source, text, name_of(cell), str(cell.get("id", "")), is_code, checks, readable)
        )
    return written


def _only_checks(text: str, names: Collection[str]) -> bool:
    """Whether this is a check cell that has lost its tag."""
    return all(_without_check(node, names)[0] for node in ast.parse(text).body)


def _shape(node: ast.AST) -> str:
    """A statement's meaning, without its place, its layout and its docstrings."""
    node = copy.deepcopy(node)
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and ast.get_docstring(part):
            part.body = part.body[1:]
    return ast.dump(node)


def _stubs(untouched: str, name: str) -> set[str]:
    return {_shape(node) for node in ast.parse(_plain(untouched)).body if name in bound_by([node])}


def _plain(source: str) -> str:
    """A cell as Python: magics turned into calls, and those that only watch the cell taken away.

    Every line keeps its number: IPython would drop blank lines at the top.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    while found := _TRANSPARENT.match(source):
        source = "\n" * found[0].count("\n") + source[found.end() :]
    source = _TIMED_LINE.sub("", source)
    rest = _BLANK_LINES.sub("", source, count=1)
    plain = plain_python(rest)
    blank = "\n" * (source.count("\n") - rest.count("\n"))
    return blank + (plain if rest.endswith("\n") else plain.removesuffix("\n"))


def _readable(text: str) -> bool:
    """Whether a cell is Python, and no deeper nested than Python's own tools can follow."""
    if syntax_error(text, magics=False) is not None:
        return False
    try:
        ast.unparse(ast.parse(text))
    except RecursionError:
        return False
    return True


def _read(number: int, text: str, stubs: dict[str, set[str]], written: Written) -> str:
    """Add a cell's statements, and return its text without what no answer consists of."""
    replaced: list[tuple[ast.stmt, str]] = []
    checked: list[tuple[int, str]] = []
    for node in ast.parse(text).body:
        name, rest = _without_check(node, stubs)
        if name:
            replaced.append((node, rest))
            checked.append((node.lineno, name))
        elif _PROGRAM.match(ast.unparse(node)) or any(_shape(node) in stubs[n] for n in bound_by([node]) & set(stubs)):
            replaced.append((node, ""))
    text = _replaced(text, replaced)
    above = len(written.statements)
    own = [node for node in ast.parse(text).body if not isinstance(node, ast.Pass)]
    written.statements += [Statement(number, node, ast.unparse(node)) for node in own]
    for line, name in checked:
        written.checks[name] = above + sum(node.lineno <= line for node in own)
    return text


def _without_check(node: ast.stmt, names: Collection[str]) -> tuple[str, str]:
    """Of a check's line: the exercise's name, and what the line does besides: `f = g` of `f = ex.f.check(g)`."""
    if not isinstance(node, (ast.Assign, ast.Expr)) or not isinstance(node.value, ast.Call):
        return "", ""
    func, given = node.value.func, node.value.args
    if not (isinstance(func, ast.Attribute) and func.attr == "check" and isinstance(func.value, ast.Attribute)):
        return "", ""
    name = func.value.attr
    if name not in names or len(given) != 1:
        return "", ""
    targets = [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []
    value = ast.unparse(given[0])
    others = [target for target in targets if target != value]
    return name, " = ".join([*others, value]) if others else ""


def _replaced(text: str, nodes: Iterable[tuple[ast.stmt, str]]) -> str:
    """A text with other words in the place of some of its statements; every line keeps its number."""
    lines = text.split("\n")
    for node, words in sorted(nodes, key=lambda pair: (-pair[0].lineno, -pair[0].col_offset)):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        last = node.end_lineno or node.lineno
        before = lines[first - 1].encode()[: node.col_offset].decode()
        after = lines[last - 1].encode()[node.end_col_offset :].decode()
        shared = bool(before.strip() or after.strip())
        lines[first - 1 : last] = [before + (words or ("pass" if shared else "")) + after] + [""] * (last - first)
    return "\n".join(lines)

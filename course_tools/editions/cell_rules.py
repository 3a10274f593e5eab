"""What a single cell of a lesson's source must look like. A fault is the rest of a sentence about the cell."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator

from nbformat import NotebookNode

from course_tools.cells import binds, syntax_error
from course_tools.editions.notebooks import tags
from course_tools.editions.student import BEGIN, END, answer_lines, mark, without_answer

OUR_TAGS = ("parameters", "exercise", "check", "experiment", "figure", "explorer", "machine")
# Tags that Jupyter's own tools understand, harmless to ours.
JUPYTER_TAGS = ("hide-input", "hide-output", "hide-cell", "remove-cell")
CELL_KEYS = ("tags", "exercise", "points", "jupyter", "slideshow", "editable", "deletable")
MAX_CELL_LINES = 30
MAX_ANSWER_LINES = 15
MAX_COLUMNS = 96  # of code: a window of 1,280 pixels cuts off what is longer

# What breaks a headless run, another system, or nbval's comparison of a check's one line.
_UNWELCOME = (
    (re.compile(r"^\s*!", re.M), "runs a shell command, which differs between systems: use Python"),
    (re.compile(r"#\s*(NBVAL|PYTEST_VALIDATE)_"), "holds an nbval comment: tests are steered by tags"),
    (re.compile(r"^[^#\n]*\binput\(", re.M), "asks for input, and nobody answers in a headless run"),
    (re.compile(r"^[^#\n]*\b(os\._exit|sys\.exit|quit|exit)\(", re.M), "ends the kernel"),
)


def cell_faults(cell: NotebookNode) -> Iterator[str]:
    """What must be mended in a cell: its tags, its metadata, its marks, its Python."""
    for tag in tags(cell):
        if tag not in OUR_TAGS + JUPYTER_TAGS:
            yield f"has the unknown tag {tag!r}{did_you_mean(tag, OUR_TAGS)}"
    for key in cell.metadata:
        if key not in CELL_KEYS:
            yield f"has the unknown metadata {key!r}{did_you_mean(key, CELL_KEYS)}"
    if cell.cell_type == "raw":
        yield "is a raw cell, which no reader sees: make it markdown, or remove the header that made it"
    if cell.cell_type != "code":
        if tags(cell):
            yield f"is markdown and tagged {tags(cell)[0]!r}: only code cells are tagged"
        return
    yield from _width_faults(cell.source)
    own = set(tags(cell)) & {"exercise", "check"}
    if len(own) == 2:
        yield "is tagged both exercise and check: split it in two"
    if not own and "exercise" in cell.metadata:
        yield "names an exercise but is tagged neither exercise nor check"
    for pattern, why in _UNWELCOME:
        if pattern.search(cell.source):
            yield why
    if "exercise" in own:
        yield from _exercise_faults(cell)
    elif any(mark(line) for line in cell.source.splitlines()):
        yield f"holds {BEGIN} or {END} but is not tagged exercise"
    if "check" in own:
        yield from _check_faults(cell)
    if not own:
        yield from _syntax_faults(cell.source)


def _width_faults(source: str) -> Iterator[str]:
    for number, line in enumerate(source.splitlines(), start=1):
        if len(line) > MAX_COLUMNS:
            yield f"has {len(line)} characters in its line {number}: break it, a window shows {MAX_COLUMNS}"


def _exercise_faults(cell: NotebookNode) -> Iterator[str]:
    name, points = cell.metadata.get("exercise"), cell.metadata.get("points")
    if not isinstance(name, str) or not name.isidentifier():
        yield 'is tagged exercise but has no name: add exercise="the_function"'
        return
    if not isinstance(points, int) or isinstance(points, bool) or points < 1:
        yield "has no points: add points=1 or more to its cell mark"
    unbalanced = _unbalanced_marks(cell.source)
    if unbalanced:
        yield unbalanced
        return
    if not "".join(answer_lines(cell.source)).strip():
        yield "has nothing between its marks: write the answer there"
    faults = list(_syntax_faults(cell.source, magics=False))  # a student's answer cell is plain Python
    if faults:
        yield from faults
        return
    if name not in binds(cell.source):
        yield f"never defines {name}, the exercise it is named after"
    bare = without_answer(cell.source, name)
    try:
        tree = ast.parse(bare)
    except SyntaxError:
        yield "is not valid Python without its answer: let the marks enclose whole statements"
        return
    if _raises_outside_functions(tree, name):
        yield f"has {BEGIN} outside a function, so that the untouched cell would stop the lesson: move it into one"


def _unbalanced_marks(source: str) -> str | None:
    marks = [found[0] for found in map(mark, source.splitlines()) if found]
    if not marks:
        return f"is an exercise without {BEGIN} and {END}"
    if marks != ["BEGIN", "END"] * (len(marks) // 2):
        return f"has unbalanced marks: every {BEGIN} needs one {END} after it"
    if re.search(r"#+\s*(BEGIN|END) SOLUTION", _without_marks(source), re.I):
        return f"has a misspelt mark: a mark is a line of its own, {BEGIN} or {END}"
    return None


def _without_marks(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if not mark(line))


def _check_faults(cell: NotebookNode) -> Iterator[str]:
    """A check cell is one statement, `name = ex.name.check(name)`: a grade compares the line it prints."""
    name = cell.metadata.get("exercise")
    if not isinstance(name, str) or not name.isidentifier():
        yield 'is tagged check but names no exercise: add exercise="the_function"'
        return
    if "points" in cell.metadata:
        yield "is a check with points: the points belong to the exercise cell"
    wanted = rf"{name} = \w+\.{name}\.check\({name}\)"
    try:
        normal = ast.unparse(ast.parse(cell.source))
    except SyntaxError:
        normal = ""
    if not re.fullmatch(wanted, normal):
        yield f"must hold `{name} = ex.{name}.check({name})` and nothing else"
    elif cell.source.rstrip().endswith(";"):
        yield "ends in a semicolon, which nbval cannot compare: remove it"


def cell_warnings(cell: NotebookNode) -> Iterator[str]:
    """What ought to be mended in a cell: too many lines."""
    if cell.cell_type != "code":
        return
    lines = len(cell.source.splitlines())
    if lines > MAX_CELL_LINES:
        yield f"has {lines} lines: split it, a cell fits a screen of {MAX_CELL_LINES}"
    answer = sum(bool(line.strip()) for line in answer_lines(cell.source))
    if answer > MAX_ANSWER_LINES:
        yield f"has an answer of {answer} lines: {MAX_ANSWER_LINES} are enough for one exercise"


def _syntax_faults(source: str, magics: bool = True) -> Iterator[str]:
    error = syntax_error(source, magics)
    if error:
        yield f"is not valid Python: {error.msg} in its line {error.lineno}"


def _raises_outside_functions(tree: ast.AST, name: str) -> bool:
    """Whether `raise NotImplementedError(name)` would run as soon as the cell does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        wanted = f"NotImplementedError('{name}')"
        if isinstance(node, ast.Raise) and node.exc and ast.unparse(node.exc) == wanted:
            return True
        if _raises_outside_functions(node, name):
            return True
    return False


def did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {close[0]!r}?" if close else f", not one of {', '.join(known)}"

"""The canonical notebook: the executed solution edition, read as the frame into which a student's answers go.

It supplies the set-up cells, the checks, their recorded outputs and execution counts, the points and the order. nbval
lets a wrong answer pass where outputs and counts were stripped, so a canonical notebook without them is refused here.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_tools.cells import statements
from course_tools.editions.notebooks import read_notebook, tags, text_of
from course_tools.editions.student import without_answer
from course_utils.errors import CourseError


@dataclass(frozen=True)
class CanonicalExercise:
    """One exercise as the solution edition has it.

    Attributes:
        name, points: from the metadata of its cell.
        untouched: the source of its cell in the student edition.
        recorded: the line that its check printed for the reference answer, `NAME: PASS (4 of 4)`.
    """

    name: str
    points: int
    untouched: str
    recorded: str


@dataclass(frozen=True)
class Canonical:
    """A solution edition, checked to be fit for grading.

    Attributes:
        path: the notebook's file.
        notebook: as nbformat read it.
        exercises: by name, in the lesson's order.
        module, alias: the lesson's exercise module and the name it has in the notebook
            (`from course_utils.lessons.lesson01 import checks as ex`).
    """

    path: Path
    notebook: Any
    exercises: dict[str, CanonicalExercise]
    module: str
    alias: str


def read_canonical(path: Path) -> Canonical:
    """Read a solution edition.

    Raises:
        CourseError: it is missing, damaged, or not executed, or a check has no recorded PASS.
    """
    rebuild = f"build it with `course build {path.name[:2]}`"
    if not path.is_file():
        raise CourseError(f"The solution edition {path.name} is not here, and a grade is made with it: {rebuild}.")
    notebook = read_notebook(path)
    answers = {name_of(cell): cell for cell in notebook.cells if is_answer(cell)}
    checks = {name_of(cell): cell for cell in notebook.cells if is_check(cell)}
    if not answers:
        raise CourseError(f"{path.name} has no exercises, so there is nothing to check.")
    if set(answers) != set(checks):
        odd = ", ".join(sorted(set(answers) ^ set(checks)))
        raise CourseError(f"In {path.name} an answer cell and a check cell do not pair up ({odd}): {rebuild}.")
    exercises = {}
    for name, cell in answers.items():
        recorded = _recorded_line(checks[name], name)
        if recorded is None:
            raise CourseError(
                f"{path.name} has no recorded output for the check of `{name}`, and nbval would let a wrong answer "
                f"pass: {rebuild}, and keep outputs and execution counts."
            )
        points = int(cell.metadata.get("points", 1))
        exercises[name] = CanonicalExercise(name, points, without_answer(cell.source, name), recorded)
    module, alias = _exercise_module(notebook, next(iter(checks.values())).source, path)
    return Canonical(path, notebook, exercises, module, alias)


def is_check(cell: Any) -> bool:
    return cell.cell_type == "code" and "check" in tags(cell) and bool(name_of(cell))


def is_answer(cell: Any) -> bool:
    return cell.cell_type == "code" and bool(name_of(cell)) and not is_check(cell)


def name_of(cell: Any) -> str:
    """The exercise that a cell's metadata names, or ""."""
    name = cell.metadata.get("exercise", "")
    return name if isinstance(name, str) else ""


def verdict_pattern(name: str) -> re.Pattern[str]:
    """Finds what a check of this exercise prints first, also where a thread's output got onto the same line."""
    return re.compile(rf"{re.escape(name)}: (?:PASS \(\d+ of \d+\)|FAIL \(\d+ of \d+\)|not tried yet)")


def _recorded_line(cell: Any, name: str) -> str | None:
    if cell.execution_count is None:
        return None  # nbval compares nothing in a cell without a count
    found = verdict_pattern(name).findall(text_of(cell.outputs))
    return found[0] if len(found) == 1 and ": PASS " in found[0] else None


def _exercise_module(notebook: Any, check: str, path: Path) -> tuple[str, str]:
    """The module behind `ex` in `NAME = ex.NAME.check(NAME)`, and that alias."""
    found = re.search(r"=\s*(\w+)\.\w+\.check\(", check)
    alias = found.group(1) if found else ""
    for cell in notebook.cells:
        if cell.cell_type != "code" or alias not in cell.source:
            continue
        for node in statements(cell.source):
            for name in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else []:
                if (name.asname or name.name) == alias:
                    package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                    return f"{package}{name.name}", alias
    raise CourseError(f"{path.name} never imports the exercises under the name that its checks use ({alias!r}).")

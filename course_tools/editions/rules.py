"""What a lesson's source must look like. A fault is one sentence that names file, line and cell."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from course_tools.cells import statements, syntax_error
from course_tools.editions.cell_rules import cell_faults, cell_warnings, did_you_mean
from course_tools.editions.notebooks import tags

MAX_SETUP_LINES = 10  # before the first section; imports and parameters are not counted


@dataclass(frozen=True)
class Place:
    """A cell of a source: the file, its number from 1, the line it begins in, and its exercise if any."""

    file: str
    number: int
    line: int | None
    exercise: str

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        exercise = f" ({self.exercise})" if self.exercise else ""
        return f"{self.file}{line}, cell {self.number}{exercise}"


@dataclass(frozen=True)
class Problem:
    """One fault of a source; a warning does not stop the build."""

    text: str
    warning: bool = False


def examine(nb: NotebookNode, places: list[Place], exercise_names: Iterable[str] | None = None) -> list[Problem]:
    """Every fault of a source notebook, in the order of its cells."""
    found: list[Problem] = []
    for cell, place in zip(nb.cells, places, strict=True):
        found += [Problem(f"{place} {fault}.") for fault in cell_faults(cell)]
        found += [Problem(f"{place} {fault}.", warning=True) for fault in cell_warnings(cell)]
    found += [Problem(text) for text in _heading_faults(nb, places)]
    found += [Problem(text) for text in _parameters_faults(nb, places)]
    found += [Problem(text) for text in _setup_faults(nb, places)]
    found += [Problem(text) for text in _pairing_faults(nb, places)]
    if exercise_names is not None:
        found += [Problem(text) for text in _agreement_faults(nb, places, list(exercise_names))]
    return found


def _heading_faults(nb: NotebookNode, places: list[Place]) -> Iterator[str]:
    number = nb.metadata.course.lesson
    file = places[0].file if places else "This source"
    first = nb.cells[0] if nb.cells else None
    if first is None or first.cell_type != "markdown" or not re.match(rf"# {number} · \S", first.source):
        yield f"{file} must begin with a markdown cell whose first line is `# {number} · Title`."


def _parameters_faults(nb: NotebookNode, places: list[Place]) -> Iterator[str]:
    tagged = [i for i, cell in enumerate(nb.cells) if "parameters" in tags(cell)]
    if not tagged:
        file = places[0].file if places else "This source"
        yield f'{file} has no parameters cell: tag the cell that sets `preset` with tags=["parameters"].'
        return
    for index in tagged[1:]:
        yield f"{places[index]} is a second parameters cell: one is enough."
    names = _literals(nb.cells[tagged[0]].source)
    if "preset" not in names:
        yield f'{places[tagged[0]]} must set `preset`, such as `preset = "auto"`.'
    graded = {"exercise", "check", "experiment"}
    first = next((i for i, cell in enumerate(nb.cells) if graded & set(tags(cell))), None)
    if first is not None and first < tagged[0]:
        yield f"{places[tagged[0]]} stands after the first exercise or experiment: it comes before them."


def _setup_faults(nb: NotebookNode, places: list[Place]) -> Iterator[str]:
    """What a reader has to run before the first section is short: a reader came for the section."""
    lines = sum(len(list(filter(str.strip, cell.source.splitlines()))) for cell in _setup_cells(nb))
    if lines > MAX_SETUP_LINES:
        yield (
            f"{places[0].file} has {lines} lines of set-up before its first section: {MAX_SETUP_LINES} are enough, "
            "imports and parameters not counted, so move the rest to where it is needed, or into the package."
        )


def _setup_cells(nb: NotebookNode) -> Iterator[NotebookNode]:
    """The code cells before the first `## ` heading that do more than import or set parameters."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and re.search(r"^## ", cell.source, re.M):
            return
        if cell.cell_type == "code" and "parameters" not in tags(cell) and not _only_imports(cell.source):
            yield cell


def _only_imports(source: str) -> bool:
    if syntax_error(source) is not None:
        return False
    return all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in statements(source))


def _pairing_faults(nb: NotebookNode, places: list[Place]) -> Iterator[str]:
    """Every exercise has its check as the next code cell, every check its exercise, and no name comes twice."""
    code = [i for i, cell in enumerate(nb.cells) if cell.cell_type == "code"]
    following = dict(itertools.pairwise(code))
    first: dict[tuple[str, str], int] = {}
    for i in code:
        for kind in ("exercise", "check"):
            name = nb.cells[i].metadata.get("exercise")
            if kind in tags(nb.cells[i]) and isinstance(name, str):
                if (kind, name) in first:
                    yield f"{places[i]} is a second {kind} named {name}: a name is used once."
                first.setdefault((kind, name), i)
    for (kind, name), i in first.items():
        partner = first.get(("check" if kind == "exercise" else "exercise", name))
        if partner is None:
            missing = "no check" if kind == "exercise" else "no exercise"
            yield f"{places[i]} has {missing} named {name} in this lesson."
        elif kind == "exercise" and following.get(i) != partner:
            yield f"{places[partner]} must be the first code cell after its exercise, {places[i]}."


def _agreement_faults(nb: NotebookNode, places: list[Place], known: list[str]) -> Iterator[str]:
    file = places[0].file if places else "This source"
    here = {
        cell.metadata.exercise: index
        for index, cell in enumerate(nb.cells)
        if "exercise" in tags(cell) and "exercise" in cell.metadata
    }
    for name, index in here.items():
        if name not in known:
            yield f"{places[index]} is not in the lesson's exercises module{did_you_mean(name, known)}."
    for name in known:
        if name not in here:
            yield f"{file} has no exercise cell for {name}, which the lesson's exercises module checks."
    order = [name for name in here if name in known]
    if not set(known) - set(here) and order != [name for name in known if name in here]:
        yield f"{file} has its exercises in another order than the exercises module: {', '.join(known)}."


def _literals(source: str) -> set[str]:
    """The names that a cell sets to plain values at its top level."""
    return {
        target.id
        for node in statements(source)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

"""A lesson's source, read into a notebook whose cell ids never change without reason."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from course_tools.editions.notebooks import notebook_metadata, tags
from course_tools.editions.rules import Place, Problem, examine
from course_utils.errors import CourseError

# What jupytext notes for its own round trip; it says nothing to a reader or a grader.
_JUPYTEXT_KEYS = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "title")
_CELL_START = re.compile(r"^# %%")
_NUMBER = re.compile(r"\d\d(?=_)")


class SourceError(CourseError):
    """A lesson's source breaks a rule. The message names file, line and cell, one sentence a fault."""


def read_source(path: Path, exercise_names: Iterable[str] | None = None) -> NotebookNode:
    """Read `solutions/NN_slug.py` as a notebook, answers included and nothing executed.

    Args:
        path: the source, jupytext py:percent.
        exercise_names: the names that the lesson's checks know; None leaves that comparison out.

    Raises:
        SourceError: the source breaks a rule (see `rules`).
    """
    nb, places = _parse(path)
    faults = [problem.text for problem in examine(nb, places, exercise_names) if not problem.warning]
    if faults:
        raise SourceError("\n".join(faults))
    return nb


def problems(path: Path, exercise_names: Iterable[str] | None = None) -> list[Problem]:
    """Everything that `read_source` would refuse, and what it lets pass with a warning."""
    try:
        nb, places = _parse(path)
    except SourceError as error:
        return [Problem(str(error))]
    return examine(nb, places, exercise_names)


def _parse(path: Path) -> tuple[NotebookNode, list[Place]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SourceError(f"There is no source {path}.") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path.name} is not UTF-8 text: save it as UTF-8.") from None
    try:
        raw = jupytext.reads(text, fmt="py:percent")
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path.name} cannot be read as a py:percent notebook: {reason}.") from None
    number = _NUMBER.match(path.name)
    cells = _with_ids([_clean(cell) for cell in raw.cells])
    nb = new_notebook(cells=cells, metadata=notebook_metadata(lesson=number[0] if number else path.stem))
    nb.nbformat_minor = 5
    return nb, _places(path.name, text, nb)


def _clean(cell: NotebookNode) -> NotebookNode:
    """A new cell with the source and only that metadata which the author wrote."""
    make = {"code": new_code_cell, "markdown": new_markdown_cell}.get(cell.cell_type, new_raw_cell)
    metadata = {key: value for key, value in cell.metadata.items() if key not in _JUPYTEXT_KEYS}
    return make(cell.source, metadata=metadata)


def _with_ids(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Ids from what a cell is: its exercise's name, or a hash of its source (and a counter for twins)."""
    seen: dict[str, int] = {}
    for cell in cells:
        wanted = _wanted_id(cell)
        seen[wanted] = seen.get(wanted, 0) + 1
        cell.id = wanted if seen[wanted] == 1 else f"{wanted}-{seen[wanted]}"
    return cells


def _wanted_id(cell: NotebookNode) -> str:
    name = str(cell.metadata.get("exercise", ""))
    if re.fullmatch(r"[A-Za-z0-9_-]{1,50}", name):
        if "exercise" in tags(cell):
            return name
        if "check" in tags(cell):
            return f"{name}-check"
    if "parameters" in tags(cell):
        return "parameters"
    kind = {"code": "c", "markdown": "m"}.get(cell.cell_type, "r")
    return kind + hashlib.sha256(cell.source.encode("utf-8")).hexdigest()[:11]


def _places(file: str, text: str, nb: NotebookNode) -> list[Place]:
    """Where each cell begins in the file; without line numbers where the two ways of counting differ."""
    starts = [i for i, line in enumerate(text.splitlines(), start=1) if _CELL_START.match(line)]
    lines: list[int] | list[None] = starts if len(starts) == len(nb.cells) else [None] * len(nb.cells)
    return [
        Place(file, index + 1, line, str(cell.metadata.get("exercise", "")))
        for index, (cell, line) in enumerate(zip(nb.cells, lines, strict=True))
    ]

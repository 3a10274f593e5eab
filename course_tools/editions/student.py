"""The student edition: the source with every answer replaced by `raise NotImplementedError`."""

from __future__ import annotations

import copy
import re

from nbformat import NotebookNode

from course_tools.editions.notebooks import tags

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
_MARK = re.compile(r"^(?P<indent>[ \t]*)###\s*(?P<which>BEGIN|END) SOLUTION\s*$")


def mark(line: str) -> tuple[str, str] | None:
    """("BEGIN" or "END", indentation) if the line is a mark, else None."""
    match = _MARK.match(line)
    return (match["which"], match["indent"]) if match else None


def without_answer(source: str, name: str) -> str:
    """The cell's source with `raise NotImplementedError("name")` for every answer, indented like it."""
    kept: list[str] = []
    inside = False
    for line in source.splitlines():
        found = mark(line)
        if found and found[0] == "BEGIN":
            kept.append(f'{found[1]}raise NotImplementedError("{name}")')
            inside = True
        elif found:
            inside = False
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def answer_lines(source: str) -> list[str]:
    """The lines between the marks, in order."""
    lines: list[str] = []
    inside = False
    for line in source.splitlines():
        found = mark(line)
        if found:
            inside = found[0] == "BEGIN"
        elif inside:
            lines.append(line)
    return lines


def student(nb: NotebookNode) -> NotebookNode:
    """The student edition of a source notebook: no answers, no outputs, no counts; ids and metadata kept."""
    edition = copy.deepcopy(nb)
    edition.metadata.course["edition"] = "student"
    for cell in edition.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = []
        cell.execution_count = None
        if "exercise" in tags(cell):
            cell.source = without_answer(cell.source, cell.metadata.exercise)
    return edition

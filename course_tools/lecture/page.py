"""A lesson's explorer as a notebook of its own: the cells it needs, kept quiet, and the explorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_tools.editions.notebooks import tags
from course_tools.lab import ROOT, find_notebook
from course_tools.lecture.needed import needed_cells
from course_utils.errors import CourseError

QUIET = "%%capture\n"  # what a cell before the explorer prints and draws is not for the wall


def lecture_notebook(lesson: str, root: Path = ROOT) -> Any:
    """The notebook behind the page: the lesson's heading, the cells its explorer needs, and the explorer.

    It is made from the solution edition, or from the student edition where there is no other: there an exercise that
    nobody has solved is filled by the course's own version, as always.

    Raises:
        CourseError: there is no such lesson, or it has no explorer; the message lists those that have one.
    """
    path = _edition(lesson, root)
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [k for k, cell in enumerate(code) if "explorer" in tags(cell)]
    if not shown:
        have = ", ".join(lessons_with_explorer(root)) or "none yet"
        raise CourseError(f"Lesson {path.stem[:2]} has no explorer to show: those that have one are {have}.")
    sources = [cell.source for cell in code]
    cells = [new_markdown_cell(_heading(notebook))]
    for k in needed_cells(sources, shown):
        cells.append(new_code_cell(sources[k] if k in shown else QUIET + sources[k]))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "title": _heading(notebook).lstrip("# ")})


def lessons_with_explorer(root: Path = ROOT) -> list[str]:
    """The numbers of the lessons that `course lecture` can show."""
    found = []
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        if any("explorer" in tags(cell) for cell in nbformat.read(path, as_version=4).cells):
            found.append(path.stem[:2])
    return found


def _edition(lesson: str, root: Path) -> Path:
    student = find_notebook(lesson, root)
    solution = root / "solutions" / student.name
    return solution if solution.exists() else student


def _heading(notebook: Any) -> str:
    """The lesson's first line, `# 12 · Classifier-free guidance`."""
    first = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "# Explorer")
    return str(first).splitlines()[0]

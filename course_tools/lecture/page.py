"""A lesson's explorer as a notebook of its own: the cells it needs, kept quiet, and the explorer."""

from __future__ import annotations

from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_tools.cells import needed_cells
from course_tools.editions import inject, takes
from course_tools.editions.notebooks import code_cells, notebook_metadata, read_notebook, tags
from course_tools.lab import ROOT, find_notebook
from course_utils.errors import CourseError

PRESET = "lecture"  # models that were trained ahead are loaded, unless COURSE_PRESET says otherwise
QUIET = "%%capture\n"  # what a cell before the explorer prints and draws is not for the wall


def lecture_notebook(lesson: str, root: Path = ROOT) -> NotebookNode:
    """The notebook behind the page: the lesson's heading, the cells its explorer needs, and the explorer.

    It is made from the solution edition, or from the student edition where there is no other: there an exercise that
    nobody has solved is filled by the course's own version, as always.

    Raises:
        CourseError: there is no such lesson, or it has no explorer; the message lists those that have one.
    """
    path = _edition(lesson, root)
    notebook = read_notebook(path)
    if not code_cells(notebook, "explorer"):
        have = ", ".join(lessons_with_explorer(root)) or "none yet"
        raise CourseError(f"Lesson {path.stem[:2]} has no explorer to show: those that have one are {have}.")
    page = page_of(notebook)
    return inject(page, preset=PRESET) if takes(page, "preset") else page


def page_of(notebook: NotebookNode) -> NotebookNode:
    """The page of a notebook that has an explorer, in either edition."""
    code = code_cells(notebook)
    shown = [k for k, cell in enumerate(code) if "explorer" in tags(cell)]
    cells = [new_markdown_cell(_heading(notebook))]
    for k in needed_cells([cell.source for cell in code], shown):
        quiet = "" if k in shown else QUIET
        cells.append(new_code_cell(quiet + code[k].source, metadata={"tags": tags(code[k])}))
    page = new_notebook(cells=cells, metadata=notebook_metadata(**notebook.metadata.get("course", {})))
    page.metadata["title"] = _heading(notebook).lstrip("# ")
    return page


def lessons_with_explorer(root: Path = ROOT) -> list[str]:
    """The numbers of the lessons that `course lecture` can show."""
    found = []
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        if code_cells(read_notebook(path), "explorer"):
            found.append(path.stem[:2])
    return found


def _edition(lesson: str, root: Path) -> Path:
    student = find_notebook(lesson, root)
    solution = root / "solutions" / student.name
    return solution if solution.exists() else student


def _heading(notebook: NotebookNode) -> str:
    """The lesson's first line, `# 12 · Classifier-free guidance`."""
    first = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "# Explorer")
    return str(first).splitlines()[0]

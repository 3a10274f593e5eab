"""Notebook files: the same bytes on every machine, and never half a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_utils.errors import CourseError
from course_utils.files import write_if_changed

# No version of Python or of the kernel: a notebook must not change because another machine built it.
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}


def notebook_metadata(**course: Any) -> NotebookNode:
    """The metadata of an edition; `course` is what we store in it ourselves, such as the lesson's number."""
    return nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE, "course": course})


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell; none where a notebook that was handed in has something else there."""
    found = cell.metadata.get("tags", [])
    return [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []


def code_cells(nb: NotebookNode, tag: str | None = None) -> list[NotebookNode]:
    """The code cells, in order; with a tag, those that have it."""
    return [cell for cell in nb.cells if cell.cell_type == "code" and (tag is None or tag in tags(cell))]


def text_of(outputs: list[NotebookNode]) -> str:
    """What a cell printed on standard output."""
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")


def label(nb: NotebookNode, index: int) -> str:
    """A cell in words: 'cell 7 (check of q_sample)', counted from 1 as a reader counts."""
    cell = nb.cells[index]
    exercise = cell.metadata.get("exercise")
    if exercise:
        kind = "check" if "check" in tags(cell) else "exercise"
        return f"cell {index + 1} ({kind} {exercise})"
    first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "empty")
    return f"cell {index + 1} ({first[:50]})"


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of any format as version 4.

    Raises:
        CourseError: there is no such file, or it is not a notebook.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CourseError(f"There is no notebook {path}: run `course build`.") from None
    except UnicodeDecodeError:
        raise CourseError(f"{path} is not a notebook: it is not UTF-8 text.") from None
    try:
        return nbformat.reads(text, as_version=4)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CourseError(
            f"{path} cannot be read as a notebook ({reason[:200]}): restore it or build it again."
        ) from None


def to_bytes(nb: NotebookNode) -> bytes:
    """A notebook as it stands on disk: sorted keys, UTF-8, LF line ends, one newline at the end."""
    return (nbformat.writes(nb, version=4).rstrip("\n") + "\n").encode("utf-8")


def write_notebook(path: Path, nb: NotebookNode) -> bool:
    """Write a notebook if its bytes differ from what is there, all at once. Returns whether it wrote."""
    return write_if_changed(path, to_bytes(nb))

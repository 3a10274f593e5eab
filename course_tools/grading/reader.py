"""Reading a notebook that was handed in, of which nothing is taken on trust.

Of each cell only what a grade looks at is kept: its source, id, kind, and of its metadata the exercise and the tags.
Outputs are left behind, and so is whatever else stands in the metadata, however deep.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_tools.editions.notebooks import tags
from course_utils.errors import CourseError

MOST_BYTES = 100_000_000  # of a notebook; its outputs count
MOST_CELLS = 5_000
LONGEST_CODE = 100_000  # characters of a code cell
NO_CHARACTER = "\ufffd"

# What else comes in under the name of a notebook: how it begins, and what to say.
IMPOSTORS = (
    (b"PK\x03\x04", "is a zip file under the name of a notebook: rename it to .zip"),
    (b"%PDF", "is a PDF under the name of a notebook: hand in the .ipynb file"),
    (b"version https://git-lfs", "is a pointer of Git LFS and not the file itself: run `git lfs pull` and take that"),
    (b"<<<<<<<", "holds a merge conflict of Git: solve it and save the notebook again"),
    (b"<", "is a web page under the name of a notebook: download the .ipynb file itself (on GitHub with `Raw`)"),
)


@dataclass(frozen=True)
class StudentNotebook:
    """A notebook that was handed in.

    Attributes:
        cells: each with `cell_type`, `source`, `id` and `metadata`, in order.
        edition: which edition it says it is, such as "student" or "solution"; "" if it says nothing.
        notes: sentences about what could not be read as it stands.
    """

    cells: list[NotebookNode]
    edition: str = ""
    notes: list[str] = field(default_factory=list)


def readable(name: str) -> str:
    """A file's name as text that can be printed and stored; of one that is not UTF-8 the bytes, such as `M\\xfc`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def read_student(path: Path) -> StudentNotebook:
    """Read a student's notebook from a file.

    Raises:
        CourseError: as in `read_file` and in `parse`.
    """
    return parse(read_file(path), readable(path.name))


def read_file(path: Path) -> bytes:
    """What is in a file that should be a notebook.

    Raises:
        CourseError: missing, a folder, a pipe or a device, too large, or not to be read.
    """
    shown = readable(path.name)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise CourseError(f"{readable(str(path))} is a folder: name the notebook inside it.")
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for ever
            raise CourseError(f"{shown} is no ordinary file but a pipe, a socket or a device: name the .ipynb file.")
        if found.st_size > MOST_BYTES:
            raise CourseError(too_large(shown))
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CourseError(f"There is no notebook {readable(str(path))}: check the name.") from None
    except OSError as error:
        raise CourseError(f"{shown} cannot be read ({error.strerror or error}): check its permissions.") from None


def too_large(name: str) -> str:
    return (
        f"{name} is larger than {MOST_BYTES // 1_000_000} MB: clear its outputs in JupyterLab, save it, and try again."
    )


def parse(content: bytes, name: str) -> StudentNotebook:
    """The notebook in these bytes.

    Args:
        content: UTF-8, or UTF-16 as some editors save it.
        name: of the file, for the sentences.

    Raises:
        CourseError: empty, not JSON, not a notebook, of the old format 3, or beyond all measure.
    """
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    for beginning, sentence in IMPOSTORS:
        if start.startswith(beginning):
            raise CourseError(f"{name} {sentence}.")
    text = content.decode(json.detect_encoding(content), errors="replace")
    if not text.strip():
        raise CourseError(f"{name} is empty: save the notebook again in JupyterLab, or take a fresh copy of it.")
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise CourseError(f"{name} is nested deeper than any notebook: take a fresh copy of it.") from None
    except ValueError:
        conflict = "\n<<<<<<< " in text
        why = "it holds a merge conflict of Git" if conflict else "it is not JSON"
        raise CourseError(f"{name} is not a Jupyter notebook ({why}): hand in the .ipynb file.") from None
    if isinstance(notebook, dict) and notebook.get("nbformat") in (1, 2, 3):
        raise CourseError(
            f"{name} is in the old notebook format {notebook['nbformat']}: open it in JupyterLab, "
            "save it, and check it again."
        )
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(c, dict) and "cell_type" in c for c in cells):
        raise CourseError(f"{name} is JSON but not a Jupyter notebook: hand in the .ipynb file.")
    if len(cells) > MOST_CELLS:
        raise CourseError(f"{name} has more than {MOST_CELLS} cells: take a fresh copy of it and put the answers in.")
    notes: list[str] = []
    clean = [_cell(cell, number, notes) for number, cell in enumerate(cells, start=1)]
    return StudentNotebook(clean, _edition(notebook), notes)


def _cell(cell: dict[str, Any], number: int, notes: list[str]) -> NotebookNode:
    """What a grade looks at in a cell."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    source = source if isinstance(source, str) else ""
    kind = "code" if cell["cell_type"] == "code" else "markdown"
    if kind == "code" and len(source) > LONGEST_CODE:
        notes.append(f"Cell {number} has more than {LONGEST_CODE:,} characters, so it was not read.")
        source = ""
    whole = _whole(source)
    if NO_CHARACTER in whole and kind == "code":
        notes.append(f"Cell {number} has a broken character, such as half an emoji, which is read as {NO_CHARACTER}.")
    given = cell.get("metadata")
    given = given if isinstance(given, dict) else {}
    metadata = NotebookNode(tags=[_whole(tag) for tag in tags(NotebookNode(metadata=given))])
    if isinstance(given.get("exercise"), str):
        metadata["exercise"] = _whole(given["exercise"])
    identity = cell.get("id")
    identity = _whole(identity) if isinstance(identity, str) else ""
    return NotebookNode(cell_type=kind, source=whole, id=identity, metadata=metadata)


def _whole(text: str) -> str:
    """The text without halves of characters, which JSON can hold and no file can."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _edition(notebook: dict[str, Any]) -> str:
    found: Any = notebook
    for key in ("metadata", "course", "edition"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""

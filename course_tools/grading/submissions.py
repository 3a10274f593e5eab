"""What was handed in: every file and folder has its line, with the student it belongs to, or why it cannot be graded.

Left out are only the traces that systems and editors leave of themselves. Links are not followed, and what is neither a
file nor a folder is not opened, because a pipe would wait for ever.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path

from course_tools.grading.reader import read_file, readable
from course_tools.grading.zips import members, read_member
from course_utils.errors import CourseError

DEEPEST = 30  # folders within folders
MOST_OTHERS = 20  # files of one student that are no notebooks and get a row each
TRACES = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}
ENDING = r"(?i)\.(?:ipynb|zip)(?:\.\w+)?$|\.(?:py|txt|html?|pdf|docx?|json|rar|7z|tar|(?:tar\.)?gz|tgz)$"
ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True)
class Submission:
    """One file, or a folder that has none.

    Attributes:
        student: whose it is.
        file: its path below the folder handed in, as text; in a zip, the zip's path and the path within.
        path: the file, or the zip that it is in.
        place: which file of the zip; None for no zip.
        refusal: why it cannot be graded, in a sentence; "" for a notebook.
        other: it is a file of another kind, such as a picture beside the notebook.
    """

    student: str
    file: str
    path: Path
    place: int | None = None
    refusal: str = ""
    other: bool = False

    def read(self) -> bytes:
        """The notebook's bytes.

        Raises:
            CourseError: it cannot be read.
        """
        return read_file(self.path) if self.place is None else read_member(self.path, self.place)


def handed_in(folder: Path, table: Path) -> list[Submission]:
    """Everything in a folder, and in its sub-folders and zips, but for the table of grades itself.

    A file right in the folder belongs to the student of its name, what is in a sub-folder to the student of that
    sub-folder's name.

    Raises:
        CourseError: there is no such folder, or nothing in it.
    """
    if folder.is_file():
        raise CourseError(f"{folder} is a file: name the folder that it lies in, or `course check` it alone.")
    if not folder.is_dir():
        raise CourseError(f"There is no folder {folder}: name the folder with the notebooks handed in.")
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise CourseError(f"{folder} cannot be opened ({error.strerror}): check its permissions.") from None
    found = []
    for path in paths:
        found += _without_crowd(_below(folder, path, _student(path.name), table))
    if not found:
        raise CourseError(f"There is no notebook (*.ipynb) in {folder}.")
    return found


def _below(root: Path, path: Path, student: str, table: Path) -> list[Submission]:
    """What is at a path; nothing for a trace, and for the table."""
    name, file = readable(path.name), readable(path.relative_to(root).as_posix())

    def refused(why: str, other: bool = False) -> list[Submission]:
        return [Submission(student, file, path, refusal=f"{name} {why}", other=other)]

    if _is_trace(name) or _is_same(path, table):
        return []
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) or getattr(path, "is_junction", bool)():  # a junction is Windows' link between folders
            return refused("is a link, and links are not followed: put the notebook itself in its place.")
        if stat.S_ISDIR(mode):
            if len(path.relative_to(root).parts) > DEEPEST:
                return refused("lies too deep in other folders: move it up.")
            entries = sorted(path.iterdir())
            inside = [one for entry in entries for one in _below(root, entry, student, table)]
            left = " but what the system left there" if entries else ""
            return inside or refused(f"is a folder with nothing in it{left}: ask for the .ipynb file.")
        if not stat.S_ISREG(mode):
            return refused("is no ordinary file but a pipe, a socket or a device: ask for the .ipynb file.")
        if name.lower().endswith(".ipynb"):
            return [Submission(student, file, path)]
        if name.lower().endswith(".zip"):
            inside = _zipped(path, student, file)
            return inside or refused("is a zip with no file in it: ask for the .ipynb file.")
    except CourseError as error:
        return [Submission(student, file, path, refusal=str(error))]
    except OSError as error:
        return refused(f"cannot be opened ({error.strerror or error}): check its permissions.")
    return refused(_other(name), other=True)


def _zipped(path: Path, student: str, file: str) -> list[Submission]:
    """What is in a zip."""
    found = []
    for member in members(path):
        parts = member.name.split("/")
        if any(_is_trace(part) for part in parts):
            continue
        other = "" if member.name.lower().endswith(".ipynb") or member.refusal else f"{parts[-1]} {_other(parts[-1])}"
        why = member.refusal or other
        found.append(Submission(student, f"{file}/{member.name}", path, member.place, why, bool(other)))
    return found


def _other(name: str) -> str:
    """What to say of a file that is neither a notebook nor a zip."""
    if name.lower().endswith(ARCHIVES):
        return "is an archive of a kind that is not opened: unpack it here, or ask for the .ipynb file."
    if ".ipynb" in name.lower():
        return "has the name of a notebook with something behind it: if it is one, rename it to end in .ipynb."
    return "is no notebook (*.ipynb) and no zip, so it was not graded."


def _without_crowd(found: list[Submission]) -> list[Submission]:
    """One student's lines, where many files of other kinds share the last of theirs."""
    others = [one for one in found if one.other]
    if len(others) <= MOST_OTHERS + 1:
        return found
    crowd = {id(one) for one in others[MOST_OTHERS:]}
    first = others[MOST_OTHERS]
    why = f"{len(crowd)} more files of this student are neither notebooks nor zips, so they were not graded."
    together = Submission(first.student, f"{first.file} …", first.path, refusal=why, other=True)
    return [*(one for one in found if id(one) not in crowd), together]


def _is_trace(name: str) -> bool:
    """What a system or an editor leaves behind, such as `.ipynb_checkpoints`; a notebook that is hidden is none."""
    hidden = name.startswith(".") and name != ".." and (name.startswith("._") or not name.lower().endswith(".ipynb"))
    return hidden or name.lower() in TRACES


def _is_same(path: Path, table: Path) -> bool:
    try:
        return not path.is_symlink() and path.samefile(table)
    except OSError:  # there is no table yet
        return False


def _student(name: str) -> str:
    """`ada` of `ada.ipynb`, `ada.zip`, `ada.py` and `ada.ipynb.txt`; a folder's name as it stands."""
    shown = readable(name)
    return re.sub(ENDING, "", shown) or shown

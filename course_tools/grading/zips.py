"""Looking into a zip that was handed in, of which nothing is taken on trust.

Nothing is ever unpacked to disk. A notebook is read into memory, up to a limit: zipfile gives no more of a file than
the size that the zip states for it, and that is what the limits look at.
"""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from course_tools.grading.reader import MOST_BYTES, readable, too_large
from course_utils.errors import CourseError

MOST_FILES = 1_000
MOST_ZIPPED = 200_000_000  # bytes of the zip
MOST_UNZIPPED = 500_000_000  # bytes of all its notebooks
ENTRY = b"PK\x01\x02"  # begins what a zip says of one file


@dataclass(frozen=True)
class Member:
    """A file in a zip: its place among all of them, its path there, and why it is not to be read, or ""."""

    place: int
    name: str
    refusal: str = ""


def members(path: Path) -> list[Member]:
    """The files in a zip, in its order; folders are none.

    Raises:
        CourseError: it is no zip, or damaged, or holds more than `MOST_FILES` or `MOST_UNZIPPED`.
    """
    shown = readable(path.name)
    if path.stat().st_size > MOST_ZIPPED:
        raise CourseError(f"{shown} is larger than {MOST_ZIPPED // 1_000_000} MB: hand in the .ipynb file alone.")
    if path.read_bytes().count(ENTRY) > MOST_FILES:  # before zipfile makes an object of each
        raise CourseError(f"{shown} holds more than {MOST_FILES:,} files: hand in the .ipynb file alone.")
    with _opened(path) as archive:
        found = [(place, info) for place, info in enumerate(archive.infolist()) if not info.is_dir()]
        if sum(info.file_size for _, info in found if _is(info, ".ipynb")) > MOST_UNZIPPED:
            raise CourseError(f"{shown} unpacks to more than {MOST_UNZIPPED // 1_000_000} MB: hand in the .ipynb file.")
        return [Member(place, _name(info), _refusal(info)) for place, info in found]


def read_member(path: Path, place: int) -> bytes:
    """What is in one file of a zip.

    Raises:
        CourseError: it is damaged, or packed in a way that Python does not know.
    """
    with _opened(path) as archive:
        return archive.read(archive.infolist()[place])


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    shown = readable(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except CourseError:
        raise
    except Exception as error:  # zipfile and the decompressors raise a dozen kinds for what is damaged
        raise CourseError(
            f"{shown} cannot be unpacked ({str(error)[:200] or type(error).__name__}): hand in the .ipynb file itself."
        ) from None


def _refusal(info: zipfile.ZipInfo) -> str:
    """Why a file in a zip is not to be read, or ""."""
    name = _name(info)
    if name.startswith("/") or ".." in name.split("/") or re.match("[A-Za-z]:", name):
        return f"{name} has a path that leads out of its zip, so it was not read: hand in the .ipynb file."
    if stat.S_ISLNK(info.external_attr >> 16):
        return f"{name} is a link in its zip, and no file: hand in the .ipynb file itself."
    if _is(info, ".zip"):
        return f"{name} is a zip within a zip, and was not opened: hand in the .ipynb file."
    if info.flag_bits & 1:
        return f"{name} is locked with a password in its zip: hand in the .ipynb file."
    if _is(info, ".ipynb") and info.file_size > MOST_BYTES:
        return too_large(name)
    return ""


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.replace("\\", "/")  # some programs on Windows write it their way


def _is(info: zipfile.ZipInfo, ending: str) -> bool:
    return info.filename.lower().endswith(ending)

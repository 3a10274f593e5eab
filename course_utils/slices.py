"""What only one lesson has lies in its slice, `course_utils/lessons/lessonNN`; here slices are found by name.

No module below imports a slice: it asks here at run time. So a new lesson is a folder beside the others, and no file
that lessons share has to name it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from course_utils.errors import CourseError

HOME = Path(__file__).parent / "lessons"
_FOLDER = re.compile(r"lesson(\d\d)")


@dataclass(frozen=True)
class About:
    """What pages that list lessons say of one: `ABOUT` in the `about.py` of its slice.

    Attributes:
        line: what one does there, for README's table; a few words without a full stop.
        words: term -> its meaning in a line, for the glossary: the terms that this lesson introduces, in its order.
    """

    line: str
    words: Mapping[str, str]


def numbers() -> list[str]:
    """The numbers of the lessons that have a slice, such as ["00", "01"]."""
    found = (_FOLDER.fullmatch(path.name) for path in HOME.iterdir() if path.is_dir())
    return sorted(match[1] for match in found if match)


def folder(number: str) -> Path:
    """Where the slice of a lesson lies, whether or not there is one."""
    return HOME / f"lesson{number}"


def has(number: str, name: str) -> bool:
    """Whether a lesson's slice has a module of this name. Nothing is imported."""
    where = folder(number)
    return (where / f"{name}.py").is_file() or (where / name / "__init__.py").is_file()


def part(number: str, name: str) -> ModuleType | None:
    """A module of a lesson's slice, such as part("12", "checks"); None if there is none."""
    return importlib.import_module(f"course_utils.lessons.lesson{number}.{name}") if has(number, name) else None


def about(number: str) -> About:
    """What pages that list lessons say of this one.

    Raises:
        CourseError: its slice has no `about.py` with an `ABOUT`.
    """
    said = getattr(part(number, "about"), "ABOUT", None)
    if not isinstance(said, About):
        raise CourseError(f"Lesson {number} does not say what it is about: write {folder(number).name}/about.py.")
    return said

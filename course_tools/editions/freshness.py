"""Which solution editions are out of date: those whose source, code or loaded weights and results have changed.

The digest of a lesson has two halves: of its source, and of the code that it reaches (`reach`). What the lesson loaded
is recorded when it is executed, and compared with what is stored now (`loaded`).
"""

from __future__ import annotations

import hashlib

import nbformat
from nbformat import NotebookNode

from course_tools.cells import plain_python
from course_tools.editions.engine import DEFAULT_PRESET
from course_tools.editions.lessons import Course, Lesson
from course_tools.editions.loaded import changed
from course_tools.editions.notebooks import read_notebook, tags
from course_tools.editions.reach import Code, Unit
from course_tools.editions.solution import CHECK_OUTPUT, solution_cells
from course_tools.editions.source import read_source
from course_utils.errors import CourseError

HALF = 16
#: what is found by name in a lesson's own slice when it runs, and so counts for this lesson alone
FOUND_BY_NAME = ("colours",)


def code_of(course: Course | None = None) -> Code:
    """The course's package as it is now, for many calls of `digest` and `stale`."""
    course = course or Course()
    return Code(course.root, course.package)


def modules_used(lesson: Lesson, course: Course | None = None, code: Code | None = None) -> list[str]:
    """The modules of which a lesson reaches at least one statement, sorted."""
    course = course or Course()
    code = code or code_of(course)
    reached = code.reach(_cells(lesson, code), _own_modules(lesson, course, code))
    return sorted({unit.module for unit in reached} & code.files.keys())


def digest(lesson: Lesson, course: Course | None = None, code: Code | None = None) -> str:
    """A fingerprint of a lesson's source and of all code of the package that it reaches, 32 hexadecimal digits.

    The same on every system: line ends do not count, nor where the repository lies. Of the code, comments, layout and
    docstrings do not count either.
    """
    course = course or Course()
    code = code or code_of(course)
    source = lesson.source.read_bytes().replace(b"\r\n", b"\n")
    reached = code.digest(_cells(lesson, code), _own_modules(lesson, course, code))
    return hashlib.sha256(source).hexdigest()[:HALF] + reached[:HALF]


def stale(
    lesson: Lesson,
    course: Course | None = None,
    preset: str = DEFAULT_PRESET,
    code: Code | None = None,
) -> str | None:
    """Why a lesson's solution edition has to be executed again, in one sentence; None if it is fresh."""
    course = course or Course()
    if not lesson.solution.is_file():
        return f"Lesson {lesson.number} has no solution edition yet."
    try:
        nb = read_notebook(lesson.solution)
    except CourseError as error:
        return str(error)
    recorded = nb.metadata.get("course", {})
    if recorded.get("preset") != preset:
        return f"Lesson {lesson.number} was executed under preset {recorded.get('preset')}, not {preset}."
    before, now = str(recorded.get("digest")), digest(lesson, course, code)
    if before[:HALF] != now[:HALF]:
        return f"The source of lesson {lesson.number} has changed since it ran."
    if before[HALF:] != now[HALF:]:
        return f"Code that lesson {lesson.number} reaches has changed since it ran."
    if "loaded" not in recorded:
        return f"What lesson {lesson.number} loaded when it ran was not recorded."
    what = changed(recorded["loaded"], course)
    if what:
        return f"Lesson {lesson.number} loads what has changed since it ran: {what}."
    if _content(nb) != _content(nbformat.from_dict({"cells": solution_cells(read_source(lesson.source))})):
        return f"The solution edition of lesson {lesson.number} was edited: its cells differ from the source."
    for cell in nb.cells:
        if CHECK_OUTPUT in tags(cell) and not cell.outputs:
            return f"The solution edition of lesson {lesson.number} has lost its outputs."
    return None


def _cells(lesson: Lesson, code: Code) -> list[Unit]:
    """The statements of a lesson's cells, as those of a module."""
    cells = [cell for cell in read_source(lesson.source).cells if cell.cell_type == "code"]
    return code.add("\n".join(plain_python(cell.source) for cell in cells), lesson.name).units


def _own_modules(lesson: Lesson, course: Course, code: Code) -> list[str]:
    """Modules of the lesson's own slice that no import names."""
    names = [f"{course.package}.lessons.lesson{lesson.number}.{name}" for name in FOUND_BY_NAME]
    return [name for name in names if name in code.modules]


def _content(nb: NotebookNode) -> list[tuple[str, str, str, object]]:
    return [(cell.id, cell.cell_type, cell.source, dict(cell.metadata)) for cell in nb.cells]

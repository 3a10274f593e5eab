"""From a lesson's one source to its two editions: the student's notebook and the executed solution.

    solutions/NN_slug.py     the source, jupytext py:percent      (`lessons`, `source`)
    notebooks/NN_slug.ipynb  the student edition, no answers      (`student`)
    solutions/NN_slug.ipynb  the solution edition, executed       (`solution`, `engine`)

`build` writes both and runs again only what has changed (`freshness`); `gates` holds what must be true of
every lesson, as functions that return complaints.
"""

from __future__ import annotations

from course_tools.editions.build import Result, build
from course_tools.editions.engine import ExecutionError, execute, inject, takes
from course_tools.editions.freshness import code_of, digest, modules_used, stale
from course_tools.editions.lessons import Course, Lesson, find, lessons
from course_tools.editions.notebooks import read_notebook, to_bytes, write_notebook
from course_tools.editions.solution import recorded_size, solution_cells, tidy
from course_tools.editions.source import SourceError, problems, read_source
from course_tools.editions.student import student

__all__ = [
    "Course",
    "ExecutionError",
    "Lesson",
    "Result",
    "SourceError",
    "build",
    "code_of",
    "digest",
    "execute",
    "find",
    "inject",
    "lessons",
    "modules_used",
    "problems",
    "read_notebook",
    "read_source",
    "recorded_size",
    "solution_cells",
    "stale",
    "student",
    "takes",
    "tidy",
    "to_bytes",
    "write_notebook",
]

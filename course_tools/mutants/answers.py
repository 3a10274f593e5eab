"""The answers in a lesson's source, and what stands around them: read and defined without running the lesson."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from course_tools import editions
from course_tools.cells import needed_cells, statements
from course_tools.editions.notebooks import tags
from course_utils.errors import CourseError

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
# A check would put the reference in an answer's place; the others run, and define nothing that an answer uses.
LEFT_OUT = {"check", "experiment", "explorer", "figure"}


@dataclass(frozen=True)
class Answer:
    """The answer to one exercise, as the lesson's source has it.

    Attributes:
        exercise: its name.
        source: the exercise's cell.
        namespace: what the cell finds when it runs: imports, helpers and earlier answers.
    """

    exercise: str
    source: str
    namespace: dict[str, Any] = field(default_factory=dict, repr=False)

    def lines(self) -> set[int]:
        """The numbers of the lines between the marks, from 1."""
        inside, found = False, set()
        for number, line in enumerate(self.source.splitlines(), start=1):
            inside = (inside or BEGIN in line) and END not in line
            if inside:
                found.add(number)
        return found

    def defined(self, code: Any) -> Any:
        """What the exercise's name holds once this version of its cell has run."""
        scope = dict(self.namespace)
        exec(code, scope)
        return scope[self.exercise]


def read(number: str) -> Iterator[Answer]:
    """The answers of a lesson, in its order.

    Raises:
        CourseError: there is no such lesson; what an answer needs cannot be defined without running the lesson.
    """
    sources: list[str] = []
    exercises: dict[int, tuple[str, str]] = {}
    for cell in editions.read_source(editions.find(number).source).cells:
        if cell.cell_type != "code" or LEFT_OUT & {*tags(cell)}:
            continue
        sources += [str(ast.get_source_segment(cell.source, part)) for part in statements(cell.source)]
        if "exercise" in tags(cell):
            exercises[len(sources) - 1] = str(cell.metadata["exercise"]), cell.source
    namespace: dict[str, Any] = {"__name__": f"lesson{number}"}
    for index in needed_cells(sources, exercises) if exercises else []:
        if index in exercises:
            yield Answer(*exercises[index], dict(namespace))
        try:
            exec(compile(sources[index], f"<lesson {number}>", "exec"), namespace)
        except Exception as error:
            raise CourseError(
                f"Lesson {number} cannot define what its answers use ({error}): keep it out of cells that are an "
                f"experiment, an explorer or a figure. The line is {sources[index].splitlines()[0]!r}."
            ) from None

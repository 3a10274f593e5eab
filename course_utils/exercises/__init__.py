"""The checks of every lesson's exercises, one module a lesson: `lesson01` and so on."""

from __future__ import annotations

import importlib
import pkgutil

from course_utils.errors import CourseError
from course_utils.exercises.framework import Exercise


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises, such as ["00", "01"]."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name.removeprefix("lesson") for name in found if name.startswith("lesson"))


def for_lesson(number: str) -> dict[str, Exercise]:
    """The exercises of one lesson by name, in the lesson's order.

    Raises:
        CourseError: there is no such lesson.
    """
    if number not in lessons():
        raise CourseError(f"Lesson {number} has no exercises here: there are {', '.join(lessons())}.")
    module = importlib.import_module(f"{__name__}.lesson{number}")
    return {exercise.name: exercise for exercise in module.ORDER}

"""What the checks of all lessons share: the framework, inputs, and helpers for networks.

The checks of a lesson lie in its slice, `course_utils/lessons/lessonNN/checks`.
"""

from __future__ import annotations

from course_utils import slices
from course_utils.errors import CourseError
from course_utils.exercises.framework import Exercise


def lessons() -> list[str]:
    """The numbers of the lessons that have exercises, such as ["00", "01"]."""
    return [number for number in slices.numbers() if slices.has(number, "checks")]


def for_lesson(number: str) -> dict[str, Exercise]:
    """The exercises of one lesson by name, in the lesson's order.

    Raises:
        CourseError: there is no such lesson.
    """
    checks = slices.part(number, "checks")
    if checks is None:
        raise CourseError(f"Lesson {number} has no exercises here: there are {', '.join(lessons())}.")
    return {exercise.name: exercise for exercise in checks.ORDER}

"""`course check` without a file name: the real lessons, in the student's own notebook."""

from __future__ import annotations

from course_tools import grading
from course_tools.editions import lessons


def test_without_a_file_name_the_students_own_notebook_is_checked() -> None:
    lesson = lessons()[0]
    assert grading.check(int(lesson.number)).notebook == lesson.student

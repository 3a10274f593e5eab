"""The real lessons: the solution edition gets every point, the student edition none."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_utils import grading
from course_utils.editions import Lesson, lessons

LESSONS = [lesson for lesson in lessons() if lesson.solution.exists() and lesson.student.exists()]


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_the_solution_edition_scores_everything_and_the_student_edition_nothing(lesson: Lesson) -> None:
    best = grading.grade(lesson.number, lesson.solution)
    assert best.passed_all, [(result.name, result.status, result.hint) for result in best.results]
    assert best.earned == best.points > 0 and best.timings["runs"] == 1 and best.notes == []
    worst = grading.check(lesson.number, lesson.student)
    assert worst.earned == 0 and {result.status for result in worst.results} == {"not tried"}


@pytest.mark.skipif(not LESSONS, reason="no lesson is built: `course build`")
def test_without_a_file_name_the_students_own_notebook_is_checked() -> None:
    lesson = LESSONS[0]
    report = grading.check(int(lesson.number))
    assert report.notebook == Path(lesson.student)

"""The gates, on the real lessons as they are committed; `test_each_lesson` has those that execute a lesson.

`test_gates_fail` shows that each of them can close.
"""

from __future__ import annotations

import pytest

from course_tools import editions
from course_tools.editions import gates

LESSONS = editions.lessons()
COURSE = editions.Course()

pytestmark = pytest.mark.notebooks
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def in_lines(complaints: list[str]) -> str:
    return "\n".join(complaints)


def test_the_lessons_are_here():
    """Without this, a lost folder would open every gate below."""
    assert {"00", "01"} <= {lesson.number for lesson in LESSONS}


@each_lesson
def test_the_source_keeps_the_rules(lesson):
    assert not (found := gates.source_is_sound(lesson)), in_lines(found)


@each_lesson
def test_both_editions_regenerate_without_difference(lesson):
    assert not (found := gates.editions_regenerate(lesson)), in_lines(found)


@each_lesson
def test_the_solution_edition_is_fresh(lesson):
    assert not (found := gates.solution_is_fresh(lesson)), in_lines(found)


@each_lesson
def test_every_check_cell_has_recorded_output(lesson):
    assert not (found := gates.checks_are_recorded(editions.read_notebook(lesson.solution))), in_lines(found)


@each_lesson
def test_every_recorded_check_passed(lesson):
    assert not (found := gates.all_passed(editions.read_notebook(lesson.solution))), in_lines(found)


@each_lesson
def test_no_answer_is_in_the_student_edition(lesson):
    source, edition = editions.read_source(lesson.source), editions.read_notebook(lesson.student)
    assert not (found := gates.answers_stay_out(source, edition)), in_lines(found)


@each_lesson
def test_every_figure_cell_made_a_figure(lesson):
    assert not (found := gates.figures_are_made(editions.read_notebook(lesson.solution))), in_lines(found)


@each_lesson
def test_nothing_of_the_machine_is_recorded(lesson):
    for path in (lesson.student, lesson.solution):
        assert not (found := gates.machine_stays_out(editions.read_notebook(path))), in_lines(found)


@each_lesson
def test_the_notebooks_are_small(lesson):
    for path in (lesson.student, lesson.solution):
        assert not (found := gates.small_enough(editions.read_notebook(path))), in_lines(found)


def test_every_internal_link_and_picture_resolves():
    assert not (found := gates.links_resolve(COURSE.root)), in_lines(found)


def test_no_edition_is_left_without_its_source():
    """A renamed lesson leaves its old notebooks behind, and students would open them."""
    known = {path for lesson in LESSONS for path in (lesson.student, lesson.solution)}
    here = {path for folder in ("notebooks", "solutions") for path in (COURSE.root / folder).glob("*.ipynb")}
    assert here <= known, sorted(path.name for path in here - known)

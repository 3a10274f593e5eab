"""Each lesson is executed a few times under the preset `smoke`, and all that must hold of a run is asked of that run.

    the student edition, untouched              once, as it is handed out
    the solution edition                        once, through nbval
    the cells of its lecture page               once, to compare the explorer with that of the whole lesson
    the solution with another image set         once, the sets in rotation; ALL=1 takes every set
    both editions, graded                       only the answers and their checks run

A browser shows the lecture page, too (`tests/browser`). That each of the gates can close is shown by `test_gates_fail`
and `tests/ship/test_lecture_same.py`.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from course_tools import editions, grading, lecture
from course_tools.editions import gates
from course_tools.editions.smoke import Validation, through_nbval

LESSONS = editions.lessons()
EXPLORED = [lesson for lesson in LESSONS if lesson.number in lecture.lessons_with_explorer()]
COURSE = editions.Course()
CELL_SECONDS = 240
REAL = ("mnist", "cifar10")

pytestmark = pytest.mark.notebooks
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def here() -> list[str]:
    """The image sets besides the drawn flowers that need no network: the digits, and what COURSE_DATA_DIR holds."""
    folder = os.environ.get("COURSE_DATA_DIR", "")
    return ["digits", *(name for name in REAL if folder and (Path(folder) / name).is_dir())]


def met(lessons: list[editions.Lesson], sets: list[str], every: bool) -> list[tuple[editions.Lesson, str]]:
    """Which lesson runs on which other set. A lesson's set goes by its number: a new lesson moves no other's."""
    taking = [lesson for lesson in lessons if editions.takes(editions.read_source(lesson.source), "dataset")]
    if every:
        return [(lesson, name) for lesson in taking for name in sets]
    return [(lesson, sets[int(lesson.number) % len(sets)]) for lesson in taking]


def none(complaints: list[str]) -> None:
    assert not complaints, "\n".join(complaints)


@each_lesson
def test_the_untouched_student_edition_runs_to_its_end_and_scores_nothing(lesson):
    nb = editions.read_notebook(lesson.student)
    ran = editions.execute(nb, "smoke", folder=lesson.student.parent, timeout=CELL_SECONDS)
    none(gates.nothing_tried(ran) + gates.figures_are_made(ran))


@functools.cache
def validated(lesson: editions.Lesson) -> Validation:
    """The one run of a solution edition through nbval."""
    return through_nbval(lesson.solution, COURSE.root, cell_timeout=CELL_SECONDS)


@each_lesson
def test_the_solution_edition_runs_through_nbval_and_its_checks_say_what_is_recorded(lesson):
    said = validated(lesson)
    none(said.complaints)
    none(gates.all_passed(said.notebook) + gates.figures_are_made(said.notebook))


@pytest.mark.parametrize("lesson", EXPLORED, ids=lambda lesson: lesson.name)
def test_the_lecture_page_shows_what_the_lesson_shows(lesson):
    page = lecture.page_of(editions.read_source(lesson.source))
    shown = editions.execute(page, "smoke", folder=lesson.solution.parent, root=COURSE.root, timeout=CELL_SECONDS)
    none(validated(lesson).complaints)
    none(lecture.lecture_shows_the_same(validated(lesson).notebook, shown))


@pytest.mark.parametrize(
    ("lesson", "dataset"),
    met(LESSONS, here(), bool(os.environ.get("ALL"))),
    ids=lambda value: getattr(value, "name", value),
)
def test_a_lesson_runs_on_another_image_set(lesson, dataset):
    nb = editions.read_source(lesson.source)
    ran = editions.execute(nb, "smoke", dataset, folder=lesson.solution.parent, root=COURSE.root, timeout=CELL_SECONDS)
    none(gates.all_passed(ran) + gates.figures_are_made(ran))


@each_lesson
def test_the_solution_edition_is_graded_with_full_marks(lesson):
    report = grading.grade(lesson.number, lesson.solution)
    assert [(result.name, result.hint) for result in report.results if not result.passed] == []
    assert [result.name for result in report.results] == list(COURSE.exercise_names(lesson.number))
    assert report.passed_all and report.earned == report.points > 0
    assert report.notes == [] and report.timings["runs"] == 1


@each_lesson
def test_the_student_edition_is_graded_with_no_marks(lesson):
    report = grading.check(lesson.number, lesson.student)
    assert {result.status for result in report.results} == {"not tried"}
    assert report.earned == 0 < report.points


# --- which sets are met


@pytest.mark.data
def test_the_real_image_sets_are_here():
    """Without this, a lost folder would leave every lesson with the digits."""
    missing = [name for name in REAL if name not in here()]
    if missing:
        pytest.skip(f"no lesson met {' or '.join(missing)}: set COURSE_DATA_DIR to the folder that holds them")


@pytest.mark.parametrize("sets", [["digits"], ["digits", "mnist"], ["digits", "mnist", "cifar10"]], ids=len)
def test_every_set_is_met_by_some_lesson_and_every_lesson_meets_one(sets):
    pairs = met(LESSONS, sets, every=False)
    assert {name for _, name in pairs} == set(sets)
    assert len({lesson for lesson, _ in pairs}) == len(pairs)
    assert set(pairs) < set(every := met(LESSONS, sets, every=True)) or len(sets) == 1
    assert len(every) == len(sets) * len(pairs)


def test_a_new_lesson_changes_no_other_lessons_set():
    sets = ["digits", *REAL]
    assert set(met(LESSONS[1:], sets, every=False)) == set(met(LESSONS, sets, every=False)[1:])

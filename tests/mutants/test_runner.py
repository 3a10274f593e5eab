"""A lesson's mutants are tried in a process of their own: what survives is reported, what hangs is stopped."""

from __future__ import annotations

import pytest

from course_tools import mutants
from course_tools.mutants.answers import read
from course_tools.mutants.report import known, table
from course_utils.errors import CourseError
from tests.mutants import toy


@pytest.fixture(scope="module")
def blind():
    """The lesson whose check looks at one value."""
    return mutants.attempt("99", toy.blind)


def survivors(report):
    return [mutant.becomes for mutant in report.survivors]


def test_a_check_that_sees_everything_rejects_all_and_its_lax_twin_is_reported(blind):
    report = mutants.attempt("99", toy.sound)
    assert report.exercises == ["double"] and len(report.outcomes) == 5 and survivors(report) == []
    assert mutants.complaints(report, []) == []
    assert survivors(blind) == ["return 2 / x"]
    assert ["survives and is not listed" in said for said in mutants.complaints(blind, [])] == [True]


def test_a_mutant_without_end_is_stopped_and_so_is_one_that_hears_no_timer():
    report = mutants.attempt("99", toy.endless)
    stopped = [mutant.becomes for mutant, outcome in report.outcomes if outcome == "stopped"]
    assert stopped == ["return until_below_zero(n)", "return deaf_until_below_zero(n)"]
    assert len(report.outcomes) == 4 and survivors(report) == []


def test_a_check_that_refuses_the_lessons_own_answer_is_named():
    with pytest.raises(CourseError, match="double refuses the lesson's own answer"):
        mutants.attempt("99", toy.refused)


def test_answers_are_defined_without_running_the_lesson():
    answers = {answer.exercise: answer for answer in read("06")}
    assert {"torch", "pairwise", "model_time", "respace"} <= answers["sample_ddim"].namespace.keys()
    assert not {"run", "plots", "plt"} & answers["sample_ddim"].namespace.keys()
    assert "sample_ddim" not in answers["respace"].namespace


def test_the_report_counts_and_says_what_is_known(blind):
    assert table(blind).row_count == 2
    listed = [mutants.Entry((m.exercise, m.was, m.becomes), open="values: one is tried") for m in blind.survivors]
    assert [said.splitlines()[-1] for said in known(blind, listed)] == ["  open: values: one is tried"]
    assert known(blind, []) == []

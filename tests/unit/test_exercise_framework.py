"""The three outcomes of a check, whatever the answer does."""

import sys
import warnings

import pytest
import torch

from course_utils import exercises
from course_utils.errors import CourseError
from course_utils.exercises.framework import (
    Exercise,
    Placeholder,
    close,
    expect,
    expect_tensor,
    expect_values,
    untouched,
)


def double(x):
    return 2 * x


@pytest.fixture
def exercise():
    made = Exercise("double", reference=double)

    @made.part
    def one(answer):
        expect(answer(1) == 2, "1 does not become 2.")

    @made.part
    def three(answer):
        expect(answer(3) == 6, "3 does not become 6.")

    return made


def test_a_right_answer(exercise, capsys):
    def answer(x):
        return x + x

    assert exercise.check(answer) is answer
    assert capsys.readouterr().out == "double: PASS (2 of 2)\n"


def test_a_wrong_answer_gets_the_first_hint_and_the_reference_goes_on(exercise, capsys):
    assert exercise.check(lambda x: 2) is double
    assert capsys.readouterr().out == "double: FAIL (1 of 2)\n  hint: 3 does not become 6.\n"


def test_an_untried_answer(exercise, capsys):
    def answer(x):
        raise NotImplementedError("double")

    assert exercise.check(answer) is double
    assert exercise.check(Placeholder("double")) is double
    assert capsys.readouterr().out == "double: not tried yet\n" * 2


def test_the_reference_does_not_pass_for_an_answer(exercise, capsys):
    assert exercise.check(double) is double
    out = capsys.readouterr().out
    assert out.startswith("double: not tried yet\n") and "PASS" not in out


def test_another_exercise_that_is_not_tried_does_not_hide_a_failure(exercise):
    def answer(x):
        raise NotImplementedError("something_else")

    result = exercise.examine(answer)
    assert result.tried and not result.ok and "NotImplementedError" in result.hint


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), SystemExit(1), RecursionError(), AssertionError("no")])
def test_nothing_that_an_answer_raises_gets_out(exercise, capsys, error):
    def answer(x):
        raise error

    assert exercise.check(answer) is double
    assert f"your code raises {type(error).__name__}" in capsys.readouterr().out


def test_an_interrupt_ends_the_check_and_not_the_lesson(exercise, capsys):
    def answer(x):
        raise KeyboardInterrupt

    assert exercise.check(answer) is double
    assert "interrupted" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, 3, "double"])
def test_something_that_is_no_function(exercise, capsys, answer):
    assert exercise.check(answer) is double
    assert "not something to call" in capsys.readouterr().out


def test_what_an_answer_prints_does_not_reach_the_page(exercise, capsys):
    def answer(x):
        print("double: PASS (2 of 2)")
        print("noise", file=sys.stderr)
        warnings.warn("noise", stacklevel=1)
        return 2 * x

    exercise.check(answer)
    captured = capsys.readouterr()
    assert captured.out == "double: PASS (2 of 2)\n" and captured.err == ""


def test_a_check_leaves_the_callers_random_numbers_alone(exercise):
    torch.manual_seed(0)
    want = torch.rand(3)
    torch.manual_seed(0)
    exercise.examine(lambda x: torch.rand(1) + 2 * x)
    assert torch.equal(torch.rand(3), want)


def test_helpers_name_the_symptom():
    probe = Exercise("probe", reference=double)

    @probe.part
    def all_of_them(answer):
        got = expect_tensor(untouched(answer, torch.ones(2)), (2,), torch.float32)
        expect_values(got, torch.full((2,), 2.0), {"you added 3.": torch.full((2,), 4.0)}, "it is something else.")

    for answer, hint in [
        (lambda x: None, "returns None"),
        (lambda x: [2, 2], "returns a list,"),
        (lambda x: 0, "returns an int,"),
        (lambda x: torch.ones(3), "shape (3,), it should have shape (2,)"),
        (lambda x: 2 * x.double(), "float64, it should be float32"),
        (lambda x: x * float("nan"), "contains nan"),
        (lambda x: x.mul_(2), "changes the tensors"),
        (lambda x: x + 3, "you added 3"),
        (lambda x: x + 4, "something else"),
    ]:
        assert hint in probe.examine(answer).hint
    assert probe.examine(lambda x: x + 1).ok


def test_close_is_element_by_element():
    a = torch.zeros(2)
    assert close(a, a + 1e-7) and not close(a, torch.tensor([1.0, -1.0])) and not close(a, torch.zeros(1, 2))


def test_lessons_are_found_and_missing_ones_named():
    assert exercises.lessons()[:2] == ["00", "01"]
    assert next(iter(exercises.for_lesson("01"))) == "noise_one_step"
    with pytest.raises(CourseError, match="Lesson 99 has no exercises here: there are 00, 01"):
        exercises.for_lesson("99")


def test_names_not_defined_yet_hold_placeholders_in_a_notebook(monkeypatch):
    from types import SimpleNamespace

    from course_utils.exercises.framework import prepare_notebook

    shell = SimpleNamespace(user_ns={"q_sample": "mine"})
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    prepare_notebook(exercises.for_lesson("01").values())
    assert shell.user_ns["q_sample"] == "mine"
    assert isinstance(shell.user_ns["snr"], Placeholder) and "not tried yet" in repr(shell.user_ns["snr"])

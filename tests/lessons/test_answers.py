"""Every check rejects the wrong answers listed for it, with the intended hint, and accepts the right ones."""

from __future__ import annotations

import importlib

import pytest

from course_utils import exercises
from course_utils.exercises.framework import Exercise, expect

BOOK = {
    number: importlib.import_module(f"tests.lessons.lesson{number}.answers").ANSWERS for number in exercises.lessons()
}
NAMES = [(number, name) for number in BOOK for name in exercises.for_lesson(number)]
WRONG = [(number, name, *entry) for number, book in BOOK.items() for name in book.wrong for entry in book.wrong[name]]
RIGHT = [(number, name, answer) for number, book in BOOK.items() for name in book.right for answer in book.right[name]]


def label(value):
    return getattr(value, "__name__", None)


def complaint(exercise, answer, hint):
    """What is wrong with how a check judges an answer: `hint` is words of the hint it must get, None if it is right."""
    result = exercise.examine(answer)
    if hint is None:
        return None if result.ok else f"a right answer is refused: {result.hint}"
    if not result.tried or result.ok:
        return "a wrong answer is accepted, or taken for untried"
    return None if hint in result.hint else f"the hint does not say {hint!r}: {result.hint}"


@pytest.mark.parametrize(("number", "name", "answer", "hint"), WRONG, ids=label)
def test_wrong_answer_gets_its_hint(number, name, answer, hint):
    assert complaint(exercises.for_lesson(number)[name], answer, hint) is None


@pytest.mark.parametrize(("number", "name", "answer"), RIGHT, ids=label)
def test_right_answer_is_accepted(number, name, answer):
    assert complaint(exercises.for_lesson(number)[name], answer, None) is None


def test_a_check_that_is_too_lax_too_strict_or_beside_the_point_is_noticed():
    lax, strict = Exercise("same", reference=abs), Exercise("same", reference=abs)

    @strict.part
    def refuses_everything(answer):
        expect(False, "it is wrong somehow.")

    assert "a wrong answer is accepted" in complaint(lax, float, "sign")
    assert "a right answer is refused" in complaint(strict, float, None)
    assert "does not say 'sign'" in complaint(strict, float, "sign")
    assert "taken for untried" in complaint(strict, abs, "sign")
    assert complaint(strict, float, "somehow") is None and complaint(lax, float, None) is None


@pytest.mark.parametrize(("number", "name"), NAMES)
def test_the_reference_passes_when_it_is_somebody_elses(number, name):
    reference = exercises.for_lesson(number)[name].reference

    def copied(*args, **kwargs):
        return reference(*args, **kwargs)

    assert exercises.for_lesson(number)[name].examine(copied).ok


def complaints(wrong, right):
    """What is missing from a book of answers, exercise by exercise."""
    found = []
    for number, name in NAMES:
        if len(wrong[number].get(name, [])) < 4:
            found.append(f"{number} {name}: fewer than four wrong answers")
        if not right[number].get(name):
            found.append(f"{number} {name}: no alternative right answer")
    return found


def test_every_exercise_has_enough_answers():
    assert complaints({n: b.wrong for n, b in BOOK.items()}, {n: b.right for n, b in BOOK.items()}) == []


def test_the_count_notices_a_missing_answer():
    wrong = {n: dict(b.wrong) for n, b in BOOK.items()}
    wrong["01"]["q_sample"] = wrong["01"]["q_sample"][:3]
    right = {n: {k: v for k, v in b.right.items() if k != "snr"} for n, b in BOOK.items()}
    assert complaints(wrong, right) == [
        "01 q_sample: fewer than four wrong answers",
        "01 snr: no alternative right answer",
    ]

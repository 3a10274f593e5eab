"""Every exercise names the laws that apply to it, or says why not; and an answer that passed serves the next one."""

from __future__ import annotations

import importlib

import pytest

from course_utils import exercises
from course_utils.exercises import laws
from course_utils.exercises.framework import Exercise
from tests.lessons.signatures import exercise_cells, imports, signature, uses
from tests.lessons.test_answers import BOOK

NUMBERS = exercises.lessons()
# How many entries each lesson's `not_yet.py` had when the laws came: there may be fewer, and never more.
AT_MOST = {"00": 5, "02": 46, "03": 30, "05": 37, "06": 56, "10": 29, "11": 48, "12": 45}


def listed(number: str, name: str) -> dict[str, str]:
    """A list out of a lesson's `not_yet.py`; empty where there is none."""
    try:
        module = importlib.import_module(f"tests.lessons.lesson{number}.not_yet")
    except ModuleNotFoundError:
        return {}
    return getattr(module, name, {})


def not_yet(number: str) -> dict[str, list[str]]:
    """Exercise -> laws that apply and that its check neither names nor waives yet."""
    return {name: names.split() for name, names in listed(number, "NOT_YET").items()}


def not_served(number: str) -> set[tuple[str, str]]:
    """Exercises whose check refuses a right answer on top of these right answers to earlier ones."""
    return {(name, answer) for name, answers in listed(number, "NOT_SERVED").items() for answer in answers.split()}


def open_laws(exercise: Exercise, applicable: list[str]) -> list[str]:
    """Those that apply and are neither named nor waived."""
    settled = {law.name for law in exercise.laws} | set(exercise.waive)
    return [law for law in applicable if law not in settled]


def complaints(number: str, known: dict[str, list[str]]) -> list[str]:
    """Where a lesson's checks and its list of laws not named yet disagree, and waivers without sense."""
    found = []
    for name, exercise in exercises.for_lesson(number).items():
        missing = open_laws(exercise, laws.applicable(signature(number, name)))
        later = known.get(name, [])
        found += [f"{name}: name the law {law!r}, or waive it with a reason" for law in missing if law not in later]
        found += [f"{name}: {law!r} is settled, take it out of not_yet.py" for law in later if law not in missing]
        for law, reason in exercise.waive.items():
            if law not in laws.APPLIES or len(reason.split()) < 3:
                found.append(f"{name}: the waiver of {law!r} names no law, or gives no reason")
            if law in {named.name for named in exercise.laws}:
                found.append(f"{name}: {law!r} is named and waived")
    return found + [f"there is no exercise {name}" for name in known if name not in exercises.for_lesson(number)]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_law_that_applies_is_named_or_waived(number):
    assert complaints(number, not_yet(number)) == []


@pytest.mark.parametrize("number", NUMBERS)
def test_laws_that_are_not_named_yet_become_fewer(number):
    open_ends = sum(len(names) for names in not_yet(number).values()) + len(not_served(number))
    assert open_ends <= AT_MOST.get(number, 0)


def test_a_law_that_is_forgotten_settled_or_waived_without_a_reason_is_noticed(monkeypatch):
    q_sample = exercises.for_lesson("01")["q_sample"]
    assert complaints("01", {"q_sample": ["layouts"]}) == ["q_sample: 'layouts' is settled, take it out of not_yet.py"]
    assert complaints("01", {"nothing": []}) == ["there is no exercise nothing"]
    monkeypatch.setattr(q_sample, "laws", tuple(law for law in q_sample.laws if law.name != "layouts"))
    assert complaints("01", {}) == ["q_sample: name the law 'layouts', or waive it with a reason"]
    assert complaints("01", {"q_sample": ["layouts"]}) == []
    monkeypatch.setattr(q_sample, "waive", {"layouts": "no", "gradients": "it has them, says the list"})
    assert complaints("01", {}) == [
        "q_sample: the waiver of 'layouts' names no law, or gives no reason",
        "q_sample: 'gradients' is named and waived",
    ]


SERVED = [
    (number, name, earlier, answer)
    for number in NUMBERS
    for name in exercise_cells(number)
    for earlier in uses(number, name)
    for answer in BOOK[number].right.get(earlier, [])
]


def on_top_of(number: str, name: str, earlier: str, answer: object) -> object:
    """The lesson's own solution of an exercise, written on top of somebody's answer to an earlier one."""
    space: dict[str, object] = {}
    exec(imports(number), space)
    space.update({other: exercise.reference for other, exercise in exercises.for_lesson(number).items()})
    space[earlier] = answer
    exec(exercise_cells(number)[name], space)
    return space[name]


@pytest.mark.parametrize(
    ("number", "name", "earlier", "answer"), SERVED, ids=lambda value: getattr(value, "__name__", None)
)
def test_an_answer_that_passed_serves_the_next_one(number, name, earlier, answer):
    result = exercises.for_lesson(number)[name].examine(on_top_of(number, name, earlier, answer))
    if (name, answer.__name__) in not_served(number):
        assert not result.ok, f"{name} on top of {answer.__name__} passes now: take it out of not_yet.py"
    else:
        assert result.ok, f"a right {name} on top of {answer.__name__} is refused: {result.hint}"


def test_an_answer_that_does_not_serve_is_noticed():
    def without_noise(*args, **kwargs):
        return args[1]

    made = on_top_of("04", "sample_ddpm", "p_sample", without_noise)
    assert not exercises.for_lesson("04")["sample_ddpm"].examine(made).ok

"""What every exercise that asks a network with classes obeys: the right questions, in whatever order and portions."""

from __future__ import annotations

import itertools

from torch import Tensor

from course_utils.exercises import laws
from course_utils.exercises.framework import close
from course_utils.lessons.lesson12.checks.inputs import Told


def asks(T: tuple[int, ...] = (20, 7)) -> laws.Law:
    """The network is asked about the pictures of the reference, each at its time and with its class, as often."""

    def look(trial: laws.Trial) -> str | None:
        for steps in T:
            given, right = trial.values(T=steps), trial.values(T=steps)
            trial.answer(given)
            trial.want(right)
            hint = _unlike(given["model"], right["model"], steps)
            if hint is not None:
                return f"with T = {steps} {hint}."
        return None

    return laws.Law("asks", look)


def _unlike(ours: Told, theirs: Told, T: int) -> str | None:
    """In what the questions to one network differ from those to the other, as the rest of a sentence."""
    if not ours.rows:
        return "the network is never asked"
    times, right = (sorted({time for time, _, _ in asked.rows}, reverse=True) for asked in (ours, theirs))
    for one, time in itertools.zip_longest(times, right):
        if one is None or time is None:
            return f"the network is asked at {len(times)} times, it should be asked at {len(right)}"
        wrong = laws.wrong_time(one, time, T)
        if wrong is not None:
            return wrong
    for one, time in zip(times, right, strict=True):
        asked, wanted = _at(ours, one), _at(theirs, time)
        told, classes = (sorted(number for number, _ in rows) for rows in (asked, wanted))
        if told != classes:
            return f"at the time {time:g} the network is told the classes {told}, it should be told {classes}"
        for number, picture in wanted:
            if not any(number == other and close(seen, picture, 1e-3) for other, seen in asked):
                return f"at the time {time:g} the network is not shown the right picture beside the class {number}"
    return None


def _at(asked: Told, time: float) -> list[tuple[int, Tensor]]:
    return [(number, picture) for when, number, picture in asked.rows if when == time]

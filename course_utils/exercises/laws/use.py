"""No input is changed, no setting is ignored, nothing is guessed, and the network is really asked."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises.framework import close
from course_utils.exercises.laws.law import Law, Trial
from course_utils.exercises.laws.network import Asked
from course_utils.exercises.laws.words import apart, difference


def unchanged(*, stretch: float = 3.0) -> Law:
    """No input is changed: tensors, also where values go beyond [-1, 1], weights, and their `requires_grad`.

    Args:
        stretch: what the pictures are multiplied by.
    """

    def look(trial: Trial) -> str | None:
        given = trial.values(stretch=stretch, learns=True)
        before = copy.deepcopy({name: _held(value) for name, value in given.items()})
        try:
            trial.answer(given)
        except Exception:
            if _fails(trial):
                return None  # whatever comes in, and other parts say so in better words
            raise
        for name, held in before.items():
            for was, now in zip(held, _held(given[name]), strict=True):
                if was.shape != now.shape or not torch.equal(was, now):
                    return (
                        f"your function changes the tensors it is given: `{name}` is another one afterwards. Use "
                        "`a * b` rather than `a *= b`, and no method whose name ends in an underscore."
                    )
                if was.requires_grad != now.requires_grad:
                    return f"your function changes `requires_grad` of `{name}`: that belongs to the one who calls."
        return None

    return Law("unchanged", look, early=True)


def _fails(trial: Trial) -> bool:
    try:
        trial.answer(trial.values())
    except Exception:
        return True
    return False


def _held(value: Any) -> list[Tensor]:
    if isinstance(value, nn.Module):
        return [p.detach().clone().requires_grad_(p.requires_grad) for p in value.parameters()] + list(value.buffers())
    return [value] if isinstance(value, Tensor) else []


def settings(*, stretch: float = 2.0, tolerance: float = 1e-5, **values: tuple[Any, ...]) -> Law:
    """Each setting does what it does in the reference, alone and together with the others.

    Args:
        values: name -> values to try, for each parameter that has a default.
        stretch: what the pictures are multiplied by.
        tolerance: relative and absolute.
    """

    def look(trial: Trial) -> str | None:
        for chosen in itertools.product(*values.values()):
            named = dict(zip(values, chosen, strict=True))
            got, want = trial.both(named, stretch=stretch)
            off = difference(got, want, tolerance)
            if off is None:
                continue
            said = ", ".join(f"{name} = {value!r}" for name, value in named.items())
            for name in named:
                rest = {other: value for other, value in named.items() if other != name}
                if difference(got, trial.want(trial.values(stretch=stretch), **rest), tolerance) is None:
                    return f"with {said} your function gives what it should give without `{name}`: is `{name}` ignored?"
            return f"with {said} {off}."
        return None

    return Law("settings", look)


def asks(*, T: tuple[int, ...] = (20, 7), once: bool = False, early: bool = False) -> Law:
    """The network is asked as the reference asks it: about which pictures, at which times, how often.

    Pictures may be asked about in one batch or one by one. Where noise is drawn, only the first pictures are compared.

    Args:
        T: numbers of steps of the schedule to try.
        once: the number of calls counts as well, not only that of pictures asked about.
        early: before the exercise's own parts, where those have no better words for a wrong question.
    """

    def look(trial: Trial) -> str | None:
        for steps in T:
            hint = misasked(trial, T=steps)
            if hint is not None:
                return f"with T = {steps} {hint}."
        return _too_often(trial) if once else None

    return Law("asks", look, early)


def _too_often(trial: Trial) -> str | None:
    given, right = trial.values(), trial.values()
    trial.answer(given)
    trial.want(right)
    ours, theirs = _network(given).calls, _network(right).calls
    return None if ours == theirs else f"the network is called {ours} times, it should be called {theirs} times."


def misasked(trial: Trial, **sizes: Any) -> str | None:
    """In what the questions to the network differ from those of the reference, as the rest of a sentence."""
    given, right = trial.values(**sizes), trial.values(**sizes)
    result, wanted = trial.answer(given), trial.want(right)
    ours, theirs = _network(given), _network(right)
    T = sizes.get("T", trial.sizes.T)
    if not ours.steps:
        return "the network is never asked"
    for place, (told, time) in enumerate(itertools.zip_longest(ours.steps, theirs.steps)):
        if told is None:
            return f"the network is asked at {place} times, it should be asked at {len(theirs.steps)}"
        if time is None:
            return f"the network is asked at {len(ours.steps)} times, it should be asked at {len(theirs.steps)}"
        hint = wrong_time(told, time, T)
        if hint is not None:
            return hint
        asked, wanted_rows = ours.at(told), theirs.at(time)
        if len(asked) != len(wanted_rows):
            return (
                f"at the time {time:g} the network is asked about {len(asked)} pictures, it should be about "
                f"{len(wanted_rows)}: once for each"
            )
        if (place == 0 or not trial.random) and not close(asked, wanted_rows, 1e-4):
            off = (difference(asked, wanted_rows, 1e-4) or "").replace("the result", "what it sees")
            return f"the network is not shown the right picture at the time {time:g}: {off}"
    if isinstance(result, Tensor) and isinstance(wanted, Tensor) and result.shape != wanted.shape:
        return f"the result has shape {tuple(result.shape)}, it should have shape {tuple(wanted.shape)}"
    return None


def wrong_time(told: float, time: float, T: int) -> str | None:
    """What is wrong with a time that the network is told, with the mistake behind it where it is a known one.

    Args:
        told, time: what it is told and what it should be, on the scale 0 to 1000.
        T: steps of the schedule.

    Returns:
        a part of a sentence, or None if the time is right.
    """
    if abs(told - time) <= 1e-4 * max(abs(time), 1):
        return None
    step = time * T / 1000
    one, other = apart(told, time)
    text = f"the network is told the time {one}, it should be {other}"
    known = {
        "told t itself, and in training it was told 1000 t / T: use model_time": step,
        "told t / T, and its clock runs from 0 to 1000": step / T,
        "told a time for which T is one too large: alpha_bar has T + 1 entries, so T = len(alpha_bar) - 1": (
            1000 * step / (T + 1)
        ),
        f"told the time of step {step - 1:.0f}: it looks at x_t, so tell it t": 1000 * (step - 1) / T,
        f"told the time of step {step + 1:.0f}: it looks at x_t, so tell it t": 1000 * (step + 1) / T,
    }
    for words, wrong in known.items():
        if abs(told - wrong) <= 1e-4 * max(abs(wrong), 1e-3):
            return f"{text}; it is {words}"
    return text


def _network(given: dict[str, Any]) -> Asked:
    return next(value for value in given.values() if isinstance(value, Asked))

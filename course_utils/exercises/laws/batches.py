"""Every picture by itself, and any size: of the batch, the pictures and the schedule."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises.laws.law import Law, Trial
from course_utils.exercises.laws.use import misasked
from course_utils.exercises.laws.words import difference, tensors

BATCH = 5
SHAPES = ((1, 5, 7), (4, 4, 4), (3, 6, 2))
LENGTHS = (60, 510, 600, 1000)


def by_itself(*, mean: bool = False, tolerance: float = 1e-5) -> Law:
    """The answer for a batch is that of its pictures one by one, in any order; steps differ, repeat and are unsorted.

    Args:
        mean: the result is one number, the mean over the pictures.
        tolerance: relative and absolute.
    """

    def look(trial: Trial) -> str | None:
        whole = _of(trial, range(BATCH))
        for number in range(0 if mean else BATCH):
            alone, inside = _of(trial, [number]), [result[number : number + 1] for result in whole]
            off = difference(alone, inside, tolerance)
            if off is not None:
                return (
                    f"{_picture(trial, number)} comes out otherwise alone than in a batch of {BATCH}: alone {off}, as "
                    "in the batch. Each picture should be by itself."
                )
        if mean:
            singles = torch.stack([torch.stack(_of(trial, [number])) for number in range(BATCH)])
            off = difference(whole, list(singles.mean(0)), tolerance)
            if off is not None:
                return f"for a batch {off}, the mean of what its pictures give one by one: is each with its own t?"
        order = [3, 0, 4, 2, 1]
        off = difference(_of(trial, order), whole if mean else [result[order] for result in whole], tolerance)
        return None if off is None else f"the same pictures in another order come out otherwise: {off}."

    return Law("by_itself", look)


def _of(trial: Trial, numbers: Any) -> list[Tensor]:
    """What the answer gives for some pictures of the batch."""
    given = trial.values(B=BATCH)
    for name in trial.rows:
        given[name] = given[name][list(numbers)]
    return tensors(trial.answer(given))


def _picture(trial: Trial, number: int) -> str:
    given = trial.values(B=BATCH)
    step = f" (t = {int(given['t'][number])})" if "t" in trial.rows else ""
    return f"picture {number + 1}{step}"


def any_size(
    *,
    T: tuple[int, ...] = LENGTHS,
    shapes: tuple[tuple[int, ...], ...] = SHAPES,
    B: tuple[int, ...] = (1, 3),
    tolerance: float = 1e-3,
) -> Law:
    """For every size the result is that of the reference; where noise is drawn, every step asks the network rightly.

    Args:
        T: numbers of steps of the schedule; () where there is no schedule.
        shapes: of one picture; with (2,) among them, points (B, 2) are tried as well, where the docstring allows them.
        B: how many pictures.
        tolerance: relative and absolute. Coefficients may be float32, and with many steps that costs digits.
    """

    def look(trial: Trial) -> str | None:
        # As many pictures as channels, rows and columns: a coefficient on the wrong axis broadcasts without complaint.
        cases: list[dict[str, Any]] = [{"T": steps, "shape": shapes[0] if shapes else (1, 2, 2)} for steps in T]
        cases += [{"shape": shape, "B": 4} for shape in shapes] + [{"B": size} for size in B]
        for case in cases:
            for step in _steps(trial, case):
                off = _off(trial, {**case, **step}, tolerance)
                if off is not None:
                    return f"with {_said(trial, {**case, **step})} {off}."
        return None

    return Law("any_size", look)


def _steps(trial: Trial, case: dict[str, Any]) -> list[dict[str, Any]]:
    """The first, the last and a step between, where one step is given for the whole batch."""
    if "t" not in trial.names or "t" in trial.rows:
        return [{}]
    T = case.get("T", trial.sizes.T)
    return [{"t": (t,)} for t in sorted({1, max(T // 3, 1), T})]


def _off(trial: Trial, case: dict[str, Any], tolerance: float) -> str | None:
    if trial.random:
        return misasked(trial, **case)
    try:
        got, want = trial.both(**case)
    except (RuntimeError, IndexError) as error:
        return f"your code raises {type(error).__name__}: {' '.join(str(error).split())[:150]}"
    return difference(got, want, tolerance)


def _said(trial: Trial, case: dict[str, Any]) -> str:
    words = {
        "T": "T = {}",
        "t": "t = {0[0]}",
        "B": "B = {}",
        "shape": "pictures of shape {}",
    }
    order = [name for name in ("T", "t", "B", "shape") if name in case and not (name == "shape" and "T" in case)]
    return " and ".join(words[name].format(case[name]) for name in order)

"""Checks of the embeddings: the sinusoids, and the random ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils import models
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_tensor,
    expect_values,
)
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.models import timed

ANGLE = 1e-3  # tolerance: at t = 1000 a frequency in float32 moves the angle by up to 6e-5


def _times(sizes: laws.Sizes) -> Tensor:
    """(B,), from 0 to 1000, neither sorted nor without repetition, and whole where the dtype is."""
    times = torch.tensor([900.0, 2.5, 1000.0, 2.5, 0.0], dtype=torch.float64)
    return times[torch.arange(sizes.B) % 5].to(sizes.dtype)


def _kinds(trial: laws.Trial) -> str | None:
    """float32 and float64 stay what they are, whole steps are told apart in float32, and values are right in each."""
    for dtype, made in ((torch.float32, torch.float32), (torch.float64, torch.float64), (torch.int64, torch.float32)):
        got, want = trial.both(dtype=dtype)
        given, should = _plain(dtype), _plain(made)
        if isinstance(got, Tensor) and got.dtype != made:
            return f"t of type {given} gives {_plain(got.dtype)}, it should give {should}: bring the rest to that type."
        off = difference(got, want, ANGLE)
        if off is not None:
            rounded = " Are the frequencies rounded to whole numbers, like t?" if dtype == torch.int64 else ""
            return f"with t of type {given} {off}.{rounded}"
    return None


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _there(trial: laws.Trial) -> str | None:
    """A GPU's tensor stays there. A tensor on "meta" has a device and no values, so this works without a GPU."""
    given = {name: value.to("meta") if isinstance(value, Tensor) else value for name, value in trial.values().items()}
    try:
        made = trial.answer(given)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        mixed = "expected device" in str(error) or "same device" in str(error)
        return "on a GPU this mixes devices: bring the frequencies to where t is, `omega.to(t)`." if mixed else None
    if made.device.type != "meta":
        return "the result is on another device than t: bring the frequencies to where t is."
    return None


KINDS, THERE = laws.Law("dtypes", _kinds), laws.Law("devices", _there)


def _embedding(of: str, made: Tensor | int) -> laws.Inputs:
    return laws.Inputs(names=("t", of), make={"t": _times, of: made})


sinusoidal_embedding = Exercise(
    "sinusoidal_embedding",
    reference=models.sinusoidal_embedding,
    inputs=_embedding("features", 8),
    laws=(
        laws.unchanged(),
        laws.by_itself(tolerance=ANGLE),
        KINDS,
        THERE,
        laws.settings(max_period=(10_000.0, 50.0), tolerance=ANGLE),
    ),
)
fourier_features = Exercise(
    "fourier_features",
    reference=timed.fourier_features,
    inputs=_embedding("turns", 4 * normal(3, seed=3)),  # in float64, whatever t is
    laws=(laws.unchanged(), laws.by_itself(tolerance=ANGLE), KINDS, THERE),
)


def _expect_rows(got: object, rows: int, features: int) -> Tensor:
    """A table with one row a step; a hint for its common other shapes."""
    if isinstance(got, Tensor) and got.shape != (rows, features):
        expect(
            got.shape != (features, rows),
            f"the result has shape ({features}, {rows}), a row for each feature: turn it around, a row for each t.",
        )
        expect(
            got.shape != (rows, features // 2),
            f"there are {features // 2} columns, half as many as asked for: both the sines and the cosines are needed.",
        )
        expect(
            got.shape != (rows, 2 * features),
            f"there are {2 * features} columns, twice as many as asked for: features / 2 frequencies are enough.",
        )
        expect(
            got.shape != (rows, features // 2, 2),
            "sines and cosines lie on an axis of their own: join them with `torch.cat(..., dim=1)`.",
        )
        expect(
            got.shape != (2 * rows, features // 2),
            "the cosines stand below the sines: join the two with `dim=1`.",
        )
    return expect_tensor(got, (rows, features))


def _orders(sine: Tensor, cosine: Tensor) -> dict[str, Tensor]:
    """The other orders in which sines and cosines can stand."""
    return {
        "the cosines come first: here it is all sines, then all cosines.": torch.cat([cosine, sine], 1),
        "sines and cosines alternate: that is a good embedding too, but here it is all sines, then all cosines.": (
            torch.stack([sine, cosine], 2).flatten(1)
        ),
        "both halves are sines.": torch.cat([sine, sine], 1),
        "both halves are cosines.": torch.cat([cosine, cosine], 1),
    }


@sinusoidal_embedding.part
def sinusoids_have_the_right_values(answer: Answer) -> None:
    t = torch.tensor([0.0, 1.0, 7.0, 250.0, 1000.0], dtype=torch.float64)
    got = _expect_rows(answer(t, 8), 5, 8)
    omega = timed.frequencies(4)
    angle = t[:, None] * omega
    slow, fast, periods = (t[:, None] * w for w in (timed.frequencies(8)[:4], omega**2, 1 / omega))
    late = t[:, None] * 10_000.0 ** (-torch.arange(4, dtype=torch.float64) / 3)

    def joined(angle: Tensor) -> Tensor:
        return torch.cat([angle.sin(), angle.cos()], 1)

    expect_values(
        got,
        joined(angle),
        {
            **_orders(angle.sin(), angle.cos()),
            "t is divided by 1000 before the clocks get it, so that none of them goes round: use t as it comes.": (
                joined(angle / 1000)
            ),
            "the clocks are 2 pi times too fast: the frequencies are in radians a step.": joined(2 * math.pi * angle),
            "these are the angles themselves: their sines and cosines are still to be taken.": torch.cat(
                [angle, angle], 1
            ),
            "the frequencies are those for twice as many features: half of `features` goes into `frequencies`.": (
                joined(slow)
            ),
            "the frequencies fall twice as fast as they should.": joined(fast),
            "t is multiplied by the periods: it is multiplied by the frequencies.": joined(periods),
            "the last clock is too slow: take the frequencies of the exercise above, with i / half.": joined(late),
        },
        f"for t = {t.tolist()} and 8 features {difference(got, joined(angle), ANGLE)}: in each row stand the sines of "
        "t omega, then the cosines.",
        tolerance=ANGLE,
    )


@sinusoidal_embedding.part
def sinusoids_give_each_step_its_own_row(answer: Answer) -> None:
    t = torch.tensor([3.0, 50.0, 400.0, 900.0], dtype=torch.float64)  # as many as there are frequencies
    try:
        got = _expect_rows(answer(t, 8), 4, 8)
    except RuntimeError as error:
        expect(False, f"four steps and four frequencies do not fit together: {str(error)[:120]}")
    want = models.sinusoidal_embedding(t, 8)
    turned = timed.frequencies(4)[:, None] * t
    expect(
        not close(got, torch.cat([turned.sin(), turned.cos()], 1), ANGLE),
        "rows and columns are swapped: t[:, None] * omega has a row for each t, omega[:, None] * t for each frequency.",
    )
    expect(
        close(got, want, ANGLE),
        f"for t = {t.tolist()} and 8 features {difference(got, want, ANGLE)}: each t should get all the frequencies.",
    )
    half = torch.tensor([2.0, 2.5], dtype=torch.float64)
    off = difference(_expect_rows(answer(half, 4), 2, 4), models.sinusoidal_embedding(half, 4), ANGLE)
    expect(off is None, f"for t = [2.0, 2.5] and 4 features {off}: t is a real number here, so do not round it.")


@sinusoidal_embedding.part
def sinusoids_take_any_number_of_features(answer: Answer) -> None:
    t = torch.tensor([10.0, 600.0], dtype=torch.float64)
    for features in (2, 6, 64):
        got = _expect_rows(answer(t, features), 2, features)
        want = models.sinusoidal_embedding(t, features)
        expect(close(got, want, ANGLE), f"with {features} features {difference(got, want, ANGLE)}.")


@fourier_features.part
def fourier_has_the_right_values(answer: Answer) -> None:
    t = torch.tensor([0.0, 125.0, 300.0, 777.0, 990.0], dtype=torch.float64)
    turns = normal(3, seed=1) * 4
    got = _expect_rows(answer(t, turns), 5, 6)
    expect(close(answer(t, turns), got), "two calls give two results: the random numbers are `turns`, draw no others.")
    turn = t[:, None] / 1000 * turns

    def joined(angle: Tensor) -> Tensor:
        return torch.cat([angle.sin(), angle.cos()], 1)

    angle = 2 * math.pi * turn
    expect_values(
        got,
        joined(angle),
        {
            **_orders(angle.sin(), angle.cos()),
            "2 pi is missing: `turns` counts whole turns, and a turn is 2 pi.": joined(turn),
            "these are half turns: a whole turn is 2 pi.": joined(math.pi * turn),
            "t is not divided by 1000: `turns` counts the turns on the whole scale, from t = 0 to t = 1000.": joined(
                1000 * angle
            ),
            "t is not divided by 1000, and 2 pi is missing.": joined(1000 * turn),
            "these are the angles themselves: their sines and cosines are still to be taken.": torch.cat(
                [angle, angle], 1
            ),
            "t is divided by its largest value in the batch: divide by 1000, whatever else is in the batch.": (
                joined(angle * 1000 / t.max())
            ),
        },
        f"for t = {t.tolist()} and turns = {[round(turn, 3) for turn in turns.tolist()]} "
        f"{difference(got, joined(angle), ANGLE)}.",
        tolerance=ANGLE,
    )


@fourier_features.part
def fourier_gives_each_step_its_own_row(answer: Answer) -> None:
    t, turns = torch.tensor([10.0, 200.0, 900.0], dtype=torch.float64), normal(3, seed=2)
    try:
        got = _expect_rows(answer(t, turns), 3, 6)
    except RuntimeError as error:
        expect(False, f"three steps and three frequencies do not fit together: {str(error)[:120]}")
    turned = 2 * math.pi * turns[:, None] * t / 1000
    expect(
        not close(got, torch.cat([turned.sin(), turned.cos()], 1), ANGLE),
        "rows and columns are swapped: there should be a row for each t.",
    )
    expect(
        close(got, timed.fourier_features(t, turns), ANGLE),
        f"for three steps {difference(got, timed.fourier_features(t, turns), ANGLE)}: each row should hold all the "
        "clocks at one step.",
    )

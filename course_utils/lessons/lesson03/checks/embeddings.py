"""Checks of the embeddings: the speeds of the clocks, the sinusoids, and the random ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils import models
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_tensor,
    expect_values,
    untouched,
)
from course_utils.exercises.inputs import normal
from course_utils.models import timed

frequencies = Exercise("frequencies", reference=timed.frequencies)
sinusoidal_embedding = Exercise("sinusoidal_embedding", reference=models.sinusoidal_embedding)
fourier_features = Exercise("fourier_features", reference=timed.fourier_features)

ANGLE = 1e-3  # tolerance: at t = 1000 a frequency in float32 moves the angle by up to 6e-5
FRACTIONAL = "whole steps come back right and t = 2.5 does not: t is a real number here, so do not round it."


@frequencies.part
def frequencies_have_the_right_values(answer: Answer) -> None:
    got = answer(4)
    if isinstance(got, Tensor):
        expect(got.shape != (8,), "there are 8 frequencies, one for each feature: a sine and a cosine share one.")
    got = expect_tensor(got, (4,))
    i = torch.arange(4, dtype=torch.float64)
    want = 10_000.0 ** (-i / 4)
    expect_values(
        got,
        want,
        {
            "the last frequency is 1/max_period itself: the exponent is i / half, not i / (half - 1).": (
                10_000.0 ** (-i / 3)
            ),
            "the frequencies rise from 1, they should fall: a minus is missing in the exponent (or these are the "
            "periods, not the frequencies).": 1 / want,
            "the frequencies fall half as fast as they should: i counts pairs, so divide it by half, not by the "
            "number of features.": 10_000.0 ** (-i / 8),
            "the frequencies fall twice as fast as they should: the formula with 2i has the number of features below "
            "the line, and half is half of that.": 10_000.0 ** (-2 * i / 4),
            "the first frequency should be 1: i counts from 0.": 10_000.0 ** (-(i + 1) / 4),
            "the frequencies are evenly spaced, their ratio should be constant: max_period stands below an exponent.": (
                torch.linspace(1, 1e-4, 4, dtype=torch.float64)
            ),
            "these speeds are 2 pi times too large: they are in radians a step, without 2 pi.": (2 * math.pi * want),
            "this is the exponent, -log(max_period) · i / half: its exponential is still to be taken.": (
                -math.log(10_000.0) * i / 4
            ),
            "the last ones are too slow: this takes the logarithm to base 10, or 2, and the exponential to base e.": (
                torch.exp(-math.log10(10_000.0) * i / 4)
            ),
        },
        f"for half = 4 you give {', '.join(f'{v:.3g}' for v in got.tolist())}; it should be 1, 0.1, 0.01, 0.001.",
        tolerance=1e-6,
    )


@frequencies.part
def frequencies_use_max_period(answer: Answer) -> None:
    got = expect_tensor(answer(2, max_period=100.0), (2,))
    expect(
        not close(got, timed.frequencies(2)),
        "`max_period` makes no difference: is its value written into the body?",
    )
    expect(close(got, torch.tensor([1.0, 0.1])), "for half = 2 and max_period = 100 it should be 1 and 0.1.")
    alone = answer(1)
    expect(
        isinstance(alone, Tensor) and alone.shape == (1,) and bool(alone.isfinite().all()),
        "for half = 1 the result should be the one frequency 1: is there a division by half - 1?",
    )
    expect(close(alone, torch.ones(1)), "for half = 1 the result should be the one frequency 1.")


@frequencies.part
def frequencies_are_float64(answer: Answer) -> None:
    got = expect_tensor(answer(16), (16,))
    expect(
        got.dtype == torch.float64,
        "the result is float32, good for 7 digits, and t multiplies its error by up to 1000: give "
        "`dtype=torch.float64` to every tensor that you make.",
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
    got = _expect_rows(untouched(answer, t, 8), 5, 8)
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
        f"at t = 1 and 8 features the first sine is {got[1, 0].item():.3f} and the first cosine "
        f"{got[1, 4].item():.3f}; they should be sin(1) = 0.841 and cos(1) = 0.540.",
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
        close(got, want, ANGLE), "in a batch of four steps the rows are wrong: each t should get all the frequencies."
    )
    half = torch.tensor([2.0, 2.5], dtype=torch.float64)
    expect(close(_expect_rows(answer(half, 4), 2, 4), models.sinusoidal_embedding(half, 4), ANGLE), FRACTIONAL)


@sinusoidal_embedding.part
def sinusoids_use_their_arguments(answer: Answer) -> None:
    t = torch.tensor([10.0, 600.0], dtype=torch.float64)
    for features in (2, 6, 64):
        got = _expect_rows(answer(t, features), 2, features)
        want = models.sinusoidal_embedding(t, features)
        expect(close(got, want, ANGLE), f"with {features} features the values are wrong.")
    got = _expect_rows(answer(t, 8, max_period=50.0), 2, 8)
    expect(
        not close(got, models.sinusoidal_embedding(t, 8), ANGLE),
        "`max_period` makes no difference: hand it on to `frequencies`.",
    )
    expect(close(got, models.sinusoidal_embedding(t, 8, 50.0), ANGLE), "with max_period = 50 the values are wrong.")


@sinusoidal_embedding.part
def sinusoids_keep_dtype_and_device(answer: Answer) -> None:
    _expect_kind(lambda t: answer(t, 6))


@fourier_features.part
def fourier_has_the_right_values(answer: Answer) -> None:
    t = torch.tensor([0.0, 125.0, 300.0, 777.0, 1000.0], dtype=torch.float64)
    turns = normal(3, seed=1) * 4
    got = _expect_rows(untouched(answer, t, turns), 5, 6)
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
        f"at t = 125 and {turns[0].item():.3f} turns the sine is {got[1, 0].item():.3f}, it should be "
        f"{angle[1, 0].sin().item():.3f}.",
        tolerance=ANGLE,
    )
    alone = _expect_rows(answer(t[1:2], turns), 1, 6)
    expect(
        close(alone, joined(angle)[1:2], ANGLE),
        "t = 125 alone gets another row than t = 125 in a batch: divide by 1000, whatever else is in the batch.",
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
        "each row should hold all the clocks at one step.",
    )


@fourier_features.part
def fourier_keeps_dtype_and_device(answer: Answer) -> None:
    turns = normal(3, seed=3, dtype=torch.float32)
    _expect_kind(lambda t: answer(t, turns.to(t.device)))


def _expect_kind(embed: Answer) -> None:
    """float32 and float64 stay what they are, whole numbers become float32, and a GPU's tensor stays there."""
    for dtype, want in ((torch.float32, torch.float32), (torch.float64, torch.float64), (torch.int64, torch.float32)):
        got = embed(torch.tensor([0, 5, 900]).to(dtype))
        expect(isinstance(got, Tensor), "your function returns no tensor.")
        given, made = str(dtype).removeprefix("torch."), str(got.dtype).removeprefix("torch.")
        text = "whole steps should give float32" if dtype == torch.int64 else "it should stay what it is"
        expect(got.dtype == want, f"t of type {given} gives {made}, {text}: bring the frequencies to t's type.")
    # A tensor on "meta" has a device and no values, so this works without a GPU.
    try:
        there = embed(torch.zeros(3, device="meta"))
    except (RuntimeError, NotImplementedError, TypeError) as error:
        mixed = "expected device" in str(error) or "same device" in str(error)
        expect(not mixed, "on a GPU this mixes devices: bring the frequencies to where t is, `omega.to(t)`.")
        return
    expect(there.device.type == "meta", "the result is on another device than t: bring the frequencies to where t is.")

"""Checks of the speeds of the clocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.laws.words import difference
from course_utils.models import timed

COARSE = (
    "good for 7 digits, and t multiplies its error by up to 1000: give `dtype=torch.float64` to every tensor that you "
    "make."
)

frequencies = Exercise(
    "frequencies",
    reference=timed.frequencies,
    inputs=laws.Inputs(names=("half",), make={"half": lambda sizes: sizes.T}),
    laws=(laws.float64(name="half", why=COARSE), laws.settings(max_period=(10_000.0, 100.0))),
)


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
        f"for half = 4 {difference(got, want, 1e-4)}: it should be 1, 0.1, 0.01, 0.001.",
        tolerance=1e-4,
    )


@frequencies.part
def frequencies_take_a_single_one(answer: Answer) -> None:
    alone = answer(1)
    expect(
        isinstance(alone, Tensor) and alone.shape == (1,) and bool(alone.isfinite().all()),
        "for half = 1 the result should be the one frequency 1: is there a division by half - 1?",
    )
    expect(close(alone, torch.ones(1)), "for half = 1 the result should be the one frequency 1.")

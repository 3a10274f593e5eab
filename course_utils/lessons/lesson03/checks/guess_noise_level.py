"""Check of the guess at the noise level from the picture alone."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.diffusion.guess import MEDIAN_OF_NORMAL
from course_utils.diffusion.guess import guess_noise_level as reference
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference

# Odd numbers of squares, whose median is one of them: between the two in the middle of others, any may be taken.
guess_noise_level = Exercise(
    "guess_noise_level",
    reference=reference,
    inputs=laws.Inputs(sizes=laws.Sizes(shape=(3, 6, 10))),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(digits=1e-4),  # 0.6745 itself is rounded
        laws.layouts(tolerance=1e-4),
        laws.any_size(T=(), shapes=((1, 2, 2), (3, 6, 10), (5, 10, 6))),
    ),
    waive={"gradients": "a median, and nobody learns through it"},
)

LEVELS = torch.tensor([0.1, 0.4, 1.0, 2.0], dtype=torch.float64)


def _expect_levels(got: object) -> Tensor:
    """One number for each of four pictures."""
    if isinstance(got, Tensor):
        expect(got.ndim > 0, "there is one number for the whole batch, there should be one for each picture.")
        expect(
            got.ndim != 2 or got.shape[0] != 4,
            f"the result has shape {tuple(got.shape)}, a number for each channel: take the median over all of them.",
        )
    return expect_tensor(got, (4,))


@guess_noise_level.part
def guess_of_pure_noise(answer: Answer) -> None:
    x = LEVELS.reshape(4, 1, 1, 1) * normal(4, 3, 32, 32, seed=1)
    got = _expect_levels(answer(x))
    factors = (got / LEVELS).tolist()
    ratio = sum(factors) / 4
    for factor, hint in (
        (2.0, "the guess is twice too large: is the half missing? Four pixels add up to four variances."),
        (MEDIAN_OF_NORMAL, "the guess is a third too small: the median of |d| still has to be divided by 0.6745."),
        (
            MEDIAN_OF_NORMAL**2,
            "the guess is less than half of what it should be: divide by 0.6745, do not multiply.",
        ),
        (2 * MEDIAN_OF_NORMAL, "both the half and the division by 0.6745 are missing."),
        (0.5, "the guess is half of what it should be: divide by 2, the root of 4, not by 4."),
        (2**0.5, "the guess is 1.41 times too large: d is half of the sum, of four pixels."),
        (0.5**0.5, "the guess is 0.71 of what it should be: all four pixels of a square belong to d."),
    ):
        expect(not all(abs(f / factor - 1) < 0.12 for f in factors), hint)
    expect(
        not bool((got.abs() < 0.25 * LEVELS).all()),
        "the guess is nearly zero for every picture: the median of d is 0, take that of |d|.",
    )
    expect(
        not torch.allclose(got / LEVELS, LEVELS, rtol=0.15) and not torch.allclose(got / got[2], LEVELS**2, rtol=0.2),
        "the guess is right where the noise is 1, and wrong elsewhere: it is a variance, take the root.",
    )
    expect(
        bool((got / got.mean() - 1).abs().max() > 0.2),
        "all four pictures get the same number, though their noise differs: take the median for each by itself.",
    )
    for level, guess in zip(LEVELS.tolist(), got.tolist(), strict=True):
        expect(
            abs(guess / level - 1) < 0.12,
            f"for pure noise of strength {level:g} the guess is {guess:.3g} (on average {ratio:.2f} of the truth).",
        )


@guess_noise_level.part
def guess_does_not_see_smooth_pictures(answer: Answer) -> None:
    row = torch.linspace(-4, 4, 32, dtype=torch.float64)
    slope = row[:, None] * 0.7 + row[None, :]  # a steep, smooth picture: brighter to the right and downwards
    x = slope.expand(4, 3, 32, 32) + LEVELS.reshape(4, 1, 1, 1) * normal(4, 3, 32, 32, seed=2)
    got, want = _expect_levels(answer(x)), reference(x)
    for level, guess, right in zip(LEVELS.tolist(), got.tolist(), want.tolist(), strict=True):
        expect(
            guess <= 1.15 * right,
            f"a smooth slope with noise of strength {level:g} in it is taken for noise of strength {guess:.3g}: the "
            "four signs are +, -, -, +, so that a slope cancels in both directions.",
        )
    off = difference(got, want, 0.05)
    expect(off is None, f"with a smooth picture below the noise the guess changes, and it should not: {off}.")
    flat = _expect_levels(answer(torch.full((4, 1, 8, 8), 0.3, dtype=torch.float64)))
    expect(close(flat, torch.zeros(4)), "a grey picture without noise should give 0.")


@guess_noise_level.part
def guess_is_not_moved_by_a_few_edges(answer: Answer) -> None:
    x = LEVELS.reshape(4, 1, 1, 1) * normal(4, 3, 32, 32, seed=3)
    x[:, :, 12, ::2] += 25.0  # one square in sixteen holds an edge
    got, want = _expect_levels(answer(x)), reference(x)
    for level, guess, right in zip(LEVELS.tolist(), got.tolist(), want.tolist(), strict=True):
        expect(
            guess <= 1.3 * right,
            f"a few sharp edges raise the guess from {level:g} to {guess:.3g}: take the median, a mean or a root mean "
            "square listens to the few large values.",
        )
    off = difference(got, want, 0.06)
    expect(off is None, f"with a few sharp edges in it {off}.")

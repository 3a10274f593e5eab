"""Checks of what one step of the variational bound costs, and the last one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    a_type,
    close,
    expect,
    expect_tensor,
    expect_values,
    untouched,
)
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson10.checks.inputs import ALPHA_BAR, near_levels

_NOTHING_LEARNS = "bits are counted, and nothing learns from them"


def _with_variances(answer: Answer) -> Answer:
    """An answer to bits_of_step for the variances between beta-tilde and beta, each picture's own."""

    def step(x0: Tensor, x0_hat: Tensor, t: Tensor, alpha_bar: Tensor) -> object:
        tilde, beta = diffusion.posterior_variance(t, alpha_bar), 1 - alpha_bar[t] / alpha_bar[t - 1]
        return answer(x0, x0_hat, t, alpha_bar, 0.3 * tilde + 0.7 * beta)

    return step


bits_of_step = Exercise(
    "bits_of_step",
    reference=diffusion.bits_of_step,
    inputs=laws.Inputs(first=2, names=("x0", "x0_hat", "t", "alpha_bar"), via=_with_variances),
    laws=(laws.unchanged(), laws.by_itself(), laws.dtypes("alpha_bar"), laws.layouts(), laws.any_size()),
    waive={"gradients": _NOTHING_LEARNS},
)
bits_of_last_step = Exercise(
    "bits_of_last_step",
    reference=diffusion.bits_of_last_step,
    inputs=laws.Inputs(
        make={
            "x0": lambda sizes: near_levels(sizes)[0],
            "x0_hat": lambda sizes: near_levels(sizes)[1],
            "sigma": 0.006,
        }
    ),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("what the docstring promises"),
        laws.layouts(),
        laws.any_size(T=()),
    ),
    waive={"gradients": _NOTHING_LEARNS},
)


def _off(got: Tensor, want: Tensor) -> str:
    """Which picture costs too much or too little, and how much it should cost."""
    number = int((got - want).abs().argmax())
    return "picture {} costs {}, it should cost {}".format(number + 1, *apart(got[number].item(), want[number].item()))


@bits_of_step.part
def step_has_the_right_values(answer: Answer) -> None:
    x0, x0_hat = normal(3, 2, 4, 5, seed=1), normal(3, 2, 4, 5, seed=2)
    t = torch.tensor([2, 9, 31])
    a, before = ALPHA_BAR[t], ALPHA_BAR[t - 1]
    beta, tilde = 1 - a / before, diffusion.posterior_variance(t, ALPHA_BAR)
    sigma2 = 0.3 * tilde + 0.7 * beta
    got = expect_tensor(untouched(answer, x0, x0_hat, t, ALPHA_BAR, sigma2), (3,))

    def nats(ratio: Tensor, f2: Tensor, off: Tensor, sigma2: Tensor = sigma2) -> Tensor:
        return (ratio - 1 - ratio.log() + f2 * off / sigma2) / 2

    squares = (x0 - x0_hat).square().flatten(1)
    off, ratio, f = squares.mean(1), tilde / sigma2, before.sqrt() * beta / (1 - a)
    want = nats(ratio, f**2, off)
    bit = math.log(2)
    late = ALPHA_BAR[t].sqrt() * beta / (1 - a)
    expect_values(
        got,
        want / bit,
        {
            "these are nats: divide by ln 2 to have bits.": want,
            "these are nats times ln 2: divide by it.": want * bit,
            "this is the sum over all pixels and channels: per dimension means their mean.": (
                nats(ratio, f**2, squares.sum(1)) / bit
            ),
            "the half before the bracket is missing.": 2 * want / bit,
            "the factor f is not squared: the *squared* distance of the means counts.": nats(ratio, f, off) / bit,
            "the factor f is missing: the means are not as far apart as x0 and the guess.": (
                nats(ratio, torch.ones(3).double(), off) / bit
            ),
            "the factor f holds the root of alpha_bar at t: it is that of the step before.": nats(ratio, late**2, off)
            / bit,
            "the quotient of the variances is upside down: beta-tilde stands above sigma^2.": (
                nats(1 / ratio, f**2, off) / bit
            ),
            "the logarithm is added: it is subtracted.": (ratio - 1 + ratio.log() + f**2 * off / sigma2) / 2 / bit,
            "the 1 is missing: with equal variances and equal means a step costs nothing.": (
                (ratio - ratio.log() + f**2 * off / sigma2) / 2 / bit
            ),
            "only the means are compared: the two variances differ as well.": f**2 * off / sigma2 / 2 / bit,
            "the distance of the means is divided by beta-tilde: it is divided by sigma^2, the model's variance.": (
                nats(ratio, f**2, off, tilde) / bit
            ),
            "the squares are missing: |x0 - x0_hat| is to be squared.": (
                nats(ratio, f**2, (x0 - x0_hat).abs().flatten(1).mean(1)) / bit
            ),
        },
        f"{_off(got, want / bit)} bits per dimension.",
    )


@bits_of_step.part
def step_costs_nothing_where_nothing_is_wrong(answer: Answer) -> None:
    x0, t = normal(2, 1, 3, 3, seed=3), torch.tensor([5, 20])
    tilde = diffusion.posterior_variance(t, ALPHA_BAR)
    got = expect_tensor(answer(x0, x0.clone(), t, ALPHA_BAR, tilde), (2,))
    expect(
        bool(got.abs().max() < 1e-9),
        f"with the right guess and the right variance a step should cost nothing, and here it costs "
        f"{got[0].item():.3g}.",
    )
    got = answer(x0, x0.clone(), t, ALPHA_BAR, 2 * tilde)
    expect(bool((got > 0).all()), "with twice the right variance a step costs something, and here it is 0 or less.")


@bits_of_step.part
def step_is_exact_for_faint_differences(answer: Answer) -> None:
    x0 = normal(1, 3, 8, 8, seed=4, dtype=torch.float32)
    t = torch.tensor([2])
    got = answer(x0, x0 + 0.01, t, ALPHA_BAR, diffusion.posterior_variance(t, ALPHA_BAR))
    want = diffusion.bits_of_step(x0, x0 + 0.01, t, ALPHA_BAR)
    one, other = apart(float(got), want.item())
    expect(
        close(torch.as_tensor(got), want, 1e-4),
        f"with float32 pictures and a guess that is off by 0.01 a step costs {one} bits, it should cost {other}: keep "
        "alpha_bar in float64.",
    )


@bits_of_last_step.part
def last_step_has_the_right_values(answer: Answer) -> None:
    x0 = diffusion.to_levels(0.5 * normal(3, 2, 6, 6, seed=5))
    x0_hat, sigma = x0 + 0.01 * normal(3, 2, 6, 6, seed=6), 0.006
    got = expect_tensor(answer(x0, x0_hat, sigma), (3,))

    def bits(half: float, ends: bool = True, spread: float = sigma) -> Tensor:
        low, high = (x0 - half - x0_hat) / spread, (x0 + half - x0_hat) / spread
        if ends:
            low, high = low.masked_fill(x0 < -0.999, -torch.inf), high.masked_fill(x0 > 0.999, torch.inf)
        share = torch.special.ndtr(high) - torch.special.ndtr(low)
        return -share.clamp(min=1e-12).log2().flatten(1).mean(1)

    want = diffusion.bits_of_last_step(x0, x0_hat, sigma)
    density = ((x0 - x0_hat) / sigma).square() / 2 + math.log(sigma * (2 * math.pi) ** 0.5)
    by_density = (density - math.log(2 / 255)).flatten(1).mean(1) / math.log(2)
    alone = density.flatten(1).mean(1) / math.log(2)
    expect_values(
        got,
        want,
        {
            "these are nats: use log2.": want * math.log(2),
            "this is the sum over all pixels and channels: per dimension means their mean.": want * 72,
            "the sign is wrong: a probability below 1 costs a positive number of bits.": -want,
            "the bins are twice too wide: they reach 1/255 to each side.": bits(2 / 255),
            "the bins are half as wide as they should be: they reach 1/255 to each side.": bits(0.5 / 255),
            "the bins are 1/256 to each side: 256 values from -1 to 1 have 255 gaps, each 2/255.": bits(1 / 256),
            "the outermost bins are closed: black takes all that lies below it, and white all above.": bits(
                1 / 255, False
            ),
            "this is the density times the width of a bin: with a sigma as small as a bin it is not the share in it.": (
                by_density
            ),
            "this is the density: a pixel takes one of 256 values, and its share lies between two points.": alone,
            "sigma went in as a variance: divide by sigma itself.": bits(1 / 255, spread=sigma**2),
            "sigma went in under a root: divide by sigma itself.": bits(1 / 255, spread=sigma**0.5),
        },
        f"{_off(got, want)} bits per dimension.",
        tolerance=1e-5,
    )


@bits_of_last_step.part
def last_step_opens_the_outermost_bins(answer: Answer) -> None:
    white = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    for x0, end in ((white, "white"), (-white, "black")):
        got = expect_tensor(answer(x0, 1.5 * x0, 0.1), (1,))
        expect(
            got[0] < 1e-3,
            f"a guess beyond {end} is as good as certain of {end}, and here it costs {got[0].item():.3g} bits: the "
            "outermost bin reaches to infinity.",
        )


@bits_of_last_step.part
def last_step_shares_out_one(answer: Answer) -> None:
    values = torch.linspace(-1, 1, 256, dtype=torch.float64).reshape(256, 1, 1, 1)
    got = expect_tensor(answer(values, torch.full_like(values, 0.2), 0.05), (256,))
    expect(
        bool(torch.isfinite(got).all()),
        "for a guess that is far off the cost is infinite: keep the probability above 0, with `.clamp(min=1e-12)`.",
    )
    total = torch.exp2(-got).sum().item()
    expect(
        abs(total - 1) < 1e-3,
        "the probabilities of the 256 values add up to {}, it should be {}.".format(*apart(total, 1.0)),
    )


@bits_of_last_step.part
def last_step_is_computed_in_float64(answer: Answer) -> None:
    x0 = torch.full((1, 1, 2, 2), 1 / 255, dtype=torch.float32)
    guess, sigma = x0 - 0.01, 0.001
    got = answer(x0, guess, sigma)
    expect(isinstance(got, Tensor), f"your function returns {a_type(got)}, it should return a tensor.")
    want = diffusion.bits_of_last_step(x0, guess, sigma)
    one, other = apart(got.double().mean().item(), want.item())
    expect(
        close(got, want, 0.02),
        f"with float32 pictures and a guess that is 10 sigma off a pixel costs {one} bits, it should cost {other}: the "
        "share of its bin is a difference of two numbers near 1, so make the pictures float64 first.",
    )

"""Checks of the variational bound: a step, the last step, and their sum."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils import diffusion
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
from course_utils.exercises.lesson10.inputs import number

# (41,): T is 40, the model's clock runs from 0 to 1000, and something of the picture is left at the end.
ALPHA_BAR = diffusion.alpha_bars(diffusion.linear_schedule(40, 1e-3, 0.15))

bits_of_step = Exercise("bits_of_step", reference=diffusion.bits_of_step)
bits_of_last_step = Exercise("bits_of_last_step", reference=diffusion.bits_of_last_step)
variational_bound = Exercise("variational_bound", reference=diffusion.variational_bound)


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
        f"the first picture costs {got[0].item():.3f} bits per dimension, it should cost {(want[0] / bit).item():.3f}.",
    )


@bits_of_step.part
def step_costs_nothing_where_nothing_is_wrong(answer: Answer) -> None:
    x0, t = normal(2, 1, 3, 3, seed=3), torch.tensor([5, 20])
    tilde = diffusion.posterior_variance(t, ALPHA_BAR)
    got = expect_tensor(answer(x0, x0.clone(), t, ALPHA_BAR, tilde), (2,))
    expect(
        bool(got.abs().max() < 1e-9),
        f"with the right guess and the right variance a step should cost nothing, and here it costs "
        f"{got[0].item():.3f}.",
    )
    got = answer(x0, x0.clone(), t, ALPHA_BAR, 2 * tilde)
    expect(bool((got > 0).all()), "with twice the right variance a step costs something, and here it is 0 or less.")


@bits_of_step.part
def step_is_exact_for_faint_differences(answer: Answer) -> None:
    x0 = normal(1, 3, 8, 8, seed=4, dtype=torch.float32)
    t = torch.tensor([2])
    got = answer(x0, x0 + 0.01, t, ALPHA_BAR, diffusion.posterior_variance(t, ALPHA_BAR))
    want = diffusion.bits_of_step(x0, x0 + 0.01, t, ALPHA_BAR)
    expect(
        isinstance(got, Tensor) and close(got, want, 1e-4),
        "with float32 pictures the result is not what it is with float64 ones: keep alpha_bar as it is.",
    )


@bits_of_last_step.part
def last_step_has_the_right_values(answer: Answer) -> None:
    x0 = diffusion.to_levels(0.5 * normal(3, 2, 6, 6, seed=5))
    x0_hat, sigma = x0 + 0.01 * normal(3, 2, 6, 6, seed=6), 0.006
    got = expect_tensor(untouched(answer, x0, x0_hat, sigma), (3,))

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
        f"the first picture costs {got[0].item():.3f} bits per dimension, it should cost {want[0].item():.3f}.",
        tolerance=1e-5,
    )


@bits_of_last_step.part
def last_step_opens_the_outermost_bins(answer: Answer) -> None:
    white = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    for x0, end in ((white, "white"), (-white, "black")):
        got = expect_tensor(answer(x0, 1.5 * x0, 0.1), (1,))
        expect(
            got[0] < 1e-3,
            f"a guess beyond {end} is as good as certain of {end}, and here it costs {got[0].item():.2f} bits: "
            f"the outermost "
            "bin reaches to infinity.",
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
    expect(abs(total - 1) < 1e-3, f"the probabilities of the 256 values add up to {total:.3f}, it should be 1.")


class Told:
    """A stand-in for the network whose guess at x0 is known: `x0 + off(step)`, whatever noise it is shown."""

    def __init__(self, x0: Tensor, alpha_bar: Tensor, off: float, beyond: bool = False) -> None:
        self.x0, self.alpha_bar, self.off, self.beyond = x0, alpha_bar, off, beyond
        self.times: list[float] = []
        self.noises: list[Tensor] = []

    def guess(self, step: int) -> Tensor:
        if self.beyond:
            return 3 * self.x0.sign()
        return self.x0 + self.off * math.sin(step)

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        expect(
            isinstance(t, Tensor) and tuple(t.shape) == (len(x),),
            "`predict(x, t)` wants a tensor t of shape (B,), one time a picture: `torch.full((len(x),), ...)`.",
        )
        T = len(self.alpha_bar) - 1
        step = min(max(round(float(t[0]) * T / 1000), 0), T)
        a = self.alpha_bar[step]
        self.times.append(float(t[0]))
        self.noises.append((x - a.sqrt() * self.x0) / (1 - a).sqrt().clamp_min(1e-9))
        return (x - a.sqrt() * self.guess(step)) / (1 - a).sqrt().clamp_min(1e-9)


def _terms(model: Told) -> Tensor:
    """Every term of the bound for a guess that is known, (T + 1,): exact, whatever the noise."""
    alpha_bar, x0 = model.alpha_bar, model.x0
    terms = [diffusion.bits_of_prior(x0, alpha_bar)]
    for step in range(1, len(alpha_bar)):
        guess, t = model.guess(step).clamp(-1, 1), torch.full((len(x0),), step)
        if step == 1:
            terms.append(diffusion.bits_of_last_step(x0, guess, (1 - alpha_bar[1]).sqrt()))
        else:
            terms.append(diffusion.bits_of_step(x0, guess, t, alpha_bar))
    return torch.stack(terms).mean(dim=1)


def _pictures(n: int = 3) -> Tensor:
    return diffusion.to_levels(0.4 * normal(n, 2, 4, 4, seed=7)).clamp(-0.8, 0.8)


@variational_bound.part
def bound_is_the_sum_of_its_terms(answer: Answer) -> None:
    x0 = _pictures()
    model = Told(x0, ALPHA_BAR, 0.1)
    got = number(untouched(answer, model, x0, ALPHA_BAR, torch.Generator().manual_seed(1)), "the bound")
    expect(bool(model.times), "`predict` is never called.")
    latest = max(model.times)
    expect(
        latest > 100,
        f"the network was asked about t = {latest:g} at most; with T = 40 it should be 1000: it knows times on "
        f"the scale "
        "0 to 1000, so pass `model_time(t, T)`.",
    )
    expect(
        len(model.times) == 40,
        f"a chain of 40 steps asks the network 40 times, and yours {len(model.times)} times: t runs from 1 to T.",
    )
    terms = _terms(model)
    want, last = terms.sum(), terms[1]
    guess = model.guess(1)
    wide = diffusion.bits_of_last_step(x0, guess, float(1 - ALPHA_BAR[1])).mean()
    beta = torch.stack(
        [
            diffusion.bits_of_step(
                x0, model.guess(s), torch.full((3,), s), ALPHA_BAR, 1 - ALPHA_BAR[[s]] / ALPHA_BAR[[s - 1]]
            )
            for s in range(2, 41)
        ]
    ).mean(1)
    expect_values(
        got,
        want,
        {
            "the prior's term is missing: what of the picture is still to be seen at T has to be paid for as well.": (
                want - terms[0]
            ),
            "the last step is missing: it is bits_of_last_step, at t = 1.": want - last,
            "the terms are averaged over the steps: the bound is their sum.": want / 40,
            "the step from T is missing.": want - terms[40],
            "the step from 2 to 1 is missing.": want - terms[2],
            "in the last step the variance went in where the standard deviation belongs: its root.": want - last + wide,
            "the steps have the variance beta: it should be beta-tilde, `posterior_variance`.": (
                want - terms[2:].sum() + beta.sum()
            ),
            "the pictures' bounds are added up: take their mean.": 3 * want,
        },
        f"for a made-up network the bound is {want.item():.3f} bits per dimension, and yours {got.item():.3f}.",
        tolerance=1e-5,
    )


@variational_bound.part
def bound_clamps_the_guess(answer: Answer) -> None:
    x0 = diffusion.to_levels(0.97 * normal(3, 2, 4, 4, seed=7).sign())
    model = Told(x0, ALPHA_BAR, 0.0, beyond=True)
    got = number(answer(model, x0, ALPHA_BAR, torch.Generator().manual_seed(2)), "the bound").item()
    want = _terms(model).sum().item()
    expect(
        abs(got - want) < 1e-4 * want,
        f"where the network guesses at pixels beyond -1 and 1 the bound is {got:.1f}, it should be {want:.1f}: "
        f"clamp the "
        "guess at x0.",
    )


@variational_bound.part
def bound_noises_the_picture_as_training_did(answer: Answer) -> None:
    x0 = diffusion.to_levels(0.3 * normal(16, 2, 12, 12, seed=8))
    model = Told(x0, ALPHA_BAR, 0.1)
    first = number(answer(model, x0, ALPHA_BAR, torch.Generator().manual_seed(3)), "the bound")
    sizes = torch.stack([noise.std() for noise in model.noises])
    worst = sizes[(sizes - 1).abs().argmax()].item()
    expect(
        abs(worst - 1) < 0.1,
        f"the noise that the network is shown has {worst:.2f} of its proper strength at some step: x_t is "
        "`q_sample(x0, t, alpha_bar, eps)`, and the network is told the same t.",
    )

    def shown(seed: int) -> Tensor:
        again = Told(x0, ALPHA_BAR, 0.1)
        answer(again, x0, ALPHA_BAR, torch.Generator().manual_seed(seed))
        return torch.stack(again.noises)

    expect(
        close(shown(3), torch.stack(model.noises), 1e-4),
        "with the same seed of `generator` the noise differs: draw eps with `torch.randn(..., generator=generator)`.",
    )
    expect(not close(shown(3), shown(4), 1e-4), "another seed of `generator` changes nothing: draw eps from it.")
    expect(bool(torch.isfinite(first)), "the bound is not finite.")

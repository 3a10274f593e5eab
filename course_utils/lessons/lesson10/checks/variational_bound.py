"""Checks of the variational bound, the sum of its steps, with networks whose guesses are known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_values, untouched
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson10.checks.inputs import ALPHA_BAR, number

variational_bound = Exercise("variational_bound", reference=diffusion.variational_bound)


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

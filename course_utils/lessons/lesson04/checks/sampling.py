"""Checks of one step back and of the whole walk from noise to pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_same_again,
    expect_tensor,
    expect_values,
)
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws import Asked

p_sample = Exercise(
    "p_sample",
    reference=samplers.p_sample,
    laws=(
        laws.unchanged(),
        laws.asks(T=(20, 510), early=True),
        laws.by_itself(),
        laws.dtypes("x_t"),
        laws.devices(),
        laws.layouts(),
        laws.any_size(),
        laws.settings(variance=("beta", "beta-tilde"), clip=(False, True)),
    ),
    waive={"gradients": "nobody asks for them: a step back may run under `no_grad` or not"},
)

_T = 20


def schedule(T: int = _T, last: float = 0.6) -> Tensor:
    """alpha_bar (T + 1,), with steps that are large enough for a mistake to show."""
    return diffusion.alpha_bars(diffusion.linear_schedule(T, 0.02, last))


def guess(x: Tensor) -> Tensor:
    """What `Asked` says."""
    return 0.8 * x + 0.1 * x.sin()


def _terms(t: int, alpha_bar: Tensor) -> tuple[float, float, float, float]:
    a, before = alpha_bar[t].item(), alpha_bar[t - 1].item()
    return a, before, a / before, 1 - a / before


@p_sample.part
def step_has_the_right_values(answer: Answer) -> None:
    alpha_bar, t = schedule(), 9
    x, z = normal(2, 3, 4, 5, seed=3), normal(2, 3, 4, 5, seed=4)
    got = expect_tensor(answer(Asked(), x, t, alpha_bar, z), (2, 3, 4, 5))
    expect_same_again(answer, got, Asked(), x, t, alpha_bar, z)
    a, before, alpha, beta = _terms(t, alpha_bar)
    tilde = (1 - before) / (1 - a) * beta
    eps = guess(x)
    mean = (x - beta / (1 - a) ** 0.5 * eps) / alpha**0.5
    x0 = (x - (1 - a) ** 0.5 * eps) / a**0.5
    noise = beta**0.5 * z
    expect_values(
        got,
        mean + noise,
        {
            "the noise z is multiplied by the variance beta_t: it should be its root, the standard deviation.": (
                mean + beta * z
            ),
            "all of z is added: multiply it by the root of beta_t.": mean + z,
            "no noise is added: at every step but the last, the root of beta_t times z.": mean,
            'the noise has the variance beta-tilde: with variance="beta" it should be beta_t.': mean + tilde**0.5 * z,
            "the noise has the variance 1 - alpha_bar_t, all of it: one step's variance is beta_t.": (
                mean + (1 - a) ** 0.5 * z
            ),
            "the division by the root of alpha_t is missing: one step back also undoes the shrinking.": (
                x - beta / (1 - a) ** 0.5 * eps + noise
            ),
            "this divides by the root of alpha_bar_t, the product: one step back undoes one step, alpha_t.": (
                (x - beta / (1 - a) ** 0.5 * eps) / a**0.5 + noise
            ),
            "this subtracts beta_t / (1 - alpha_bar_t) times the noise: below the line stands the root.": (
                (x - beta / (1 - a) * eps) / alpha**0.5 + noise
            ),
            "this subtracts the root of beta_t times the guessed noise, as if all of it came from this step.": (
                (x - beta**0.5 * eps) / alpha**0.5 + noise
            ),
            "this takes away all the noise at once: it is x0, not x_(t-1). Mix it with x_t, as posterior_mean does.": (
                x0 + noise
            ),
            "the guessed noise is added, it should be subtracted.": (
                (x + beta / (1 - a) ** 0.5 * eps) / alpha**0.5 + noise
            ),
            "x0 is noised again to step t - 1 with new noise: x_t itself is not used, and the steps do not follow one "
            "another.": before**0.5 * x0 + (1 - before) ** 0.5 * z,
            "this multiplies by the root of alpha_t, which shrinks the picture once more: divide by it.": (
                (x - beta / (1 - a) ** 0.5 * eps) * alpha**0.5 + noise
            ),
            "the picture is cut off at -1 and 1: x_(t-1) is noisy and goes beyond. With clip it is the guess at x0 "
            "that is cut off.": (mean + noise).clamp(-1, 1),
            "the guess at x0 is cut off although clip is False.": (
                diffusion.posterior_mean(x0.clamp(-1, 1), x, torch.tensor([t, t]), alpha_bar) + noise
            ),
        },
        "the values of one step back are wrong: compare mean and noise with the formula above.",
    )


@p_sample.part
def last_step_adds_no_noise(answer: Answer) -> None:
    alpha_bar = schedule()
    x, z = normal(2, 1, 3, 3, seed=5), normal(2, 1, 3, 3, seed=6)
    got = expect_tensor(answer(Asked(), x, 1, alpha_bar, z), (2, 1, 3, 3))
    a, _, alpha, beta = _terms(1, alpha_bar)
    mean = (x - beta / (1 - a) ** 0.5 * guess(x)) / alpha**0.5
    expect(
        not close(got, mean + beta**0.5 * z),
        "noise is added at the last step, t = 1, and stays in the picture: nothing comes after it to take it away.",
    )
    expect(close(got, mean), "at t = 1 the result should be the mean, which is the guess at x0.")
    got = expect_tensor(answer(Asked(), x, 2, alpha_bar, z), (2, 1, 3, 3))
    a, _, alpha, beta = _terms(2, alpha_bar)
    mean = (x - beta / (1 - a) ** 0.5 * guess(x)) / alpha**0.5
    expect(not close(got, mean), "at t = 2 no noise is added: only the very last step, t = 1, goes without.")
    expect(close(got, mean + beta**0.5 * z), "at t = 2 the step is wrong.")


@p_sample.part
def step_knows_both_variances(answer: Answer) -> None:
    alpha_bar, t = schedule(), 5
    x, z = normal(2, 1, 3, 3, seed=7), normal(2, 1, 3, 3, seed=8)
    a, before, alpha, beta = _terms(t, alpha_bar)
    mean = (x - beta / (1 - a) ** 0.5 * guess(x)) / alpha**0.5
    tilde = (1 - before) / (1 - a) * beta
    got = expect_tensor(answer(Asked(), x, t, alpha_bar, z, variance="beta-tilde"), (2, 1, 3, 3))
    expect_values(
        got,
        mean + tilde**0.5 * z,
        {
            'variance="beta-tilde" makes no difference: then the noise has the posterior\'s variance.': (
                mean + beta**0.5 * z
            ),
            "beta-tilde is a variance: multiply z by its root.": mean + tilde * z,
        },
        'with variance="beta-tilde" the noise should have the posterior\'s variance, and here it has another.',
    )


@p_sample.part
def clipping_clips_the_guess(answer: Answer) -> None:
    alpha_bar, t = schedule(), 12
    x, z = 2 * normal(3, 1, 3, 3, seed=9), normal(3, 1, 3, 3, seed=10)
    a, _, _, beta = _terms(t, alpha_bar)
    x0 = (x - (1 - a) ** 0.5 * guess(x)) / a**0.5
    steps, noise = torch.tensor([t] * 3), beta**0.5 * z
    got = expect_tensor(answer(Asked(), x, t, alpha_bar, z, clip=True), (3, 1, 3, 3))
    free = diffusion.posterior_mean(x0, x, steps, alpha_bar) + noise
    expect_values(
        got,
        diffusion.posterior_mean(x0.clamp(-1, 1), x, steps, alpha_bar) + noise,
        {
            "clip=True makes no difference: the guess at x0 should be cut off at -1 and 1.": free,
            "with clip it is x_(t-1) that is cut off: cut off the guess at x0, before the posterior's mean.": (
                free.clamp(-1, 1)
            ),
            "the guess at x0 is cut off at 0 and 1: pictures lie between -1 and 1.": (
                diffusion.posterior_mean(x0.clamp(0, 1), x, steps, alpha_bar) + noise
            ),
        },
        "with clip=True the guess at x0, made with recover_x0, should be cut off at -1 and 1 and go into "
        "posterior_mean.",
    )

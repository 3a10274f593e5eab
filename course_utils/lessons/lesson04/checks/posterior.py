"""Checks of the posterior q(x_{t-1} | x_t, x0) and of the weight that the bound gives to each noise level."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal

_EACH_STEP = (laws.unchanged(), laws.by_itself(), laws.float64(), laws.any_size(shapes=()))

posterior_variance = Exercise("posterior_variance", reference=diffusion.posterior_variance, laws=_EACH_STEP)
posterior_mean = Exercise(
    "posterior_mean",
    reference=diffusion.posterior_mean,
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("x_t"),
        laws.devices(),
        laws.layouts(),
        laws.gradients("x0", "x_t"),
        laws.any_size(),
    ),
)
bound_weight = Exercise("bound_weight", reference=diffusion.bound_weight, laws=_EACH_STEP)

_T = 20


def _alpha_bar() -> Tensor:
    """(T + 1,), with steps that are large enough for a mistake to show."""
    return diffusion.alpha_bars(diffusion.linear_schedule(_T, 0.02, 0.6))


def _parts(t: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """alpha_bar_t, alpha_bar_{t-1}, alpha_t and beta_t, each shaped like t."""
    a, before = alpha_bar[t], alpha_bar[t - 1]
    return a, before, a / before, 1 - a / before


@posterior_variance.part
def variance_has_the_right_values(answer: Answer) -> None:
    alpha_bar, t = _alpha_bar(), torch.tensor([2, 9, 15, _T])
    got = expect_tensor(answer(t, alpha_bar), (4,))
    a, before, alpha, beta = _parts(t, alpha_bar)
    expect_values(
        got,
        (1 - before) / (1 - a) * beta,
        {
            "this is beta_t, the variance of the step forwards. The clean picture is known too, so less is uncertain: "
            "multiply by (1 - alpha_bar_(t-1)) / (1 - alpha_bar_t).": beta,
            "this is larger than beta_t: the quotient is upside down. Knowing the clean picture can only make the "
            "variance smaller.": (1 - a) / (1 - before) * beta,
            "this is the standard deviation: leave out the square root.": ((1 - before) / (1 - a) * beta).sqrt(),
            "beta_t is missing: the quotient of the two noise variances has to be multiplied by it.": (
                (1 - before) / (1 - a)
            ),
            "the quotient is that of the two alpha_bars: it should be that of 1 - alpha_bar, the two amounts of "
            "noise.": before / a * beta,
            "the quotient is that of the two alpha_bars: it should be that of 1 - alpha_bar, the amounts of noise.": (
                a / before * beta
            ),
            "beta_t is taken for 1 - alpha_bar_t, all the noise so far: one step's beta is "
            "1 - alpha_bar_t / alpha_bar_(t-1).": 1 - before,
            "this multiplies by alpha_t where beta_t belongs.": (1 - before) / (1 - a) * alpha,
            "this is the sum of the two precisions: the variance is one over it.": alpha / beta + 1 / (1 - before),
            "the precisions are averaged, not added: take one over their sum.": 2 / (alpha / beta + 1 / (1 - before)),
            "the factor alpha_t is missing in the first precision: x_(t-1) is multiplied by the root of alpha_t before "
            "the noise comes, so its precision is alpha_t / beta_t.": 1 / (1 / beta + 1 / (1 - before)),
        },
        f"at t = 9 of this schedule the variance is {got[1].item():.4f}, it should be "
        f"{((1 - before) / (1 - a) * beta)[1].item():.4f}.",
    )


@posterior_variance.part
def variance_is_nothing_at_the_first_step(answer: Answer) -> None:
    alpha_bar = _alpha_bar()
    got = expect_tensor(answer(torch.tensor([1, 1]), alpha_bar), (2,))
    expect(
        bool((got.abs() < 1e-12).all()),
        f"at t = 1 the variance is {got[0].item():.3f}, it should be 0: the step before is the clean picture itself, "
        "and that is known. alpha_bar_0 = 1 stands at `alpha_bar[0]`.",
    )


@posterior_variance.part
def variance_is_below_beta(answer: Answer) -> None:
    for betas in (diffusion.linear_schedule(1000), diffusion.cosine_schedule(100)):
        alpha_bar = diffusion.alpha_bars(betas)
        t = torch.arange(1, len(betas) + 1)
        got = expect_tensor(answer(t, alpha_bar), (len(betas),), torch.float64, like="`alpha_bar`")
        expect(bool((got >= 0).all()), "somewhere the variance is below 0.")
        expect(
            bool((got <= betas + 1e-9).all()),
            "somewhere the variance is larger than beta_t: knowing the clean picture can only make it smaller.",
        )
        expect(
            close(got, diffusion.posterior_variance(t, alpha_bar), 1e-8),
            "the variance is wrong for one of the schedules of lesson 01.",
        )


@posterior_mean.part
def mean_has_the_right_values(answer: Answer) -> None:
    alpha_bar, t = _alpha_bar(), torch.tensor([9])
    x0, x_t = normal(1, 3, 5, 6, seed=1), normal(1, 3, 5, 6, seed=2)
    got = expect_tensor(answer(x0, x_t, t, alpha_bar), (1, 3, 5, 6))
    a, before, alpha, beta = (v.item() for v in _parts(t, alpha_bar))
    on_x0, on_x_t = before**0.5 * beta / (1 - a), alpha**0.5 * (1 - before) / (1 - a)
    eps = (x_t - a**0.5 * x0) / (1 - a) ** 0.5
    expect_values(
        got,
        on_x0 * x0 + on_x_t * x_t,
        {
            "the two pictures are swapped: x0 gets the root of alpha_bar_(t-1) times beta_t.": on_x0 * x_t
            + on_x_t * x0,
            "both square roots are missing.": before * beta / (1 - a) * x0 + alpha * (1 - before) / (1 - a) * x_t,
            "the square root of alpha_bar_(t-1) is missing.": before * beta / (1 - a) * x0 + on_x_t * x_t,
            "the square root of alpha_t is missing.": on_x0 * x0 + alpha * (1 - before) / (1 - a) * x_t,
            "x0 gets the root of alpha_bar_t: it should be that of the step before, alpha_bar_(t-1).": (
                a**0.5 * beta / (1 - a) * x0 + on_x_t * x_t
            ),
            "x_t gets the root of alpha_bar_t, the product: it should be that of alpha_t, this step's own share.": (
                on_x0 * x0 + a**0.5 * (1 - before) / (1 - a) * x_t
            ),
            "x_t gets the noise so far, 1 - alpha_bar_t, so that the quotient is 1: the noise before this step, "
            "1 - alpha_bar_(t-1), belongs above the line.": on_x0 * x0 + alpha**0.5 * x_t,
            "the division by 1 - alpha_bar_t is missing.": (before**0.5 * beta * x0 + alpha**0.5 * (1 - before) * x_t),
            "one of the two terms is not divided by 1 - alpha_bar_t: mind the parentheses.": (
                before**0.5 * beta * x0 + on_x_t * x_t
            ),
            "one of the two terms is not divided by 1 - alpha_bar_t: are parentheses missing?": (
                on_x0 * x0 + alpha**0.5 * (1 - before) * x_t
            ),
            "this is the noised picture one step back, with the same noise: the mean of all x_(t-1) that lead to x_t "
            "is nearer to x0.": before**0.5 * x0 + (1 - before) ** 0.5 * eps,
            "the mean ignores x_t: this is where x0 alone would lead.": before**0.5 * x0,
            "the mean ignores x0: this undoes the shrinking of one step and nothing else.": x_t / alpha**0.5,
        },
        "at t = 9 the values are wrong: compare both coefficients with the formula above.",
    )


@posterior_mean.part
def mean_gives_each_picture_its_own_step(answer: Answer) -> None:
    alpha_bar, t = _alpha_bar(), torch.tensor([3, 7, 12, 18])
    x0, x_t = normal(4, 4, 4, 4, seed=3), normal(4, 4, 4, 4, seed=4)  # a cube of four, which broadcasts any way
    try:
        got = expect_tensor(answer(x0, x_t, t, alpha_bar), (4, 4, 4, 4))
    except RuntimeError as error:
        expect(False, f"a batch in which each picture has its own t fails: {str(error)[:150]}")
    want = diffusion.posterior_mean(x0, x_t, t, alpha_bar)
    a, before, alpha, beta = _parts(t, alpha_bar)
    on_last_axis = before.sqrt() * beta / (1 - a) * x0 + alpha.sqrt() * (1 - before) / (1 - a) * x_t
    expect_values(
        got,
        want,
        {
            "column w of every picture got the step of picture w: the coefficients have shape (B,). Reshape them to "
            "(B, 1, 1, 1).": on_last_axis,
            "every picture got the step of the first one: use the whole of t.": diffusion.posterior_mean(
                x0, x_t, t[:1].expand(4), alpha_bar
            ),
        },
        "each picture in the batch should get the coefficients of its own t.",
    )


@posterior_mean.part
def mean_at_the_first_step_is_the_picture(answer: Answer) -> None:
    x0, x_t = normal(2, 1, 3, 3, seed=5), normal(2, 1, 3, 3, seed=6)
    got = expect_tensor(answer(x0, x_t, torch.tensor([1, 1]), _alpha_bar()), (2, 1, 3, 3))
    expect(
        close(got, x0),
        "at t = 1 the step before is the clean picture, so the mean should be x0, and here it is not: alpha_bar_0 = 1 "
        "stands at `alpha_bar[0]`.",
    )


@bound_weight.part
def weight_has_the_right_values(answer: Answer) -> None:
    alpha_bar, t = _alpha_bar(), torch.tensor([1, 2, 9, _T])
    got = expect_tensor(answer(t, alpha_bar), (4,))
    a, _, alpha, beta = _parts(t, alpha_bar)
    want = beta / (2 * alpha * (1 - a))
    expect_values(
        got,
        want,
        {
            "the 2 below the line is missing: it comes from the Gaussian, exp(-d^2 / (2 sigma^2)).": 2 * want,
            "beta_t is squared, but one beta_t cancels against sigma_t^2 = beta_t.": beta * want,
            "alpha_t is missing below the line: the mean divides by its root, so the square divides by alpha_t.": (
                beta / (2 * (1 - a))
            ),
            "the weight is for the error of the mean, not of the noise: multiply by (beta_t)^2 / (alpha_t "
            "(1 - alpha_bar_t)).": 1 / (2 * beta),
            "below the line stands alpha_bar_t: it should be alpha_t, this step's own share.": (
                beta / (2 * a * (1 - a))
            ),
            "below the line stands alpha_bar_t where 1 - alpha_bar_t belongs.": beta / (2 * alpha * a),
            "beta_t is taken for 1 - alpha_bar_t: one step's beta is 1 - alpha_bar_t / alpha_bar_(t-1).": (
                1 / (2 * alpha)
            ),
            "this is the square root of the weight.": want.sqrt(),
            "the noise's coefficient is not squared: it stands squared in the error.": (
                1 / (2 * (alpha * (1 - a)).sqrt())
            ),
        },
        f"at t = 9 of this schedule the weight is {got[2].item():.4f}, it should be {want[2].item():.4f}.",
    )


@bound_weight.part
def weight_turns_one_error_into_the_other(answer: Answer) -> None:
    """A wrong noise makes a wrong mean; the bound counts the mean's error over twice the variance."""
    alpha_bar, t = _alpha_bar(), torch.tensor([2, 5, 11, 19])
    x_t, right, guess = (normal(4, 1, 4, 4, seed=seed) for seed in (7, 8, 9))
    means = [
        diffusion.posterior_mean(diffusion.recover_x0(x_t, t, alpha_bar, eps), x_t, t, alpha_bar)
        for eps in (right, guess)
    ]
    beta = _parts(t, alpha_bar)[3]
    bound = (means[0] - means[1]).square().sum((1, 2, 3)) / (2 * beta)
    weight = expect_tensor(answer(t, alpha_bar), (4,))
    expect(
        close(weight * (right - guess).square().sum((1, 2, 3)), bound),
        "the weight times the squared error of the noise is not the Kullback-Leibler divergence of the two steps.",
    )

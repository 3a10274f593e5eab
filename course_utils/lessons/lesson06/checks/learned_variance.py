"""Checks of the learned variance, a point between two bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson06.checks.inputs import long


def _shares(sizes: laws.Sizes) -> Tensor:
    """v, (B, *shape), between 0 and 1."""
    generator = torch.Generator().manual_seed(sizes.seed)
    return torch.rand(sizes.B, *sizes.shape, generator=generator, dtype=torch.float64).to(sizes.dtype)


interpolate_log_variance = Exercise(
    "interpolate_log_variance",
    reference=diffusion.interpolate_log_variance,
    inputs=laws.Inputs(make={"v": _shares}),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("`v`", half=True),
        laws.layouts(),
        laws.gradients("v"),
        laws.any_size(),
    ),
)


@interpolate_log_variance.part
def log_variance_has_the_right_values(answer: Answer) -> None:
    v = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    t = torch.tensor([3])  # an early step, where the two bounds are far apart
    got = expect_tensor(answer(v, t, long()), (1, 3, 4, 5))
    large = 1 - long()[3] / long()[2]
    small = diffusion.posterior_variance(t, long())[0].double()
    late = 1 - long()[4] / long()[3]
    expect_values(
        got,
        v * large.log() + (1 - v) * small.log(),
        {
            "v = 1 gives beta-tilde and v = 0 gives beta: it should be the other way round.": (
                v * small.log() + (1 - v) * large.log()
            ),
            "the variances are mixed and the logarithm is taken afterwards: mix the two logarithms.": (
                (v * large + (1 - v) * small).log()
            ),
            "this is the variance: return its logarithm.": (v * large.log() + (1 - v) * small.log()).exp(),
            "the variances are mixed, and no logarithm is taken: mix the two logarithms.": v * large + (1 - v) * small,
            "this is the logarithm of sigma: the variance is its square, so twice as much.": (
                0.5 * (v * large.log() + (1 - v) * small.log())
            ),
            "beta is one step late: beta_t is 1 - alpha_bar_t / alpha_bar_(t-1).": (
                v * late.log() + (1 - v) * small.log()
            ),
            "1 - alpha_bar_t is all the noise so far: beta_t is that of one step, 1 - alpha_bar_t / alpha_bar_(t-1).": (
                v * (1 - long()[3]).log() + (1 - v) * small.log()
            ),
            "v comes in between 0 and 1 already: do not map it from -1..1 again.": (
                (v + 1) / 2 * large.log() + (1 - v) / 2 * small.log()
            ),
        },
        "the logarithm of the variance is wrong: it is v times log beta_t, plus (1 - v) times log beta-tilde_t.",
    )


@interpolate_log_variance.part
def log_variance_gives_each_picture_its_own_step(answer: Answer) -> None:
    v = torch.rand(4, 4, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    t = torch.tensor([900, 2, 500, 70])
    got = expect_tensor(answer(v, t, long()), (4, 4, 4, 4))
    want = diffusion.interpolate_log_variance(v, t, long())
    beta = 1 - long()[t] / long()[t - 1]
    tilde = diffusion.posterior_variance(t, long()).double()
    expect_values(
        got,
        want,
        {
            "column w of every picture got the step of picture w: reshape what has shape (B,) to (B, 1, 1, 1).": (
                v * beta.log() + (1 - v) * tilde.log()
            ),
            "every picture got the step of the first one: use the whole of t.": (
                v * beta[0].log() + (1 - v) * tilde[0].log()
            ),
        },
        "in a batch in which each picture has its own t the values are wrong.",
    )


@interpolate_log_variance.part
def log_variance_is_finite_at_the_first_step(answer: Answer) -> None:
    v = torch.full((2, 1, 2, 2), 0.5, dtype=torch.float64)
    got = answer(v, torch.tensor([1, 1]), long())
    expect(isinstance(got, Tensor), "your function should return a tensor.")
    expect(
        bool(torch.isfinite(got).all()),
        "at t = 1 the result is not finite: beta-tilde_1 is 0 and has no logarithm. Use beta-tilde_2 there.",
    )
    want = diffusion.interpolate_log_variance(v, torch.tensor([1, 1]), long())
    here, there = apart(got.flatten()[0].item(), want.flatten()[0].item())
    expect(
        close(got, want),
        f"at t = 1 with v = 0.5 the result is {here}, it should be {there}: there beta-tilde_2 takes the place of "
        "beta-tilde_1, which is 0.",
    )

"""Checks of the linear schedule, the products alpha_bar and the signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_tensor,
    expect_values,
)

linear_schedule = Exercise(
    "linear_schedule",
    reference=diffusion.linear_schedule,
    laws=(
        laws.float64(),
        laws.any_size(T=(2, 3, 60, 510), shapes=(), B=()),
        laws.settings(beta_start=(1e-4, 0.01), beta_end=(0.02, 0.5)),
    ),
)
alpha_bars = Exercise(
    "alpha_bars",
    reference=diffusion.alpha_bars,
    laws=(laws.unchanged(), laws.float64(), laws.any_size(T=(1, 60, 510), shapes=(), B=())),
)
snr = Exercise(
    "snr",
    reference=diffusion.snr,
    laws=(laws.unchanged(), laws.float64(), laws.any_size(T=(1, 60, 510), shapes=(), B=())),
)


@linear_schedule.part
def linear_has_the_paper_values(answer: Answer) -> None:
    got = answer(1000)
    if isinstance(got, Tensor):
        expect(got.shape != (1001,), "there are 1001 betas, there should be one for each of the 1000 steps.")
    got = expect_tensor(got, (1000,))
    want = diffusion.linear_schedule(1000)
    late = "beta_1 should be beta_start itself: the share of the way is (t - 1)/(T - 1), not t/T."
    expect_values(
        got,
        want,
        {
            "the last beta is missing: the values stop one step short of beta_end, which `torch.linspace` includes.": (
                1e-4 + (0.02 - 1e-4) * torch.arange(1000, dtype=torch.float64) / 1000
            ),
            late: 1e-4 + (0.02 - 1e-4) * torch.arange(1, 1001, dtype=torch.float64) / 1000,
            "beta falls from 0.02 to 0.0001, it should rise: the start and the end are swapped.": want.flip(0),
            "the ratio of neighbours is constant, not their difference: this is a geometric schedule.": (
                torch.logspace(-4, torch.log10(torch.tensor(0.02)).item(), 1000, dtype=torch.float64)
            ),
            "these are the values of 1 - beta, so `alpha`: the function should return beta.": 1 - want,
            "the square roots of the betas are evenly spaced, not the betas themselves.": (
                torch.linspace(1e-4**0.5, 0.02**0.5, 1000, dtype=torch.float64) ** 2
            ),
        },
        f"the first and last beta are {got[0].item():.6f} and {got[-1].item():.6f}; they should be 0.000100 and "
        "0.020000, with equal steps between them.",
        tolerance=1e-7,
    )


@linear_schedule.part
def linear_uses_its_arguments(answer: Answer) -> None:
    got = expect_tensor(answer(5, beta_start=0.1, beta_end=0.5), (5,))
    want = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5], dtype=torch.float64)
    text = ", ".join(f"{v:.2f}" for v in got.tolist())
    expect_values(
        got,
        want,
        {"`beta_start` and `beta_end` make no difference: are their values written into the body?": (
            diffusion.linear_schedule(5)
        )},
        f"five steps from 0.1 to 0.5 give {text}; they should give 0.10, 0.20, 0.30, 0.40, 0.50.",
    )  # fmt: skip


@alpha_bars.part
def alpha_bar_starts_at_one(answer: Answer) -> None:
    betas = diffusion.linear_schedule(10, 0.1, 0.5)
    got = answer(betas)
    if isinstance(got, Tensor):
        expect(
            got.shape != (10,),
            "there are 10 values for 10 steps, but t runs from 0, the clean picture, to 10: put a 1 in front.",
        )
    got = expect_tensor(got, (11,))
    expect(
        abs(got[0].item() - 1) < 1e-9,
        f"at t = 0 alpha_bar is {got[0].item():.2f}, it should be 1: nothing has been added yet.",
    )


@alpha_bars.part
def alpha_bar_is_the_product(answer: Answer) -> None:
    betas = diffusion.linear_schedule(10, 0.1, 0.5)
    one = torch.ones(1, dtype=torch.float64)
    got = expect_tensor(answer(betas), (11,))
    expect_values(
        got,
        diffusion.alpha_bars(betas),
        {
            "the betas themselves are multiplied: the product is over alpha = 1 - beta.": torch.cat(
                [one, torch.cumprod(betas, 0)]
            ),
            "this is 1 minus a running sum: the shares that survive multiply, they do not add.": torch.cat(
                [one, 1 - torch.cumsum(betas, 0)]
            ),
            "this is alpha = 1 - beta, step by step: it still has to be multiplied up.": torch.cat([one, 1 - betas]),
            "the square roots of alpha are multiplied: alpha_bar is a share of the variance, so no root here.": (
                torch.cat([one, torch.cumprod((1 - betas).sqrt(), 0)])
            ),
            "this is the running sum of alpha: it has to be a running product.": torch.cat(
                [one, torch.cumsum(1 - betas, 0)]
            ),
            "this is 1 - alpha_bar, the noise: alpha_bar is what is left of the picture.": torch.cat(
                [one, 1 - torch.cumprod(1 - betas, 0)]
            ),
            "everything arrives one step late: alpha_bar at t = 1 should already be 1 - beta_1.": torch.cat(
                [one, one, torch.cumprod(1 - betas, 0)[:-1]]
            ),
        },
        f"with beta_1 = 0.1 and beta_2 = 0.144, alpha_bar at t = 2 is {got[2].item():.2f}, it should be 0.77.",
    )


@alpha_bars.part
def alpha_bar_keeps_the_dtype(answer: Answer) -> None:
    got = expect_tensor(answer(torch.tensor([0.25])), (2,), torch.float32, like="`betas`")
    expect(close(got, torch.tensor([1.0, 0.75])), "a schedule of a single step should give 1 and 1 - beta_1.")


@snr.part
def snr_has_the_right_values(answer: Answer) -> None:
    a = torch.tensor([0.9, 0.5, 0.2, 0.0], dtype=torch.float64)
    got = expect_tensor(answer(a), (4,))
    expect_values(
        got,
        a / (1 - a),
        {
            "this is noise over signal: turn the fraction around.": (1 - a) / a,
            "this is a ratio of amplitudes: a signal-to-noise ratio compares variances, so no roots.": (
                a.sqrt() / (1 - a).sqrt()
            ),
            "this is the logarithm: `snr` should return the ratio itself.": (a / (1 - a)).log(),
            "this divides the signal by everything: the noise alone is 1 - alpha_bar.": a,
            "both are squared: alpha_bar and 1 - alpha_bar are variances already.": a**2 / (1 - a) ** 2,
            "this is 1 / (1 - alpha_bar): the signal's variance, above the line, is alpha_bar.": 1 / (1 - a),
        },
        f"at alpha_bar = 0.9 the ratio is {got[0].item():.2f}, it should be 9.00.",
    )


@snr.part
def snr_of_a_clean_picture_is_infinite(answer: Answer) -> None:
    got = answer(torch.tensor([1.0, 0.5]))
    got = expect_tensor(got, (2,))
    expect(
        torch.isinf(got[0]) and got[0] > 0,
        "where alpha_bar is 1 there is no noise, and the ratio should be infinite: add no small number below the line.",
    )


@snr.part
def snr_keeps_shape_and_dtype(answer: Answer) -> None:
    a = torch.full((2, 3), 0.75, dtype=torch.float32)
    got = expect_tensor(answer(a), (2, 3), torch.float32, like="`alpha_bar`")
    expect(
        close(got, torch.full((2, 3), 3.0)),
        "for a table of alpha_bars the result should be a table of ratios.",
    )

"""Checks of the loss of a one-shot denoiser, and of the denoiser that needs no training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_utils import diffusion
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
from course_utils.exercises.laws.words import difference

denoising_loss = Exercise(
    "denoising_loss",
    reference=diffusion.denoising_loss,
    inputs=laws.Inputs(make={"model": lambda sizes: _Blind(sizes)}),
    laws=(
        laws.unchanged(),
        laws.by_itself(mean=True),
        laws.dtypes(None),
        laws.layouts(),
        laws.gradients("model"),
        laws.any_size(),
    ),
    waive={"asks": "the network is told no time, and loss_has_the_right_value sees what it is shown"},
)
ideal_denoiser = Exercise(
    "ideal_denoiser",
    reference=diffusion.ideal_denoiser,
    inputs=laws.Inputs(make={"data": lambda sizes: 0.5 * normal(6, *sizes.shape, seed=9, dtype=sizes.dtype)}),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("x_t", digits=1e-4),
        laws.layouts(),
        laws.any_size(),
    ),
    waive={"gradients": "there is nothing to learn, and nobody asks for them"},
)

ALPHA_BAR = torch.tensor([1.0, 0.81, 0.49, 0.25, 0.04], dtype=torch.float64)


def _model(x: Tensor, *more: Any) -> Tensor:
    """A stand-in for a network, which must not be told the time."""
    expect(not more, "the network is told more than the noisy picture: here it is blind, `model(x_t)`.")
    return 0.5 * x + 0.1


class _Blind(nn.Module):
    """A network that is told no time, with weights in the dtype of the pictures."""

    def __init__(self, sizes: laws.Sizes) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((), 0.7, dtype=sizes.dtype), requires_grad=sizes.learns)

    def forward(self, x: Tensor) -> Tensor:
        has, sees = (str(dtype).removeprefix("torch.") for dtype in (self.factor.dtype, x.dtype))
        expect(
            sees == has,
            f"the weights of the network are {has}, like x0, and it is shown {sees} pictures: bring alpha_bar[t] to "
            "the dtype of x0.",
        )
        return self.factor * x + 0.2 * x.sin()


@denoising_loss.part
def loss_has_the_right_value(answer: Answer) -> None:
    x0, eps, t = normal(4, 3, 4, 4, seed=1), normal(4, 3, 4, 4, seed=2), torch.tensor([1, 2, 3, 4])
    got = answer(_model, x0, t, ALPHA_BAR, eps)
    if isinstance(got, Tensor):
        expect(got.shape != x0.shape, "there is a loss for every pixel: average over all of them.")
        expect(got.shape != (4,), "there is a loss for every picture: average over them, too.")
    got = expect_tensor(got, ())
    expect_same_again(answer, got, _model, x0, t, ALPHA_BAR, eps)
    x_t = diffusion.q_sample(x0, t, ALPHA_BAR, eps)
    guess = _model(x_t)
    swapped = diffusion.q_sample(eps, t, ALPHA_BAR, x0)
    expect_values(
        got,
        (guess - x0).square().mean(),
        {
            "the guess is compared with the noise: this network guesses the clean picture x0.": (
                (guess - eps).square().mean()
            ),
            "the guess is compared with the noisy picture: compare it with the clean one.": (guess - x_t)
            .square()
            .mean(),
            "the network is shown the clean picture: show it x_t.": (_model(x0) - x0).square().mean(),
            "the errors are summed: take their mean, so that the loss does not grow with the batch or the size.": (
                (guess - x0).square().sum()
            ),
            "the errors of a picture are summed: take the mean over its pixels, too.": (
                (guess - x0).square().sum(dim=(1, 2, 3)).mean()
            ),
            "this is the mean of the absolute errors: square them.": (guess - x0).abs().mean(),
            "this is the root of the mean squared error: leave out the root.": (guess - x0).square().mean().sqrt(),
            "the error is averaged first and squared afterwards, so that errors up and down cancel: square first.": (
                (guess - x0).mean().square()
            ),
            "picture and noise are swapped in `q_sample`: it takes x0 first and eps last.": (
                (_model(swapped) - x0).square().mean()
            ),
            "all pictures got the step of the first: use the whole of t.": (
                (_model(diffusion.q_sample(x0, t[:1].expand(4), ALPHA_BAR, eps)) - x0).square().mean()
            ),
            "the noise is added at full strength: make x_t with `q_sample`.": (_model(x0 + eps) - x0).square().mean(),
        },
        f"with a known network {difference(got, (guess - x0).square().mean(), 1e-4)}: noise x0 with q_sample, let the "
        "network guess, mean squared error.",
        tolerance=1e-4,
    )


@denoising_loss.part
def loss_teaches_the_network(answer: Answer) -> None:
    scale = torch.tensor(0.3, requires_grad=True)
    x0 = normal(2, 1, 4, 4, dtype=torch.float32)
    got = answer(
        lambda x: scale * x, x0, torch.tensor([2, 3]), ALPHA_BAR, normal(2, 1, 4, 4, seed=1, dtype=torch.float32)
    )
    expect(
        expect_tensor(got, ()).requires_grad,
        "no gradient reaches the network: leave out `.detach()`, `.item()` and `no_grad`.",
    )


@denoising_loss.part
def loss_is_zero_for_a_perfect_guess(answer: Answer) -> None:
    x0, t = normal(3, 2, 4, 4, seed=3), torch.tensor([2, 2, 2])
    got = expect_tensor(answer(lambda x: x / ALPHA_BAR[2].sqrt(), x0, t, ALPHA_BAR, torch.zeros_like(x0)), ())
    expect(abs(got.item()) < 1e-9, f"a network that guesses x0 exactly has the loss {got.item():.2g}, it should be 0.")


def _posterior_mean(logits: Tensor, data: Tensor, dim: int = 1) -> Tensor:
    return torch.einsum("bn,nchw->bchw", torch.softmax(logits, dim=dim), data)


@ideal_denoiser.part
def ideal_has_the_right_values(answer: Answer) -> None:
    # Four pictures and four guesses, so that a softmax over the wrong axis goes through without any complaint.
    data = 0.5 * normal(4, 1, 2, 3, seed=1)
    t = torch.tensor([1, 2, 3, 4])
    x_t = diffusion.q_sample(data[[2, 0, 1, 3]], t, ALPHA_BAR, normal(4, 1, 2, 3, seed=2))
    try:
        got = answer(x_t, t, ALPHA_BAR, data)
    except RuntimeError as error:
        expect(
            "must match the size" not in str(error),
            "two shapes do not fit. `x_t[:, None] - data[None]` has five axes, (B, N, C, H, W): alpha_bar[t] meets it "
            "as (B, 1, 1, 1, 1), flattened pictures, (B, N, D), as (B, 1, 1), and distances, (B, N), as (B, 1).",
        )
        raise
    got = expect_tensor(got, (4, 1, 2, 3))
    a = ALPHA_BAR[t][:, None]  # (B, 1)
    each = x_t[:, None] - a.sqrt().reshape(4, 1, 1, 1, 1) * data[None]  # (B, N, C, H, W)
    far = each.square().sum(dim=(2, 3, 4))  # (B, N)
    unshrunk = (x_t[:, None] - data[None]).square().sum(dim=(2, 3, 4))
    one_step = (x_t[:, None] - a[0].sqrt() * data[None]).square().sum(dim=(2, 3, 4))
    right = diffusion.ideal_denoiser(x_t, t, ALPHA_BAR, data)
    nearest = data[far.argmin(dim=1)]
    expect_values(
        got,
        right,
        {
            "the 2 in the exponent is missing: the distance is divided by 2 (1 - alpha_bar).": _posterior_mean(
                -far / (1 - a), data
            ),
            "the distance is not divided by the variance of the noise, 1 - alpha_bar (and by 2).": _posterior_mean(
                -far / 2, data
            ),
            "this divides by the root of 1 - alpha_bar: in the exponent stands the variance, without a root.": (
                _posterior_mean(-far / (2 * (1 - a).sqrt()), data)
            ),
            "this divides by alpha_bar: the variance of the noise is 1 - alpha_bar.": _posterior_mean(
                -far / (2 * a), data
            ),
            "x_t is compared with the pictures themselves: at step t they have been shrunk by the root of alpha_bar.": (
                _posterior_mean(-unshrunk / (2 * (1 - a)), data)
            ),
            "the distance is averaged over the pixels: sum over them, for the densities of the pixels multiply.": (
                _posterior_mean(-far / 6 / (2 * (1 - a)), data)
            ),
            "the distance is not squared.": _posterior_mean(-far.sqrt() / (2 * (1 - a)), data),
            "the sign is wrong: the nearer a picture, the larger its weight.": _posterior_mean(
                far / (2 * (1 - a)), data
            ),
            "this is the nearest picture: take the average of all, each with its weight.": nearest,
            "the weights are normalised over the batch: for each x_t they should add up to 1 over the data, dim=1.": (
                _posterior_mean(-far / (2 * (1 - a)), data, dim=0)
            ),
            "the result is shrunk by the root of alpha_bar once more: return the average of the clean pictures.": (
                a.sqrt().reshape(4, 1, 1, 1) * right
            ),
            "all weights are equal: this is the plain average of the data.": data.mean(0).expand(4, -1, -1, -1),
            "every x_t is treated as if it had the step of the first: each has its own t.": _posterior_mean(
                -one_step / (2 * (1 - a[0])), data
            ),
        },
        f"for four small pictures {difference(got, right, 1e-4)}: compare your exponent with the formula above.",
        tolerance=1e-4,
    )


@ideal_denoiser.part
def ideal_does_not_drown_in_small_numbers(answer: Answer) -> None:
    data = normal(5, 3, 8, 8, seed=3, dtype=torch.float32)
    alpha_bar = torch.tensor([1.0, 0.9999, 0.5], dtype=torch.float64)
    t = torch.tensor([1, 1, 1])
    x_t = diffusion.q_sample(data[:3], t, alpha_bar, normal(3, 3, 8, 8, seed=4, dtype=torch.float32))
    got = answer(x_t, t, alpha_bar, data)
    if isinstance(got, Tensor):
        expect(
            not torch.isnan(got).any(),
            "at little noise the result is nan: every exponential has become 0, and 0/0 is left. Do not take `exp` "
            "yourself: `torch.softmax` subtracts the largest exponent first.",
        )
    got = expect_tensor(got, (3, 3, 8, 8), torch.float32)
    expect(
        close(got, data[:3], 1e-3),
        "at little noise the answer should be the picture that was noised, and here it is another.",
    )


@ideal_denoiser.part
def ideal_of_pure_noise_is_the_mean(answer: Answer) -> None:
    data = normal(7, 1, 4, 4, seed=5)
    alpha_bar = torch.tensor([1.0, 1e-12], dtype=torch.float64)
    got = expect_tensor(answer(normal(2, 1, 4, 4, seed=6), torch.tensor([1, 1]), alpha_bar, data), (2, 1, 4, 4))
    expect(
        close(got, data.mean(0).expand(2, -1, -1, -1), 1e-3),
        "from pure noise every picture is as likely, so the answer should be the mean of the data, and it is not.",
    )


@ideal_denoiser.part
def ideal_takes_any_numbers(answer: Answer) -> None:
    for B, N in ((1, 6), (5, 2), (3, 1)):
        data, t = normal(N, 3, 4, 6, seed=7), torch.arange(B) % 4 + 1
        x_t = normal(B, 3, 4, 6, seed=8)
        got = expect_tensor(answer(x_t, t, ALPHA_BAR, data), (B, 3, 4, 6), torch.float64)
        expect(
            close(got, diffusion.ideal_denoiser(x_t, t, ALPHA_BAR, data)),
            f"with {B} noisy pictures and {N} in the data the average is wrong.",
        )

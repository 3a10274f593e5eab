"""The checks of GELU and of RearrangePool."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from course_utils import models
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values, untouched
from course_utils.exercises.inputs import normal
from course_utils.exercises.modules import make, scattered
from course_utils.lessons.lesson05.checks.inputs import expect_learned, load

GELU = Exercise("GELU", reference=models.GELU)
RearrangePool = Exercise("RearrangePool", reference=models.RearrangePool)


@GELU.part
def gelu_has_the_right_values(answer: Answer) -> None:
    x = torch.linspace(-4, 4, 41, dtype=torch.float64).reshape(1, 1, 1, 41)
    got = expect_tensor(untouched(make(answer), x), (1, 1, 1, 41))
    below = 0.5 * (1 + torch.erf(x / math.sqrt(2)))  # Phi(x)
    density = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    expect_values(
        got,
        x * below,
        {
            "this is Phi(x) alone: it still has to be multiplied by x.": below,
            "this is ReLU: GELU multiplies x by a probability, not by 0 or 1.": F.relu(x),
            "at large x the result is 2 x, it should be x: Phi is half of (1 + erf).": 2 * x * below,
            "erf is given x itself: Phi(x) takes erf of x / sqrt(2).": x * 0.5 * (1 + torch.erf(x)),
            "this multiplies by erf, which runs from -1 to 1: a probability is half of (1 + erf).": (
                x * torch.erf(x / math.sqrt(2))
            ),
            "this is the density of the normal distribution, its bell: Phi is the share that lies below x.": (
                x * density
            ),
            "this is SiLU, x times a sigmoid: GELU takes the normal distribution's Phi.": x * torch.sigmoid(x),
            "this is the paper's quick approximation, x times sigmoid(1.702 x): close, but write the exact one.": (
                x * torch.sigmoid(1.702 * x)
            ),
            "this is the approximation with tanh, good to three digits: write the exact form, with erf.": F.gelu(
                x, approximate="tanh"
            ),
        },
        f"at x = 1 GELU is {got[0, 0, 0, 25].item():.4f}, it should be 0.8413: the probability that a standard normal "
        "number is below 1, times 1.",
    )


@GELU.part
def gelu_is_quiet_far_out(answer: Answer) -> None:
    x = torch.tensor([-40.0, -8.0, 0.0, 8.0, 40.0], dtype=torch.float64)
    got = expect_tensor(make(answer)(x), (5,))
    expect(
        close(got, F.gelu(x)),
        f"far out, at x = -40 and 40, the result is {got[0].item():.2f} and {got[-1].item():.2f}; it should be 0 and "
        "40.",
    )


@GELU.part
def gelu_has_the_right_slope(answer: Answer) -> None:
    x = normal(2, 3, 4, 4, seed=1).requires_grad_()
    got = expect_tensor(make(answer)(x), (2, 3, 4, 4))
    expect(got.requires_grad, "no gradient flows: leave out `.detach()`, `.data` and `no_grad`.")
    (slope,) = torch.autograd.grad(got.sum(), x)
    theirs = x.detach().clone().requires_grad_()
    (want,) = torch.autograd.grad(F.gelu(theirs).sum(), theirs)
    expect(
        close(slope, want),
        "the values are right and the slope is not: both x and Phi(x) depend on x, so detach neither.",
    )


@GELU.part
def gelu_has_no_weights_and_keeps_the_dtype(answer: Answer) -> None:
    module = make(answer)
    expect(not list(module.parameters()), "GELU has nothing to learn, and yours has parameters.")
    expect_tensor(module(normal(2, 3, dtype=torch.float32)), (2, 3), torch.float32)


def _with_weights(pool: nn.Module, rearranged: Tensor) -> Tensor:
    """The 1 x 1 convolution of the reference on channels in some other order."""
    conv = pool.conv
    assert isinstance(conv, nn.Conv2d)
    return conv(rearranged).detach()


@RearrangePool.part
def pool_has_a_small_convolution(answer: Answer) -> None:
    module = make(answer, 3, 5)
    expect_learned(module, ("conv.weight",))
    weight = module.conv.weight  # type: ignore[union-attr]
    expect(
        isinstance(weight, Tensor) and weight.shape != (5, 3, 1, 1),
        "the convolution takes 3 channels; after the rearrangement there are four times as many.",
    )
    expect(
        tuple(weight.shape) == (5, 12, 1, 1),  # type: ignore[arg-type]
        f"`conv.weight` has shape {tuple(weight.shape)}, it should have (5, 12, 1, 1): from 4 * inputs "  # type: ignore[arg-type]
        "channels to outputs, with kernel_size=1.",
    )
    expect_tensor(module(normal(2, 3, 8, 12, dtype=torch.float32)), (2, 5, 4, 6), torch.float32)


@RearrangePool.part
def pool_puts_each_pixel_in_its_channel(answer: Answer) -> None:
    theirs = scattered(models.RearrangePool(3, 4), seed=1)
    module = load(make(answer, 3, 4), theirs)
    x = normal(2, 3, 8, 8, seed=2)
    got = expect_tensor(untouched(module, x), (2, 4, 4, 4))

    def order(pattern: str) -> Tensor:
        return _with_weights(theirs, rearrange(x, pattern, p=2, q=2))

    mean = F.avg_pool2d(x, 2).repeat_interleave(4, dim=1)
    largest = F.max_pool2d(x, 2).repeat_interleave(4, dim=1)
    neighbours = "the four pixels of a square should be neighbours: write (h p) and (w q), the outer one first."
    expect_values(
        got,
        theirs(x).detach(),
        {
            "the four pixels stand in front of the channels, (p q c): the weights are made for (c p q).": order(
                "b c (h p) (w q) -> b (p q c) h w"
            ),
            "right and below are swapped: the order is (c p q), the row's p before the column's q.": order(
                "b c (h p) (w q) -> b (c q p) h w"
            ),
            neighbours: order("b c (p h) (q w) -> b (c p q) h w"),
            "rows are neighbours and columns are not: write (w q), the outer one first.": order(
                "b c (h p) (q w) -> b (c p q) h w"
            ),
            "the channels are in the order (p c q): the weights are made for (c p q).": order(
                "b c (h p) (w q) -> b (p c q) h w"
            ),
            "the four pixels are averaged: keep all of them, as channels.": _with_weights(theirs, mean),
            "only the largest of the four pixels is left: keep all of them, as channels.": _with_weights(
                theirs, largest
            ),
        },
        "with the reference's weights loaded the values differ: channel c, row p and column q of a square belong to "
        "channel 4 c + 2 p + q.",
    )


@RearrangePool.part
def pool_takes_pictures_of_any_shape(answer: Answer) -> None:
    theirs = scattered(models.RearrangePool(2, 3), seed=3)
    module = load(make(answer, 2, 3), theirs)
    for shape in ((1, 2, 2, 2), (3, 2, 4, 10)):
        x = normal(*shape, seed=4)
        got = expect_tensor(module(x), (shape[0], 3, shape[2] // 2, shape[3] // 2))
        expect(close(got, theirs(x)), f"pictures of {shape[2]} x {shape[3]} pixels come out wrong.")


@RearrangePool.part
def pool_lets_the_gradient_through(answer: Answer) -> None:
    module = load(make(answer, 2, 3), scattered(models.RearrangePool(2, 3), seed=5))
    x = normal(1, 2, 4, 4, seed=6).requires_grad_()
    got = module(x)
    expect(got.requires_grad, "no gradient flows: leave out `.detach()` and `no_grad`.")
    (slope,) = torch.autograd.grad(got.sum(), x)
    expect(bool((slope != 0).all()), "some pixels have no influence on the result: a square's four pixels all count.")

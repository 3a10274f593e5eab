"""The checks of GELU and of RearrangePool."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from course_utils import models
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import apart
from course_utils.exercises.modules import make, scattered
from course_utils.lessons.lesson05.checks.inputs import EVEN, applied, expect_learned, load

GELU = Exercise(
    "GELU",
    reference=models.GELU,
    inputs=laws.Inputs(names=("x",), via=lambda answer: lambda x: make(answer)(x)),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(),
        laws.gradients("x"),
        laws.any_size(T=(), shapes=((1, 5, 7), (4, 4, 4), (2,), ())),
    ),
)
RearrangePool = Exercise(
    "RearrangePool",
    reference=models.RearrangePool,
    inputs=laws.Inputs(
        names=("x",),
        via=applied(models.RearrangePool, lambda channels: (channels, 3)),
        sizes=laws.Sizes(shape=(2, 6, 4)),
    ),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(),
        laws.gradients("x"),
        laws.any_size(T=(), shapes=EVEN, tolerance=1e-5),
    ),
)


@GELU.part
def gelu_has_the_right_values(answer: Answer) -> None:
    x = torch.linspace(-4, 4, 41, dtype=torch.float64).reshape(1, 1, 1, 41)
    got = expect_tensor(make(answer)(x), (1, 1, 1, 41))
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
        _off(x, got, x * below),
    )


def _off(x: Tensor, got: Tensor, want: Tensor) -> str:
    """Where GELU is furthest off, and by how much."""
    worst = int((got - want).abs().flatten().argmax())
    one, other = apart(float(got.flatten()[worst]), float(want.flatten()[worst]))
    return (
        f"at x = {x.flatten()[worst].item():.1f} GELU is {one}, it should be {other}: x times the probability that a "
        "standard normal number is below x."
    )


@GELU.part
def gelu_is_quiet_far_out(answer: Answer) -> None:
    x = torch.tensor([-40.0, -8.0, 0.0, 8.0, 40.0], dtype=torch.float64)
    got = expect_tensor(make(answer)(x), (5,))
    expect(
        close(got, F.gelu(x)),
        f"{_off(x, got, F.gelu(x))} Far out that is 0 or 1.",
    )


@GELU.part
def gelu_has_no_weights(answer: Answer) -> None:
    expect(not list(make(answer).parameters()), "GELU has nothing to learn, and yours has parameters.")


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


@RearrangePool.part
def pool_puts_each_pixel_in_its_channel(answer: Answer) -> None:
    theirs = scattered(models.RearrangePool(3, 4), seed=1)
    module = load(make(answer, 3, 4), theirs)
    x = normal(2, 3, 8, 8, seed=2)
    got = expect_tensor(module(x), (2, 4, 4, 4))

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

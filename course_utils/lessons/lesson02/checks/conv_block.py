"""Checks of `ConvBlock` and of the microscope `influence`."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.lessons.lesson02.checks.as_function import inputs, known
from course_utils.lessons.lesson02.checks.modules import (
    adopted,
    built,
    expect_learning,
    expect_size,
    expect_steady,
    reference_of,
)
from course_utils.models import plain

ConvBlock = Exercise(
    "ConvBlock",
    reference=plain.ConvBlock,
    inputs=inputs(plain.ConvBlock, lambda x: (x.shape[1], x.shape[1] + 3)),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        known(laws.dtypes()),
        known(laws.gradients("x")),
        known(laws.any_size(T=())),
    ),
)
influence = Exercise(
    "influence",
    reference=plain.influence,
    inputs=laws.Inputs(names=("net", "x", "row", "column"), make={"net": lambda _: _curved, "row": 3, "column": 1}),
    laws=(
        laws.by_itself(mean=True),
        laws.dtypes(),
        laws.layouts(),
        laws.any_size(T=()),
        replace(laws.unchanged(), early=False),  # after the part that knows what comes of asking x for a gradient
    ),
    waive={
        "gradients": "the result is a gradient already, and nobody learns from it",
        "asks": "how often and in which portions is free, and the values show what was asked",
    },
)


@ConvBlock.part
def block_keeps_the_size(answer: Answer) -> None:
    block = built(answer, 3, 8)
    for height, width in ((8, 8), (5, 7)):
        got = block(normal(2, 3, height, width))
        if isinstance(got, Tensor) and got.ndim == 4:
            lost = height - got.shape[2]
            expect(
                lost not in (2, 4),
                f"the pictures lose {lost} pixels in height: give both convolutions `padding=1`, so that they keep "
                "their size.",
            )
        expect_tensor(got, (2, 8, height, width), torch.float64)


@ConvBlock.part
def block_has_two_convolutions(answer: Answer) -> None:
    sizes = {
        104: "the convolutions look at one pixel only: `kernel_size=3`.",
        2216: "the convolutions look at 5 x 5 pixels: `kernel_size=3`.",
        224: "there is one convolution, there should be two: the second from `outputs` to `outputs` channels.",
        308: "the first convolution goes from `inputs` to `inputs` channels: let it go to `outputs` at once.",
        792: "the convolutions have no bias: leave out `bias=False`.",
    }
    known = {**sizes, 840: "there is a norm in it: this block has convolutions and ReLUs alone (norms: lesson 05)."}
    expect_size(built(answer, 3, 8), plain.ConvBlock(3, 8), known, "`ConvBlock(3, 8)`")


@ConvBlock.part
def block_has_the_right_values(answer: Answer) -> None:
    block, reference = built(answer, 3, 8), reference_of(plain.ConvBlock, 3, 8)
    x = normal(2, 3, 6, 6, seed=1)
    fits = adopted(block, reference)
    got = expect_tensor(block(x), (2, 8, 6, 6))
    expect(
        bool((got >= 0).all()),
        "some of the values that come out are negative: a ReLU also follows the second convolution.",
    )
    if not fits:
        return
    one, two = reference.conv1, reference.conv2
    assert isinstance(one, torch.nn.Conv2d) and isinstance(two, torch.nn.Conv2d)
    relu = F.relu
    expect_values(
        got,
        reference(x),
        {
            "two convolutions in a row, with nothing between them, are no more than one: put a ReLU there.": relu(
                two(one(x))
            ),
            "the second convolution is never used.": relu(one(x)),
            "a ReLU stands before the first convolution: it takes away all that is darker than grey.": relu(
                two(relu(one(relu(x))))
            ),
            "the activation between the convolutions is a GELU: in this lesson it is the ReLU (GELU: lesson 05).": (
                relu(two(F.gelu(one(x))))
            ),
            "the activation is a sigmoid or tanh: take the ReLU.": torch.sigmoid(two(torch.sigmoid(one(x)))),
            "something is added to the result of the second convolution: the block returns its ReLU alone.": (
                relu(one(x)) + relu(two(relu(one(x))))
            ),
        },
        f"with known weights {difference(got, reference(x), 1e-4)}: convolution, ReLU, convolution, ReLU.",
        tolerance=1e-4,
    )


@ConvBlock.part
def block_learns(answer: Answer) -> None:
    block, x = built(answer, 3, 8), normal(3, 3, 5, 5)
    expect_steady(block, x)
    expect_learning(block, lambda: block(x))


def _curved(x: Tensor) -> Tensor:
    """A network for any number of channels, in which each picture has a gradient of its own."""
    return x * x.roll(-1, dims=3) + torch.cat([x, -x.sin()], 1).roll(1, dims=2).mean(1, keepdim=True)


def _mixing(x: Tensor) -> Tensor:
    """A network whose gradient is known: 3 channels in, 2 out, neighbours to the right weigh twice as much."""
    weight = torch.tensor([[1.0, -2.0, 0.5], [0.5, 1.0, -3.0]], dtype=x.dtype).reshape(2, 3, 1, 1)
    return F.conv2d(x + 2 * x.roll(-1, dims=3) - x.roll(1, dims=2), weight)


@influence.part
def influence_has_the_right_values(answer: Answer) -> None:
    x = normal(2, 3, 5, 7)
    got = answer(_mixing, x, 1, 4)
    if isinstance(got, Tensor):
        expect(
            got.shape != (2, 3, 5, 7), "this is the gradient of every picture and channel: sum over dim 1, mean over 0."
        )
        expect(got.shape != (3, 5, 7), "the colours are still apart: sum the absolute values over the channels, dim 1.")
        expect(got.shape != (2, 5, 7), "the pictures of the batch are still apart: average over them, dim 0.")
    got = expect_tensor(got, (5, 7))
    grad = _gradient(_mixing, x, 1, 4)
    everywhere = x.clone().requires_grad_()
    whole = torch.autograd.grad(_mixing(everywhere).sum(), everywhere)[0]
    cube = normal(2, 3, 7, 7)
    expect_values(
        got,
        grad.abs().sum(1).mean(0),
        {
            "the colours cancel one another: take the absolute value first, then sum over the channels.": (
                grad.sum(1).abs().mean(0)
            ),
            "some values are negative: take the absolute value.": grad.sum(1).mean(0),
            "the result grows with the batch: average over the pictures, do not sum.": grad.abs().sum(1).sum(0),
            "the channels are averaged: sum over them.": grad.abs().mean(1).mean(0),
            "this is the gradient of all output pixels together: take the one at `[:, :, row, column]`.": (
                whole.abs().sum(1).mean(0)
            ),
            "the gradient is squared: take its absolute value.": grad.square().sum(1).mean(0),
            "only the first channel that comes out is looked at: sum over all of them.": (
                _gradient(lambda x: _mixing(x)[:, :1], x, 1, 4).abs().sum(1).mean(0)
            ),
        },
        f"for a network with a known gradient {difference(got, grad.abs().sum(1).mean(0), 1e-4)}.",
        tolerance=1e-4,
    )
    swapped = _gradient(_mixing, cube, 4, 1).abs().sum(1).mean(0)
    expect(not close(answer(_mixing, cube, 1, 4), swapped), "row and column are swapped: H comes before W.")


def _gradient(net: Answer, x: Tensor, row: int, column: int) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(net(x)[:, :, row, column].sum(), x)[0]


@influence.part
def influence_leaves_nothing_behind(answer: Answer) -> None:
    x = normal(2, 3, 5, 5, seed=2)
    first = expect_tensor(answer(_mixing, x, 2, 2), (5, 5))
    expect(
        close(answer(_mixing, x, 2, 2), first),
        "a second call gives something else: `x.grad` adds up from call to call. Work on `x.clone()`, or ask "
        "`torch.autograd.grad`.",
    )


@influence.part
def influence_finds_what_a_block_sees(answer: Answer) -> None:
    block = reference_of(plain.ConvBlock, 2, 4)
    got = expect_tensor(answer(block, normal(8, 2, 11, 11, seed=3), 5, 5), (11, 11))
    seen = got.detach() > 0
    expect(bool((got >= 0).all()), "some values are negative: take the absolute value.")
    expect(
        bool(seen[3:8, 3:8].all()) and int(seen.sum()) == 25,
        f"two 3 x 3 convolutions see 5 x 5 pixels around the middle; here {int(seen.sum())} pixels are seen.",
    )

"""Checks of `DownBlock` and `UpBlock`."""

from __future__ import annotations

from typing import Any

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
    expect_fit,
    expect_learning,
    expect_size,
    expect_steady,
    reference_of,
)
from course_utils.models import plain

DownBlock = Exercise(
    "DownBlock",
    reference=plain.DownBlock,
    inputs=inputs(plain.DownBlock, lambda x: (x.shape[1], x.shape[1] + 3)),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        known(laws.dtypes()),
        known(laws.gradients("x")),
        known(laws.any_size(T=(), shapes=((1, 6, 10), (4, 4, 4), (3, 2, 6)))),
    ),
)
UpBlock = Exercise(
    "UpBlock",
    reference=plain.UpBlock,
    inputs=inputs(plain.UpBlock, lambda x, skip: (x.shape[1], skip.shape[1], 2 * x.shape[1] + 2), "skip"),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        known(laws.dtypes()),
        known(laws.gradients("x", "skip")),
        known(laws.any_size(T=())),
    ),
)


def pair(result: Any) -> tuple[Tensor, Tensor]:
    """(pooled, skip) of shapes (2, 8, 4, 6) and (2, 8, 8, 12), or a hint."""
    expect(result is not None, "`forward` returns None: does it end with `return ...`?")
    expect(
        not isinstance(result, Tensor),
        "`forward` returns one tensor: return two, the pooled one and the skip, `return pooled, skip`.",
    )
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2, "`forward` should return two tensors, pooled and skip."
    )
    pooled, skip = result
    for one in (pooled, skip):
        expect(isinstance(one, Tensor), "`forward` should return two tensors, pooled and skip.")
    sizes = [tuple(one.shape[2:]) for one in (pooled, skip)]
    expect(sizes != [(8, 12), (4, 6)], "the two come in the wrong order: the pooled tensor first, then the skip.")
    expect(sizes[0] == (4, 6), f"from 8 x 12 pixels the pooled tensor has {sizes[0]}: it should have half, (4, 6).")
    expect(
        skip.shape[1] != 3 or sizes[1] != (8, 12),
        "the skip is what came in: it should be what the `ConvBlock` has made of it.",
    )
    expect(
        sizes[1] == (8, 12),
        "the skip has been made smaller: keep it from before the pooling, with all the detail that the pooling loses.",
    )
    return expect_tensor(pooled, (2, 8, 4, 6), torch.float64), expect_tensor(skip, (2, 8, 8, 12), torch.float64)


@DownBlock.part
def down_gives_pooled_and_skip(answer: Answer) -> None:
    pair(built(answer, 3, 8)(normal(2, 3, 8, 12)))


@DownBlock.part
def down_takes_the_largest_of_four(answer: Answer) -> None:
    pooled, skip = pair(built(answer, 3, 8)(normal(2, 3, 8, 12, seed=1)))
    expect_values(
        pooled,
        F.max_pool2d(skip, 2),
        {
            "the pooled value is the mean of four pixels: take their maximum, `max_pool2d`.": F.avg_pool2d(skip, 2),
            "every second pixel is taken, and the other three of four are dropped: take the maximum of the four.": (
                skip[:, :, ::2, ::2]
            ),
            "the pooled value is the smallest of four: take their maximum.": -F.max_pool2d(-skip, 2),
        },
        "the first tensor is not the second with the maximum taken over each 2 x 2 square.",
        tolerance=1e-4,
    )


@DownBlock.part
def down_has_the_right_values(answer: Answer) -> None:
    block, reference = built(answer, 3, 8), reference_of(plain.DownBlock, 3, 8)
    known = {
        1616: "there are two blocks of convolutions: pool what the one block gives, and return that as the skip too."
    }
    expect_size(block, reference, known, "`DownBlock(3, 8)`")
    x = normal(2, 3, 8, 12, seed=2)
    if not adopted(block, reference):
        return
    _, skip = pair(block(x))
    inner = reference.block
    assert isinstance(inner, plain.ConvBlock)
    expect_values(
        skip,
        inner(x),
        {
            "the skip is taken in the middle of the `ConvBlock`: take it from its end.": F.relu(inner.conv1(x)),
            "the skip is taken before the last ReLU: take what the `ConvBlock` gives.": inner.conv2(
                F.relu(inner.conv1(x))
            ),
        },
        f"with known weights the skip is wrong, {difference(skip, inner(x), 1e-4)}: it is what the `ConvBlock` gives.",
        tolerance=1e-4,
    )


@DownBlock.part
def down_learns_from_both(answer: Answer) -> None:
    block, x = built(answer, 3, 8), normal(2, 3, 8, 12)
    expect_steady(block, x)
    expect(
        block(x)[1].requires_grad,
        "the skip carries no gradient, so that the way up cannot teach the way down: leave out `.detach()`.",
    )
    expect_learning(block, lambda: block(x)[0])


X, SKIP, UP = (3, 6, 4, 6), (3, 4, 8, 12), (3, 5, 8, 12)  # shapes for UpBlock(6, 4, 5)


@UpBlock.part
def up_doubles_the_size(answer: Answer) -> None:
    block = built(answer, 6, 4, 5)
    try:
        got = block(normal(*X), normal(*SKIP, seed=1))
    except RuntimeError as error:
        expect_fit(
            error,
            "x and the skip differ in size when they meet: make x twice as large first.",
            "the `ConvBlock` takes the channels of both, `inputs + skips`.",
        )
        raise
    if isinstance(got, Tensor):
        expect(
            got.shape[2:] != (4, 6),
            "the result is as small as x was: make x twice as large before it meets the skip.",
        )
    expect_tensor(got, UP, torch.float64)
    expect_tensor(block(normal(1, 6, 3, 1), normal(1, 4, 6, 2)), (1, 5, 6, 2))


@UpBlock.part
def up_uses_both(answer: Answer) -> None:
    block = built(answer, 4, 4, 5)  # as many channels in both, so that one cannot stand in for the other unseen
    x, skip = normal(2, 4, 4, 6), normal(2, 4, 8, 12, seed=1)
    got = block(x, skip)
    expect(
        not close(block(x, normal(*skip.shape, seed=2)), got),
        "another skip changes nothing in the result: it comes in, and is never used.",
    )
    expect(
        not close(block(normal(*x.shape, seed=3), skip), got),
        "another x changes nothing in the result: only the skip is used.",
    )


@UpBlock.part
def up_has_the_right_values(answer: Answer) -> None:
    block, reference = built(answer, 6, 4, 5), reference_of(plain.UpBlock, 6, 4, 5)
    known = {
        505: "the `ConvBlock` has no room for the skip: it takes `inputs + skips` channels (are they added? They "
        "should stand beside each other, `torch.cat`).",
        size_with_transpose(2): "there is a transposed convolution in it: here x is made larger by repeating each "
        "pixel, which has nothing to learn (the transposed one comes in lesson 05).",
    }
    expect_size(block, reference, known, "`UpBlock(6, 4, 5)`")
    x, skip = normal(*X, seed=2), normal(*SKIP, seed=3)
    if not adopted(block, reference):
        return
    inner, near = reference.block, F.interpolate(x, scale_factor=2, mode="nearest")
    assert isinstance(inner, plain.ConvBlock)
    smooth = [F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=corners) for corners in (False, True)]
    wrong_way = "x is enlarged by blending neighbours (bilinear): here each pixel is repeated, `mode='nearest'`."
    late = inner(torch.cat([x, F.max_pool2d(skip, 2)], 1))
    expect_values(
        block(x, skip),
        reference(x, skip),
        {
            "the skip stands before x. That is as good a network, but weights have an order: x first, then the skip.": (
                inner(torch.cat([skip, near], 1))
            ),
            wrong_way: inner(torch.cat([smooth[0], skip], 1)),
            wrong_way + " (And without `align_corners`.)": inner(torch.cat([smooth[1], skip], 1)),
            "the skip is made smaller to meet x, and loses its detail: make x larger instead.": F.interpolate(
                late, scale_factor=2
            ),
            "the channels of the skip are there, but zeros: is it multiplied away?": inner(
                torch.cat([near, torch.zeros_like(skip)], 1)
            ),
        },
        f"with known weights {difference(block(x, skip), reference(x, skip), 1e-4)}: repeat x to twice the size, the "
        "skip beside it, the `ConvBlock`.",
        tolerance=1e-4,
    )


def size_with_transpose(kernel: int) -> int:
    """Parameters of UpBlock(6, 4, 5) with a transposed convolution from 6 to 6 channels in it."""
    return sum(p.numel() for p in plain.UpBlock(6, 4, 5).parameters()) + 6 * 6 * kernel**2 + 6


@UpBlock.part
def up_learns(answer: Answer) -> None:
    block = built(answer, 6, 4, 5)
    x, skip = normal(*X), normal(*SKIP, seed=1).requires_grad_()
    expect_steady(block, x, skip.detach())
    expect_learning(block, lambda: block(x, skip))
    expect(
        skip.grad is not None and bool(skip.grad.abs().sum() > 0),
        "no gradient reaches the skip, so that it cannot teach the way down: leave out `.detach()`.",
    )

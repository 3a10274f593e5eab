"""Checks of the bug hunt's mended block: a way up that adds its skip."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson02.checks.modules import (
    adopted,
    built,
    drawn_large,
    expect_learning,
    expect_steady,
    reference_of,
    size_of,
)
from course_utils.models import plain

MendedUpBlock = Exercise("MendedUpBlock", reference=plain.AddingUpBlock)


def _mended_parts() -> tuple[nn.Module, Tensor, Tensor]:
    return reference_of(plain.AddingUpBlock, 6, 4, 5), normal(3, 6, 4, 6, seed=2), normal(3, 4, 8, 12, seed=3)


@MendedUpBlock.part
def mended_doubles_the_size(answer: Answer) -> None:
    for inputs, skips, outputs in ((6, 4, 5), (4, 4, 4), (3, 8, 2)):
        block = built(answer, inputs, skips, outputs)
        expect_tensor(block(normal(3, inputs, 4, 6), normal(3, skips, 8, 12)), (3, outputs, 8, 12), torch.float64)


@MendedUpBlock.part
def mended_uses_both(answer: Answer) -> None:
    block = built(answer, 6, 4, 5)
    drawn_large(block)
    x, skip = normal(3, 6, 4, 6), normal(3, 4, 8, 12, seed=1)
    got = block(x, skip)
    expect(
        not close(block(x, skip + 1), got),
        "changing the skip still changes nothing: the block computes with it, and then goes on without the result.",
    )
    expect(not close(block(x + 1, skip), got), "now changing x changes nothing: the block uses the skip alone.")
    shuffled = skip.roll(3, dims=3)
    moved = (block(x, shuffled) - got).abs().mean(dim=(0, 1)) > 1e-9
    expect(
        bool(moved.float().mean() > 0.9), "only a part of the result depends on the skip: it should reach every pixel."
    )


@MendedUpBlock.part
def mended_teaches_every_parameter(answer: Answer) -> None:
    block = built(answer, 6, 4, 5)
    x, skip = normal(3, 6, 4, 6), normal(3, 4, 8, 12, seed=1).requires_grad_()
    expect_steady(block, x, skip.detach())
    expect_learning(block, lambda: block(x, skip))
    expect(
        skip.grad is not None and bool(skip.grad.abs().sum() > 0),
        "no gradient reaches the skip: leave out `.detach()`.",
    )


@MendedUpBlock.part
def mended_is_still_the_light_one(answer: Answer) -> None:
    block = built(answer, 16, 8, 8)
    full = size_of(plain.UpBlock(16, 8, 8))
    expect(
        size_of(block) < full,
        f"it has {size_of(block):,} parameters, no fewer than `UpBlock` with its {full:,}: keep the colleague's idea, "
        "and mend it.",
    )
    reference, x, skip = _mended_parts()
    block = built(answer, 6, 4, 5)
    if not adopted(block, reference):
        return
    up = F.interpolate(x, scale_factor=2, mode="nearest")
    fitted, inner = reference.fit(skip), reference.convolve  # type: ignore[operator]
    assert isinstance(inner, plain.ConvBlock)
    plain_sum = inner(up + fitted)
    if close(block(x, skip), plain_sum):
        return  # without the ReLU on the skip it works as well
    expect_values(
        block(x, skip),
        reference(x, skip),
        {
            "the skip is added after the `ConvBlock`, where nothing works on the two together: add it before.": (
                _after(inner, up, fitted)
            ),
            "x and the skip are multiplied: add them.": inner(up * F.relu(fitted)),
            "the skip is subtracted: add it.": inner(up - F.relu(fitted)),
            "half of each is taken, the mean of the two: add them.": inner((up + F.relu(fitted)) / 2),
        },
        "with known weights the values are wrong: x at twice the size, plus the fitted skip, then the `ConvBlock`.",
    )


def _after(inner: nn.Module, up: Tensor, fitted: Tensor) -> Tensor:
    """The sum taken after the block; in a shape that never fits where the channels differ."""
    made: Tensor = inner(up)
    return made + F.relu(fitted) if made.shape == fitted.shape else made + F.relu(fitted[:, : made.shape[1]])

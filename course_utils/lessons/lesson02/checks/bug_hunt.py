"""Checks of the bug hunt's mended block: a way up that adds its skip."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.lessons.lesson02.checks.as_function import inputs
from course_utils.lessons.lesson02.checks.modules import (
    adopted,
    drawn_large,
    expect_learning,
    expect_steady,
    mended,
    reference_of,
    size_of,
)
from course_utils.models import plain

MendedUpBlock = Exercise(
    "MendedUpBlock",
    reference=plain.AddingUpBlock,
    inputs=inputs(plain.AddingUpBlock, lambda x, skip: (x.shape[1], skip.shape[1], x.shape[1] + 3), "skip"),
    laws=(laws.unchanged(), laws.by_itself()),
    waive={
        "gradients": "other layers have others, and mended_teaches_every_parameter sees that they arrive",
        "dtypes": "other layers give other values, and mended_doubles_the_size tries both dtypes",
        "any_size": "other layers give other values, and mended_doubles_the_size tries three sizes",
    },
)


def _mended_parts() -> tuple[nn.Module, Tensor, Tensor]:
    return reference_of(plain.AddingUpBlock, 6, 4, 5), normal(3, 6, 4, 6, seed=2), normal(3, 4, 8, 12, seed=3)


@MendedUpBlock.part
def mended_doubles_the_size(answer: Answer) -> None:
    for inner, skips, outputs in ((6, 4, 5), (4, 4, 4), (3, 8, 2)):
        for dtype in (torch.float64, torch.float32):
            block = mended(answer, inner, skips, outputs).to(dtype)
            x, skip = normal(3, inner, 4, 6, dtype=dtype), normal(3, skips, 8, 12, dtype=dtype)
            expect_tensor(block(x, skip), (3, outputs, 8, 12), dtype)


@MendedUpBlock.part
def mended_uses_both(answer: Answer) -> None:
    block = mended(answer, 6, 4, 5)
    drawn_large(block)
    x, skip = normal(3, 6, 4, 6), normal(3, 4, 8, 12, seed=1)
    got = block(x, skip)
    expect(
        not close(block(x, normal(*skip.shape, seed=2)), got),
        "changing the skip still changes nothing: the block computes with it, and then goes on without the result.",
    )
    expect(
        not close(block(normal(*x.shape, seed=3), skip), got),
        "now changing x changes nothing: the block uses the skip alone.",
    )
    shuffled = skip.roll(3, dims=3)
    moved = (block(x, shuffled) - got).abs().mean(dim=(0, 1)) > 1e-9
    expect(
        bool(moved.float().mean() > 0.9), "only a part of the result depends on the skip: it should reach every pixel."
    )


@MendedUpBlock.part
def mended_teaches_every_parameter(answer: Answer) -> None:
    block = mended(answer, 6, 4, 5)
    x, skip = normal(3, 6, 4, 6).requires_grad_(), normal(3, 4, 8, 12, seed=1).requires_grad_()
    expect_steady(block, x.detach(), skip.detach())
    expect_learning(block, lambda: block(x, skip))
    for name, tensor in (("x", x), ("the skip", skip)):
        expect(
            tensor.grad is not None and bool(tensor.grad.abs().sum() > 0),
            f"no gradient reaches {name}: leave out `.detach()`.",
        )


@MendedUpBlock.part
def mended_is_still_the_light_one(answer: Answer) -> None:
    block = mended(answer, 16, 8, 8)
    full = size_of(plain.UpBlock(16, 8, 8))
    expect(
        size_of(block) < full,
        f"it has {size_of(block):,} parameters, no fewer than `UpBlock` with its {full:,}: keep the colleague's idea, "
        "and mend it.",
    )
    reference, x, skip = _mended_parts()
    block = mended(answer, 6, 4, 5)
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
        f"with known weights {difference(block(x, skip), reference(x, skip), 1e-4)}: x at twice the size, plus the "
        "fitted skip, then the `ConvBlock`.",
        tolerance=1e-4,
    )


def _after(inner: nn.Module, up: Tensor, fitted: Tensor) -> Tensor:
    """The sum taken after the block; in a shape that never fits where the channels differ."""
    made: Tensor = inner(up)
    return made + F.relu(fitted) if made.shape == fitted.shape else made + F.relu(fitted[:, : made.shape[1]])

"""The check of ResidualBlock: the order of its parts, the time in the middle, and the identity at the start."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import models
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values, untouched
from course_utils.exercises.inputs import normal
from course_utils.exercises.modules import make, scattered
from course_utils.lessons.lesson05.checks.inputs import load

ResidualBlock = Exercise("ResidualBlock", reference=models.ResidualBlock)


def _block(inputs: int, outputs: int, seed: int, time_features: int = 0) -> models.ResidualBlock:
    block = models.ResidualBlock(inputs, outputs, time_features=time_features, groups=2)
    scattered(block, seed)
    return block


def _branch(b: models.ResidualBlock, x: Tensor, act: Callable[[Tensor], Tensor] = F.gelu, last: bool = True) -> Tensor:
    """What is added to the input, with another activation, or without the last one."""
    h = b.norm2(b.conv1(act(b.norm1(x))))
    return b.conv2(act(h) if last else h)


@ResidualBlock.part
def block_has_the_right_parts_in_order(answer: Answer) -> None:
    theirs = _block(4, 4, seed=1)
    module = make(answer, 4, 4, groups=2)
    skip = getattr(module, "skip", None)
    expect(
        not (isinstance(skip, nn.Module) and list(skip.parameters())),
        "from 4 to 4 channels the input is added as it is: let `skip` be `nn.Identity()` where inputs and outputs are "
        "equal.",
    )
    load(module, theirs)
    x = normal(2, 4, 5, 6, seed=2)
    got = expect_tensor(untouched(module, x), (2, 4, 5, 6)).detach()
    with torch.no_grad():
        after = theirs.norm2(theirs.conv2(F.gelu(theirs.norm1(theirs.conv1(x)))))
        mistakes = {
            "the input is not added: the block returns its change alone.": _branch(theirs, x),
            "the convolutions come first: the order is norm, GELU, convolution, twice, so that the sum itself meets "
            "neither norm nor activation.": x + after,
            "the convolutions come first, and a GELU follows the sum: the order is norm, GELU, convolution, twice.": (
                F.gelu(x + after)
            ),
            "the second GELU is missing: norm, GELU, convolution, twice.": x + _branch(theirs, x, last=False),
            "the first GELU is missing: norm, GELU, convolution, twice.": x
            + theirs.conv2(F.gelu(theirs.norm2(theirs.conv1(theirs.norm1(x))))),
            "the activation is ReLU, it should be GELU.": x + _branch(theirs, x, act=F.relu),
            "both norms are missing.": x + theirs.conv2(F.gelu(theirs.conv1(F.gelu(x)))),
            "the first norm is missing.": x + theirs.conv2(F.gelu(theirs.norm2(theirs.conv1(F.gelu(x))))),
            "the second norm is missing.": x + theirs.conv2(F.gelu(theirs.conv1(F.gelu(theirs.norm1(x))))),
            "GELU comes before the norm: norm first.": x
            + theirs.conv2(theirs.norm2(F.gelu(theirs.conv1(theirs.norm1(F.gelu(x)))))),
            "it is the normalised picture that is added: add the input as it came.": theirs.norm1(x)
            + _branch(theirs, x),
            "a GELU follows the sum: what is added to the input passes on untouched.": F.gelu(x + _branch(theirs, x)),
            "the input is subtracted, it should be added.": _branch(theirs, x) - x,
        }
    expect_values(
        got,
        theirs(x).detach(),
        mistakes,
        "with the reference's weights loaded the values differ: norm, GELU, convolution, norm, GELU, convolution, and "
        "the input added at the end.",
    )


@ResidualBlock.part
def block_changes_nothing_at_the_start(answer: Answer) -> None:
    x = normal(2, 8, 4, 4, seed=3, dtype=torch.float32)
    module = make(answer, 8, 8)
    got = expect_tensor(module(x), (2, 8, 4, 4), torch.float32)
    expect(
        close(got, x),
        "a new block should hand its input on unchanged: set the weight and the bias of `conv2` to 0 at the start.",
    )
    other = normal(2, 8, 4, 4, seed=4, dtype=torch.float32)
    (module(x) * other).sum().backward()
    conv2 = getattr(module, "conv2", None)
    slope = conv2.weight.grad if isinstance(conv2, nn.Conv2d) else None
    expect(
        slope is not None and bool(slope.abs().max() > 0),
        "`conv2` gets no gradient, and would stay 0 for ever: set it to 0 once, in `__init__`, and let it learn.",
    )


@ResidualBlock.part
def block_changes_the_number_of_channels(answer: Answer) -> None:
    theirs = _block(4, 6, seed=5)
    module = make(answer, 4, 6, groups=2)
    skip = getattr(module, "skip", None)
    expect(
        skip is not None and any(True for _ in skip.parameters()),
        "from 4 to 6 channels the input cannot be added as it is: let `skip` be a 1 x 1 convolution from `inputs` to "
        "`outputs` where they differ.",
    )
    load(module, theirs)
    x = normal(2, 4, 4, 4, seed=6)
    got = expect_tensor(module(x), (2, 6, 4, 4)).detach()
    with torch.no_grad():
        expect_values(
            got,
            theirs(x),
            {
                "the 1 x 1 convolution is made, but its result is not added.": _branch(theirs, x),
                "the skip gets the normalised picture: it takes the input as it came.": theirs.skip(theirs.norm1(x))
                + _branch(theirs, x),
            },
            "from 4 to 6 channels the values are wrong: skip(x) plus the change.",
        )


@ResidualBlock.part
def block_is_told_the_time(answer: Answer) -> None:
    theirs = _block(4, 6, seed=7, time_features=3)
    module = load(make(answer, 4, 6, time_features=3, groups=2), theirs)
    x, time = normal(2, 4, 4, 4, seed=8), normal(2, 3, seed=9)
    got = expect_tensor(untouched(module, x, time), (2, 6, 4, 4)).detach()
    assert theirs.time is not None
    with torch.no_grad():
        first, second = theirs.time(time).chunk(2, dim=1)
        plain = theirs.conv1(F.gelu(theirs.norm1(x)))

        def ending(h: Tensor) -> Tensor:
            return theirs.skip(x) + theirs.conv2(F.gelu(h))

        expect_values(
            got,
            theirs(x, time),
            {
                "the time makes no difference: is it used?": ending(theirs.norm2(plain)),
                "scale and shift are swapped: the first half of the vector is the scale.": ending(
                    models.modulate(theirs.norm2(plain), second, first)
                ),
                "this multiplies by scale, it should multiply by 1 + scale (`modulate` does).": ending(
                    theirs.norm2(plain) * first[:, :, None, None] + second[:, :, None, None]
                ),
                "the time comes before the second norm, which takes most of it away again: it comes after.": ending(
                    theirs.norm2(models.modulate(plain, first, second))
                ),
                "the shift is not used.": ending(models.modulate(theirs.norm2(plain), first, 0 * second)),
                "the scale is not used.": ending(models.modulate(theirs.norm2(plain), 0 * first, second)),
                "the time comes after the second GELU: norm, then the time, then GELU.": theirs.skip(x)
                + theirs.conv2(models.modulate(F.gelu(theirs.norm2(plain)), first, second)),
            },
            "with a time the values are wrong: after `norm2`, `modulate(h, scale, shift)` with the two halves of "
            "self.time(time).",
        )
        try:
            untold = module(x)
        except TypeError:
            expect(
                False, "told no time, the block stops with an error: `time` may be None, and then nothing is modulated."
            )
        expect(close(untold, theirs(x)), "told no time, the values are wrong: nothing is modulated then.")


@ResidualBlock.part
def block_uses_its_groups(answer: Answer) -> None:
    theirs = models.ResidualBlock(8, 8, groups=4)
    scattered(theirs, seed=10)
    x = normal(1, 8, 4, 4, seed=11)
    got = load(make(answer, 8, 8, groups=4), theirs)(x)
    expect(
        close(expect_tensor(got, (1, 8, 4, 4)), theirs(x)),
        "with groups=4 the values are wrong: is `groups` handed on to both norms?",
    )

"""Checks of the `UNet`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, Symptom, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.lessons.lesson02.checks.as_function import inputs, known
from course_utils.lessons.lesson02.checks.modules import (
    adopted,
    built,
    drawn_large,
    expect_fit,
    expect_learning,
    expect_size,
    expect_steady,
    reference_of,
    size_of,
)
from course_utils.models import plain

UNet = Exercise(
    "UNet",
    reference=plain.UNet,
    inputs=inputs(plain.UNet, lambda x: (x.shape[1],), width=5),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        known(laws.dtypes()),
        known(laws.gradients("x")),
        known(laws.any_size(T=(), shapes=((1, 4, 8), (4, 4, 4)))),
        known(laws.settings(width=(4, 6), depth=(1, 2), skips=(True, False))),
    ),
)

ORDER_HINT = (
    "a skip meets a tensor of another size: the way up uses the skips in the opposite order, the last one kept first "
    "(`reversed(kept)`)."
)


def run(net: nn.Module, *inputs: Any) -> Any:
    """Call a student's network; two tensors that do not fit together get a hint of their own."""
    try:
        return net(*inputs)
    except RuntimeError as error:
        expect_fit(error, ORDER_HINT, "write down for depth 2 what goes into each block and what comes out.")
        raise
    except TypeError as error:
        if len(inputs) > 1 and "positional argument" in str(error):
            raise Symptom(
                "every network of the course is called `net(x, t, cond)`: let `forward` take `t=None, cond=None`, even "
                "if it does not use them."
            ) from None
        raise


@UNet.part
def unet_keeps_the_shape(answer: Answer) -> None:
    for channels, width, depth, shape in ((3, 8, 2, (2, 3, 16, 24)), (1, 4, 1, (1, 1, 8, 8)), (2, 4, 3, (1, 2, 8, 16))):
        got = run(built(answer, channels, width=width, depth=depth), normal(*shape))
        if isinstance(got, Tensor) and got.ndim == 4:
            expect(
                got.shape[1] != width or channels == width,
                f"{width} channels come out, and {channels} went in: end with a 1 x 1 convolution back to `channels`.",
            )
        expect_tensor(got, shape, torch.float64)


@UNet.part
def unet_has_the_right_size(answer: Answer) -> None:
    sizes = {depth: size_of(built(answer, 3, width=8, depth=depth)) for depth in (1, 2, 3)}
    expect(
        len(set(sizes.values())) == 3,
        "with depth 1, 2 and 3 the network has the same number of parameters: is `depth` used?",
    )
    net = built(answer, 3, width=8, depth=2)
    expect(size_of(built(answer, 3, width=4, depth=2)) != size_of(net), "`width` makes no difference: is it used?")
    want = plain.UNet(3, width=8, depth=2)
    ends = 8 * 3 * 9 + 3 - (8 * 3 + 3)
    known = {
        size_of(want)
        - size_of(plain.ConvBlock(16, 32)): "the middle is missing: a `ConvBlock` from 16 to 32 channels at "
        "the lowest level.",
        size_of(want) + ends: "the last convolution is 3 x 3: a 1 x 1 one is enough, `kernel_size=1`.",
        _size_without_doubling(): "the number of channels stays the same from level to level: let it double.",
    }
    expect_size(net, want, known, "`UNet(3, width=8, depth=2)`")


def _size_without_doubling() -> int:
    parts: list[nn.Module] = [plain.DownBlock(3, 8), plain.DownBlock(8, 8), plain.ConvBlock(8, 8)]
    parts += [plain.UpBlock(8, 8, 8), plain.UpBlock(8, 8, 8), nn.Conv2d(8, 3, 1)]
    return sum(map(size_of, parts))


@UNet.part
def unet_uses_every_skip(answer: Answer) -> None:
    net, x = built(answer, 3, width=4, depth=3), normal(2, 3, 16, 16, seed=1)
    drawn_large(net)
    got = run(net, x)
    for level, down in enumerate(_downs(net)):
        with _skip_changed(down):
            expect(
                not close(run(net, x), got),
                f"changing the skip of level {level} (0 is full size) changes nothing in the result: it is kept, and "
                "never used.",
            )
    without = built(answer, 3, width=4, depth=3, skips=False)
    drawn_large(without)
    got = run(without, x)
    for down in _downs(without):
        with _skip_changed(down):
            expect(
                close(run(without, x), got),
                "with `skips=False` the result still depends on a skip: hand zeros of its shape to the way up.",
            )
    expect(
        size_of(without) == size_of(net),
        "with `skips=False` the network has another number of parameters: change what is handed over, not the layers.",
    )


def _downs(net: nn.Module) -> list[nn.Module]:
    """The modules that give (pooled, skip), in the order in which they run."""
    found: list[nn.Module] = []

    def note(module: nn.Module, _inputs: Any, result: Any) -> None:
        if isinstance(result, tuple) and len(result) == 2 and all(isinstance(one, Tensor) for one in result):
            found.append(module)

    hooks = [module.register_forward_hook(note) for module in net.modules()]
    try:
        run(net, normal(1, 3, 16, 16))
    finally:
        for hook in hooks:
            hook.remove()
    return found


@contextmanager
def _skip_changed(down: nn.Module) -> Iterator[None]:
    """Meanwhile, the skip that a `DownBlock` gives is another one."""
    hook = down.register_forward_hook(lambda _module, _inputs, result: (result[0], normal(*result[1].shape, seed=4)))
    try:
        yield
    finally:
        hook.remove()


def _variant(net: nn.Module, x: Tensor, skips: str = "as they are") -> tuple[Tensor, Tensor]:
    """The reference's way, with a slip: (what comes out, what goes into the last layer)."""
    kept = []
    for down in net.downs:  # type: ignore[union-attr]
        x, skip = down(x)
        kept.append(skip)
    x = net.middle(x)  # type: ignore[operator]
    for up, skip in zip(net.ups, reversed(kept), strict=True):  # type: ignore[arg-type]
        x = up(x, torch.zeros_like(skip) if skips == "zeros" else skip)
    return net.out(x), x  # type: ignore[operator]


@UNet.part
def unet_has_the_right_values(answer: Answer) -> None:
    for skips in (True, False):
        net = built(answer, 3, width=4, depth=2, skips=skips)
        reference = reference_of(plain.UNet, 3, width=4, depth=2, skips=skips)
        if not adopted(net, reference):
            return
        x = normal(2, 3, 8, 12, seed=2)
        out, _ = _variant(reference, x, "as they are" if skips else "zeros")
        expect_values(
            run(net, x),
            out,
            {
                "no negative number comes out: pictures lie in [-1, 1], so no ReLU after the last convolution.": F.relu(
                    out
                ),
                "the result lies between -1 and 1: leave the last convolution as it is, without `tanh`.": torch.tanh(
                    out
                ),
                "the result is cut off at -1 and 1: leave it as it is.": out.clamp(-1, 1),
                "the input is added to the result: return what the last convolution gives.": out + x,
                (
                    "with `skips=True` the skips are not used." if skips else "`skips=False` makes no difference."
                ): _variant(reference, x, "zeros" if skips else "as they are")[0],
            },
            f"with known weights and skips={skips} {difference(run(net, x), out, 1e-4)}: down, the middle, up with the "
            "skips from last to first, the 1 x 1 convolution.",
            tolerance=1e-4,
        )


@UNet.part
def unet_learns_and_takes_a_time(answer: Answer) -> None:
    net, x = built(answer, 3, width=6, depth=2), normal(3, 3, 8, 8)
    expect_tensor(run(net, x, torch.tensor([1.0, 500.0, 1000.0]), None), (3, 3, 8, 8))
    expect_tensor(run(built(answer, 1, width=4, depth=1), normal(5, 1, 6, 2)), (5, 1, 6, 2))
    expect_steady(net, x)
    expect_learning(net, lambda: net(x))

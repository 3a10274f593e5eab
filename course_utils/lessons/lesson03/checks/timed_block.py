"""Checks of the time's way into a network: the small MLP, the modulation, and a block that is told the time."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils import models
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_tensor,
    expect_values,
)
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.exercises.modules import begun, expect_gradients, make, scattered, with_weights_of
from course_utils.models import timed

TANH_TOO = 3e-3  # tolerance: the tanh form of GELU, which PyTorch offers, is as good


def _made(answer: Answer, *sizes: int) -> Any:
    """The student's module as it begins; where its `forward` is still to be written, a call says so."""
    module = make(answer, *sizes)
    return begun(module, type(module).__name__)


def _fitted(answer: Answer, reference: Answer, *sizes: int) -> nn.Module:
    """The student's module in float64 with weights that are the same on every machine."""
    return with_weights_of(_made(answer, *sizes), scattered(reference(*sizes)))


def _block(answer: Answer) -> Answer:
    """The answer's block as a function of what goes in, made for its channels and dtype."""

    def run(x: Tensor, time: Tensor) -> Any:
        return _fitted(answer, timed.TimedBlock, x.shape[1], x.shape[1] + 1, time.shape[1]).to(x.dtype)(x, time)

    return run


def _table(sizes: laws.Sizes) -> Tensor:
    """(B, C), one number for each feature map, another for each name that asks for one."""
    return sizes.stretch * normal(sizes.B, *sizes.shape[:1], seed=8, dtype=sizes.dtype)


TimeMLP = Exercise(
    "TimeMLP",
    reference=models.TimeMLP,
    inputs=laws.Inputs(
        names=("t",),
        make={"t": lambda sizes: torch.tensor([900.0, 2.5, 40.0, 2.5, 0.0], dtype=torch.float64)[: sizes.B]},
        via=lambda answer: lambda t: _fitted(answer, models.TimeMLP, 8, 6)(t),
    ),
    laws=(laws.unchanged(), laws.by_itself()),
)
modulate = Exercise(
    "modulate",
    reference=models.modulate,
    inputs=laws.Inputs(
        make={"scale": _table, "shift": lambda sizes: _table(sizes).flip(0).sin()}, rows=("scale", "shift")
    ),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("the feature maps"),
        laws.layouts(),
        laws.gradients("h", "scale", "shift"),
        laws.any_size(T=()),
    ),
)
TimedBlock = Exercise(
    "TimedBlock",
    reference=timed.TimedBlock,
    inputs=laws.Inputs(names=("x", "time"), make={"time": _table}, rows=("time",), via=_block),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(),
        laws.gradients("x", "time"),
        laws.any_size(T=()),
    ),
)


@TimeMLP.part
def mlp_has_the_right_values(answer: Answer) -> None:
    reference: Any = scattered(models.TimeMLP(8, 6))
    module = _fitted(answer, models.TimeMLP, 8, 6)
    t = torch.tensor([0.0, 3.0, 250.0, 999.5], dtype=torch.float64)
    got = expect_tensor(module(t), (4, 6))
    one, two = reference.linear1, reference.linear2
    e = models.sinusoidal_embedding(t, 8)
    h = one(e)
    expect_values(
        got,
        two(F.gelu(h)),
        {
            "there is no GELU between the two layers: two linear layers in a row are one linear layer.": two(h),
            "this is a ReLU, it should be a GELU.": two(F.relu(h)),
            "this is a SiLU: many networks have one here, this one has a GELU.": two(F.silu(h)),
            "this is a tanh, it should be a GELU.": two(h.tanh()),
            "there is a GELU after the second layer too: the vector may be negative, leave it out.": F.gelu(
                two(F.gelu(h))
            ),
            "the GELU comes before the first layer, it should come after.": two(one(F.gelu(e))),
            "t is divided by 1000 first: the clocks want it on the scale 0 to 1000.": (
                two(F.gelu(one(models.sinusoidal_embedding(t / 1000, 8))))
            ),
            "the second layer is never used.": F.gelu(h),
        },
        f"with the same weights {difference(got, two(F.gelu(h)), TANH_TOO)}: sinusoids, linear1, GELU, linear2.",
        tolerance=TANH_TOO,
    )


@TimeMLP.part
def mlp_gives_each_step_its_own_vector(answer: Answer) -> None:
    reference, module = scattered(models.TimeMLP(12, 5)), _fitted(answer, models.TimeMLP, 12, 5)
    t = torch.tensor([900.0, 1.0, 40.0], dtype=torch.float64)
    got, want = expect_tensor(module(t), (3, 5)), reference(t)
    expect(not close(got, want[:1].expand(3, -1), TANH_TOO), "every step got the vector of the first one.")
    off = difference(got, want, TANH_TOO)
    expect(off is None, f"with 12 features {off}: is a size written into the body?")


@TimeMLP.part
def mlp_learns(answer: Answer) -> None:
    module = _made(answer, 8, 6)
    got = expect_tensor(module(torch.tensor([5.0, 700.0])), (2, 6), torch.float32, like="the weights")
    expect_gradients(module, got, ("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"))
    again = _made(answer, 8, 6)
    shared = {p.data_ptr() for p in module.parameters()} & {p.data_ptr() for p in again.parameters()}
    expect(not shared, "two modules share their weights: make the layers in `__init__`, as attributes of `self`.")


@modulate.part
def modulation_has_the_right_values(answer: Answer) -> None:
    h, scale, shift = normal(1, 3, 5, 6, seed=1), normal(1, 3, seed=2), normal(1, 3, seed=3)
    got = _expect_maps(answer, h, scale, shift)
    s, m = scale[:, :, None, None], shift[:, :, None, None]
    expect_values(
        got,
        h * (1 + s) + m,
        {
            "scale and shift are swapped.": h * (1 + m) + s,
            "the feature maps are multiplied by scale, it should be 1 + scale: at scale = 0 nothing is left of them.": (
                h * s + m
            ),
            "the shift is added before the scale is applied: h * (1 + scale) comes first.": (h + m) * (1 + s),
            "the shift is missing.": h * (1 + s),
            "the scale is missing.": h + m,
            "the shift is subtracted, it should be added.": h * (1 + s) - m,
            "this multiplies by exp(scale): a good choice too, but here it is 1 + scale.": h * s.exp() + m,
            "parentheses are missing: it is the whole of (1 + scale) that h is multiplied by.": h * 1 + s + m,
        },
        f"{difference(got, h * (1 + s) + m, 1e-4)}: each feature map is multiplied by its 1 + scale, and then gets its "
        "shift.",
        tolerance=1e-4,
    )


@modulate.part
def modulation_gives_each_picture_and_map_its_own(answer: Answer) -> None:
    # A cube of four: a scale of shape (4, 4) would meet rows and columns without any complaint.
    h, scale, shift = normal(4, 4, 4, 4, seed=4), normal(4, 4, seed=5), normal(4, 4, seed=6)
    got = _expect_maps(answer, h, scale, shift)
    turned = models.modulate(h, scale.T, shift.T)
    expect_values(
        got,
        models.modulate(h, scale, shift),
        {
            "row h and column w of every map got scale[h, w]: (B, C) meets the last two axes. Make it (B, C, 1, 1).": (
                h * (1 + scale) + shift
            ),
            "pictures and feature maps are swapped: scale[b, c] belongs to picture b and map c.": turned,
            "every picture got the modulation of the first one.": models.modulate(h, scale[:1], shift[:1]),
            "column w of map c got scale[c, w]: make scale and shift of shape (B, C, 1, 1).": (
                h * (1 + scale[:, None]) + shift[:, None]
            ),
            "scale[b, h] went to row h: make scale and shift of shape (B, C, 1, 1).": (
                h * (1 + scale[:, None, :, None]) + shift[:, None, :, None]
            ),
        },
        f"{difference(got, models.modulate(h, scale, shift), 1e-4)}: each map of each picture should get its own scale "
        "and shift.",
        tolerance=1e-4,
    )


@modulate.part
def modulation_by_nothing_changes_nothing(answer: Answer) -> None:
    h, none = normal(2, 3, 4, 5, seed=7), torch.zeros(2, 3, dtype=torch.float64)
    off = difference(_expect_maps(answer, h, none, none), h, 1e-6)
    expect(off is None, f"at scale = 0 and shift = 0 the feature maps should come back unchanged, and {off}.")


def _expect_maps(answer: Answer, h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """What the student's `modulate` gives, shaped like h; an error of shapes becomes a hint."""
    try:
        got = answer(h, scale, shift)
    except RuntimeError as error:
        expect(
            "must match" not in str(error) and "size of tensor" not in str(error),
            f"scale has shape {tuple(scale.shape)} and meets maps of shape {tuple(h.shape)} from the right: "
            "make it (B, C, 1, 1) first.",
        )
        raise
    return expect_tensor(got, tuple(h.shape), h.dtype, like="the feature maps")


@TimedBlock.part
def block_has_the_right_values(answer: Answer) -> None:
    reference: Any = scattered(timed.TimedBlock(3, 4, 5))
    module = _fitted(answer, timed.TimedBlock, 3, 4, 5)
    x, time = normal(2, 3, 6, 6, seed=1), normal(2, 5, seed=2)
    try:
        got = expect_tensor(module(x, time), (2, 4, 6, 6))
    except RuntimeError as error:
        expect(False, f"your block fails on pictures (2, 3, 6, 6) and a time vector (2, 5): {str(error)[:160]}")
    c, numbers = reference.conv1(x), reference.to_scale_shift(time)
    scale, shift = numbers.chunk(2, dim=1)
    h, two = models.modulate(c, scale, shift), reference.conv2
    expect_values(
        got,
        F.relu(two(F.relu(h))),
        {
            "scale and shift are swapped: the first half of the numbers is the scale.": F.relu(
                two(F.relu(models.modulate(c, shift, scale)))
            ),
            "the time makes no difference: modulate the feature maps of conv1 with it.": F.relu(two(F.relu(c))),
            "the maps are modulated after the first ReLU, they should be modulated before.": F.relu(
                two(models.modulate(F.relu(c), scale, shift))
            ),
            "the maps of conv2 are modulated, it should be those of conv1.": F.relu(
                models.modulate(two(F.relu(c)), scale, shift)
            ),
            "there is no ReLU between the convolutions.": F.relu(two(h)),
            "the last ReLU is missing.": two(F.relu(h)),
            "both ReLUs are missing.": two(h),
            "only the shift is used.": F.relu(two(F.relu(c + shift[:, :, None, None]))),
            "only the scale is used.": F.relu(two(F.relu(c * (1 + scale[:, :, None, None])))),
            "scale and shift alternate among the numbers: they are the first and the second half.": F.relu(
                two(F.relu(models.modulate(c, numbers[:, 0::2], numbers[:, 1::2])))
            ),
            "these are GELUs: lesson 05 has them, here it is a ReLU.": F.gelu(two(F.gelu(h))),
            "the input is added at the end: that comes in lesson 05.": F.relu(two(F.relu(h))) + x.mean(1, keepdim=True),
        },
        f"with the same weights {difference(got, F.relu(two(F.relu(h))), 1e-4)}: conv1, modulate, ReLU, conv2, ReLU.",
        tolerance=1e-4,
    )


@TimedBlock.part
def block_starts_without_the_time(answer: Answer) -> None:
    module: Any = _made(answer, 3, 4, 5).double()
    x = normal(2, 3, 6, 6, seed=3)
    early, late = module(x, normal(2, 5, seed=4)), module(x, normal(2, 5, seed=5))
    expect(
        close(early, late),
        "a fresh block already depends on the time: set the weight and bias of to_scale_shift to zero.",
    )
    expect(isinstance(getattr(module, "conv1", None), nn.Module), "your block has no `conv1`.")
    plain = F.relu(module.conv2(F.relu(module.conv1(x))))
    expect(
        close(early, plain),
        "a fresh block should be two convolutions and two ReLUs and nothing else: is the bias of to_scale_shift zero?",
    )
    expect(bool((early != 0).any()), "a fresh block gives nothing but zeros: only to_scale_shift starts at zero.")


@TimedBlock.part
def block_gives_each_picture_its_own_time(answer: Answer) -> None:
    reference, module = scattered(timed.TimedBlock(4, 4, 4)), _fitted(answer, timed.TimedBlock, 4, 4, 4)
    x, time = normal(4, 4, 4, 4, seed=7), normal(4, 4, seed=8)
    got = expect_tensor(module(x, time), (4, 4, 4, 4))
    expect(not close(got, reference(x, time[:1].expand(4, -1))), "every picture got the time of the first one.")
    expect(
        close(got, reference(x, time)),
        "in a batch the pictures get one another's time: scale and shift are (B, C), for `modulate`.",
    )


@TimedBlock.part
def block_learns_from_the_time(answer: Answer) -> None:
    module = _made(answer, 3, 4, 5)
    x, time = normal(2, 3, 6, 6, seed=9, dtype=torch.float32), normal(2, 5, seed=10, dtype=torch.float32)
    got = expect_tensor(module(x, time.requires_grad_()), (2, 4, 6, 6), torch.float32)
    expect_gradients(module, got, ("conv1.weight", "conv2.weight", "to_scale_shift.weight", "to_scale_shift.bias"))

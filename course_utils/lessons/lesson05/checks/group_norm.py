"""The check of GroupNorm: over what the mean and the variance are taken, and how weight and bias come in."""

from __future__ import annotations

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
from course_utils.exercises.modules import make, scattered
from course_utils.lessons.lesson05.checks.inputs import applied, expect_learned, halves, load

GroupNorm = Exercise(
    "GroupNorm",
    reference=models.GroupNorm,
    inputs=laws.Inputs(
        names=("x",),
        via=applied(models.GroupNorm, lambda channels: (halves(channels), channels)),
        sizes=laws.Sizes(shape=(4, 5, 6)),
    ),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(),
        laws.layouts(),
        laws.gradients("x"),
        laws.any_size(T=(), tolerance=1e-5),
    ),
    waive={"settings": "norm_adds_eps_to_the_variance looks at the only one, eps"},
)


def _over(x: Tensor, axes: tuple[int, ...], eps: float = 1e-5, unbiased: bool = False) -> Tensor:
    """x with mean 0 and variance 1 over these axes."""
    mean, variance = x.mean(dim=axes, keepdim=True), x.var(dim=axes, keepdim=True, unbiased=unbiased)
    return (x - mean) / (variance + eps).sqrt()


def _mixed_groups(x: Tensor, groups: int) -> Tensor:
    """As if neighbours were dealt out to the groups like cards: channel 0 to the first, 1 to the second ..."""
    B, C, H, W = x.shape
    return _over(x.reshape(B, C // groups, groups, H, W), (1, 3, 4)).reshape(x.shape)


@GroupNorm.part
def norm_is_taken_over_the_group(answer: Answer) -> None:
    scales = torch.arange(1.0, 9.0, dtype=torch.float64).reshape(1, 8, 1, 1)
    x = scales * normal(3, 8, 5, 6, seed=1) + scales.sqrt()
    module = make(answer, 2, 8).double()
    got = expect_tensor(module(x), (3, 8, 5, 6))
    grouped = x.reshape(3, 2, 4, 5, 6)
    mean, variance = grouped.mean((2, 3, 4), keepdim=True), grouped.var((2, 3, 4), keepdim=True, unbiased=False)
    expect_values(
        got,
        F.group_norm(x, 2),
        {
            "with GroupNorm(2, 8) there are 4 groups of 2 channels: the first argument is the NUMBER of groups, "
            "so here each group has 4 channels.": F.group_norm(x, 4),
            "every channel is normalised by itself (that is InstanceNorm): all channels of a group share one mean and "
            "one variance.": F.group_norm(x, 8),
            "all channels are normalised together: each group has a mean and a variance of its own.": (
                F.group_norm(x, 1)
            ),
            "the mean and variance of a channel are taken over the batch (that is BatchNorm): a picture is normalised "
            "by itself alone.": _over(x, (0, 2, 3)),
            "the groups are right, but their mean is taken over the batch too: leave the batch axis out.": _over(
                grouped, (0, 2, 3, 4)
            ).reshape(x.shape),
            "the mean is taken at each position by itself: rows and columns belong to the group too.": _over(
                grouped, (2,)
            ).reshape(x.shape),
            "the groups are dealt out like cards (channels 0, 2, 4, 6 together): neighbouring channels form a group, "
            "so the groups come first: (B, groups, C // groups, ...).": _mixed_groups(x, 2),
            "the variance is a little too large: `var` divides by n - 1 unless you say `unbiased=False`.": _over(
                grouped, (2, 3, 4), unbiased=True
            ).reshape(x.shape),
            "eps is added to the standard deviation: it belongs to the variance, under the root.": (
                (grouped - mean) / (variance.sqrt() + 1e-5)
            ).reshape(x.shape),
            "`std` divides by n - 1, and eps belongs to the variance, under the root: take `var` with "
            "`unbiased=False`.": (
                (grouped - mean) / (grouped.std((2, 3, 4), keepdim=True) + 1e-5)
            ).reshape(x.shape),
            "neighbouring numbers go to different groups: in the reshape the axis of the groups comes right after that "
            "of the batch.": _over(x.reshape(3, -1, 2), (1,)).reshape(x.shape),
            "the mean is taken away, but the result is not divided by the standard deviation.": (grouped - mean)
            .reshape(x.shape),
            "this divides by the variance: divide by its square root.": ((grouped - mean) / (variance + 1e-5))
            .reshape(x.shape),
            "this divides by the standard deviation, but the mean is still there.": (grouped / (variance + 1e-5).sqrt())
            .reshape(x.shape),
        },
        f"with GroupNorm(2, 8) {difference(got, F.group_norm(x, 2), 1e-6)}: the first four channels of a picture "
        "together should get the mean 0 and the variance 1.",
    )  # fmt: skip


@GroupNorm.part
def norm_learns_a_weight_and_a_bias(answer: Answer) -> None:
    module = make(answer, 2, 6).double()
    expect_learned(module, ("weight", "bias"))
    start = normal(2, 6, 3, 3, seed=2)
    expect(
        close(module(start), F.group_norm(start, 2)),
        "before any training the weight should be 1 and the bias 0, so that nothing is changed after the norm.",
    )
    # A cube of six: a weight of shape (6,) would broadcast over the columns without any complaint.
    x, theirs = normal(6, 6, 6, 6, seed=3), scattered(nn.GroupNorm(2, 6), seed=4)
    got = expect_tensor(load(module, theirs)(x), (6, 6, 6, 6))
    w, b = (p.detach() for p in theirs.parameters())
    plain, at = F.group_norm(x, 2), (-1, 1, 1)
    expect_values(
        got,
        theirs(x).detach(),
        {
            "the weight and the bias are made but not used.": plain,
            "the bias is not used.": plain * w.reshape(at),
            "the weight is not used.": plain + b.reshape(at),
            "the weight of channel c went to column c: it has shape (C,), and meets the last axis. Reshape weight and "
            "bias to (C, 1, 1).": plain * w + b,
            "the weight of channel c went to picture c of the batch: reshape weight and bias to (C, 1, 1).": (
                plain * w.reshape(-1, 1, 1, 1) + b.reshape(-1, 1, 1, 1)
            ),
            "the bias is added before the weight multiplies: weight times the normalised picture, then plus bias.": (
                (plain + b.reshape(at)) * w.reshape(at)
            ),
            "weight and bias come before the norm, which takes most of them away again: normalise first.": F.group_norm(
                x * w.reshape(at) + b.reshape(at), 2
            ),
        },
        "with the weights of `torch.nn.GroupNorm` loaded, the values differ from PyTorch's.",
    )


@GroupNorm.part
def norm_keeps_no_running_averages(answer: Answer) -> None:
    x = normal(4, 4, 3, 5, seed=5) + 3
    module = make(answer, 2, 4).double()
    training = expect_tensor(module(x), (4, 4, 3, 5))
    expect(close(module.eval()(x), training), "in evaluation mode the result is another one: keep no running averages.")


@GroupNorm.part
def norm_adds_eps_to_the_variance(answer: Answer) -> None:
    x = normal(2, 4, 4, 4, seed=6)
    grouped = x.reshape(2, 2, 2, 4, 4)
    centred = grouped - grouped.mean((2, 3, 4), keepdim=True)
    variance = grouped.var((2, 3, 4), keepdim=True, unbiased=False)
    got = expect_tensor(make(answer, 2, 4, eps=0.5).double()(x), (2, 4, 4, 4))
    expect_values(
        got,
        F.group_norm(x, 2, eps=0.5),
        {
            "with eps = 0.5 it is added to the standard deviation: it belongs to the variance, under the root.": (
                centred / (variance.sqrt() + 0.5)
            ).reshape(x.shape),
            "eps makes no difference: is it added to the variance?": F.group_norm(x, 2),
            "eps is missing: a flat picture has variance 0, and would be divided by 0.": (
                centred / variance.sqrt()
            ).reshape(x.shape),
        },
        "with eps = 0.5 the values are wrong: divide by the root of (variance + eps).",
    )
    flat = expect_tensor(make(answer, 1, 4)(torch.full((1, 4, 2, 2), 3.0)), (1, 4, 2, 2))
    expect(close(flat, torch.zeros(1, 4, 2, 2), 1e-2), "a picture of one single grey should become 0 everywhere.")

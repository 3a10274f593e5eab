"""The check of SelfAttention2d: who looks at whom, how the heads share the channels, and what is added."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import models
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.exercises.modules import make, scattered
from course_utils.lessons.lesson05.checks.inputs import applied, halves, load


def _alone(answer: Answer) -> Answer:
    """A function of x, with two heads and two groups where that divides the channels, unless a law sets them."""

    def run(x: Tensor, **settings: int) -> Any:
        usual = halves(x.shape[1])
        chosen = {"heads": usual, "groups": usual} | settings
        return applied(models.SelfAttention2d, lambda channels: (channels, *chosen.values()))(answer)(x)

    return run


SelfAttention2d = Exercise(
    "SelfAttention2d",
    reference=models.SelfAttention2d,
    inputs=laws.Inputs(names=("x",), via=_alone, sizes=laws.Sizes(shape=(4, 3, 5))),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(),
        laws.layouts(),
        laws.gradients("x"),
        laws.settings(heads=(1, 2, 4), groups=(1, 2, 4)),
        laws.any_size(T=(), tolerance=1e-5),
    ),
)


def _attention(channels: int, heads: int, seed: int, groups: int = 2) -> models.SelfAttention2d:
    block = models.SelfAttention2d(channels, heads=heads, groups=groups)
    scattered(block, seed)
    return block


def _look(
    a: models.SelfAttention2d,
    x: Tensor,
    *,
    scale: float | None = None,
    heads: int | None = None,
    norm: bool = True,
    axis: int = 3,
    order: tuple[int, int, int] = (0, 1, 2),
    softmax: bool = True,
    blocked: bool = True,
) -> Tensor:
    """What attention adds to x, (B, C, H, W), with one thing changed.

    `order` says which third of qkv is query, key and value; `blocked` is False where neighbouring channels go to
    different heads.
    """
    B, C, H, W = x.shape
    heads = heads or a.heads
    share = C // heads
    qkv = a.qkv(a.norm(x) if norm else x)
    if blocked:
        parts = qkv.reshape(B, 3, heads, share, H * W)
    else:
        parts = qkv.reshape(B, 3, share, heads, H * W).transpose(2, 3)
    q, k, v = (parts[:, i].transpose(2, 3) for i in order)  # (B, heads, H*W, share)
    scores = q @ k.transpose(2, 3) * (1 / math.sqrt(share) if scale is None else scale)
    weights = scores.softmax(dim=axis) if softmax else scores
    return a.out((weights @ v).transpose(2, 3).reshape(B, C, H, W))


@SelfAttention2d.part
def attention_has_the_right_values(answer: Answer) -> None:
    theirs = _attention(8, heads=2, seed=1)
    module = load(make(answer, 8, heads=2, groups=2), theirs)
    x = normal(2, 8, 3, 4, seed=2)
    got = expect_tensor(module(x), (2, 8, 3, 4)).detach()
    with torch.no_grad():
        mistakes = {
            "the input is not added: attention returns its change alone.": _look(theirs, x),
            "it is the normalised picture that is added: add the input as it came.": theirs.norm(x) + _look(theirs, x),
            "the norm is not used.": x + _look(theirs, x, norm=False),
            "the scores are not divided: by the root of the channels of one head, C // heads.": x
            + _look(theirs, x, scale=1.0),
            "the scores are divided by the root of all C channels: a head has only C // heads of them.": x
            + _look(theirs, x, scale=1 / math.sqrt(8)),
            "the scores are divided by the number of channels of a head: divide by its root.": x
            + _look(theirs, x, scale=1 / 4),
            "the scores are divided by the root of the number of positions: it is the channels of one head.": x
            + _look(theirs, x, scale=1 / math.sqrt(12)),
            "the softmax runs over the queries: for each query the weights over all KEYS add up to 1, dim=-1.": x
            + _look(theirs, x, axis=2),
            "the softmax is missing: the weights of a query should be positive and add up to 1.": x
            + _look(theirs, x, softmax=False),
            "all channels look at once: split them among the heads.": x + _look(theirs, x, heads=1),
            "query and key are swapped: the first third of qkv is the query.": x + _look(theirs, x, order=(1, 0, 2)),
            "the value is not the last third of qkv.": x + _look(theirs, x, order=(1, 2, 0)),
            "neighbouring channels go to different heads: in qkv the order is (3, heads, C // heads).": x
            + _look(theirs, x, blocked=False),
        }
        want = theirs(x)
    expect_values(
        got,
        want,
        mistakes,
        f"with the reference's weights loaded {difference(got, want, 1e-6)}. Compare what each axis means: qkv as "
        "(B, 3, heads, C // heads, H*W), and then q, k and v as (B, heads, H*W, C // heads) each.",
    )


@SelfAttention2d.part
def attention_changes_nothing_at_the_start(answer: Answer) -> None:
    x = normal(1, 8, 3, 3, seed=3, dtype=torch.float32)
    got = expect_tensor(make(answer, 8)(x), (1, 8, 3, 3), torch.float32)
    expect(
        close(got, x),
        "a new block should hand its input on unchanged: keep the line that sets `out` to 0, and add the input.",
    )


@SelfAttention2d.part
def attention_is_blind_to_places(answer: Answer) -> None:
    module = load(make(answer, 8, heads=4, groups=2), _attention(8, heads=4, seed=4))
    x = normal(1, 8, 4, 4, seed=5)
    shuffled = x.flatten(2)[..., torch.randperm(16, generator=torch.Generator().manual_seed(6))]
    order = torch.randperm(16, generator=torch.Generator().manual_seed(6))
    got = expect_tensor(module(shuffled.reshape(1, 8, 4, 4)), (1, 8, 4, 4))
    expect(
        close(got.flatten(2), module(x).flatten(2)[..., order]),
        "if the positions are shuffled, the result should be shuffled alike: a position must not know where it is. "
        "Are rows, columns and channels mixed up in a reshape?",
    )


@SelfAttention2d.part
def attention_reaches_everywhere(answer: Answer) -> None:
    module = load(make(answer, 4, heads=2, groups=2), _attention(4, heads=2, seed=9))
    module.norm = nn.Identity()  # through it every position reaches every other
    x = normal(1, 4, 4, 5, seed=10)
    others = x.repeat(20, 1, 1, 1)
    others.flatten(2)[range(20), :, range(20)] += normal(4, seed=11)  # in picture i, position i is another
    moved = (module(others) - module(x))[:, :, 0, 0].abs().sum(dim=1)  # (20,)
    unseen = int((moved < 1e-9).sum())
    expect(unseen == 0, f"of 20 positions {unseen} make no difference to the first: it has to look at all of them.")

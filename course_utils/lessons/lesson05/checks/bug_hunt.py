"""The check of the bug hunt: the number of groups from the size of a group. It knows both versions."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from course_utils import models
from course_utils.errors import CourseError
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.exercises.modules import make, scattered
from course_utils.lessons.lesson05.checks.inputs import load


def _mended_norm(channels: int, group_size: int = 16) -> nn.Module:
    """A GroupNorm whose groups have `group_size` channels each, or all of them where there are fewer."""
    return models.GroupNorm(max(1, channels // group_size), channels)


mended_norm = Exercise(
    "mended_norm",
    reference=_mended_norm,
    waive={"settings": "groups_have_the_right_size and sixteen_is_the_usual_size try the only one"},
)


def _groups_of(module: nn.Module, channels: int) -> int | None:
    """How many groups a norm really makes, read off what it does to a picture."""
    x = normal(1, channels, 3, 4, seed=1)
    got = expect_tensor(module.double()(x), (1, channels, 3, 4))
    divisors = [g for g in range(1, channels + 1) if channels % g == 0]
    return next((g for g in divisors if close(got, F.group_norm(x, g))), None)


def _made(answer: Answer, channels: int, size: int) -> nn.Module:
    try:
        return make(answer, channels, size)
    except Exception as error:
        if isinstance(error, (ValueError, ZeroDivisionError, CourseError)):
            expect(
                False,
                f"mended_norm({channels}, {size}) cannot be made ({str(error)[:120].rstrip('.')}). How many groups of "
                f"{size} fit into {channels} channels?",
            )
        raise


@mended_norm.part
def groups_have_the_right_size(answer: Answer) -> None:
    for channels, size in ((32, 16), (64, 16), (48, 8)):
        want = channels // size
        groups = _groups_of(_made(answer, channels, size), channels)
        expect(groups is not None, f"with {channels} channels the result is no group norm of any number of groups.")
        assert groups is not None
        what = f"mended_norm({channels}, {size}) makes {groups} groups of {channels // groups}"
        expect(
            groups != size,
            f"this is still the colleague's: {what}, because the size of a group is passed where GroupNorm takes the "
            "number of groups.",
        )
        expect(groups != channels, f"{what}: every channel by itself loses its mean, and with it the colour.")
        expect(groups != 1, f"{what}: one group for all is not what was asked for, there should be {want}.")
        expect(groups == want, f"{what}; there should be {want} groups of {size}: divide the channels by the size.")


@mended_norm.part
def few_channels_are_one_group(answer: Answer) -> None:
    for channels, size in ((16, 16), (8, 16)):
        groups = _groups_of(_made(answer, channels, size), channels)
        expect(
            groups == 1,
            f"mended_norm({channels}, {size}) makes {groups} groups, it should make 1: no more channels are there "
            "than belong into one group.",
        )


@mended_norm.part
def the_norm_keeps_the_brightness(answer: Answer) -> None:
    """The evidence of the lesson: what makes one channel brighter than the others must survive."""
    x = normal(1, 16, 4, 4, seed=2)
    x[:, :8] += 2
    got = _made(answer, 16, 16).double()(x)
    gap = (got[:, :8].mean() - got[:, 8:].mean()).item()
    expect(gap > 0.5, "half of the channels are brighter, and after the norm they no longer are: the colour is lost.")


@mended_norm.part
def sixteen_is_the_usual_size(answer: Answer) -> None:
    groups = _groups_of(make(answer, 64), 64)
    expect(groups == 4, f"mended_norm(64), without a size, makes {groups} groups; it should make 4 of 16.")


@mended_norm.part
def the_norm_can_learn(answer: Answer) -> None:
    theirs = scattered(nn.GroupNorm(4, 32), seed=3)
    x = normal(2, 32, 3, 3, seed=4)
    module = load(_made(answer, 32, 8), theirs)
    expect(close(module(x), theirs(x)), "with weight and bias loaded the values are wrong: return a whole GroupNorm.")

"""The check of the checkerboard's measure: the share of a picture's variance that alternates from pixel to pixel."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import metrics
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson05.checks.inputs import EVEN

checkerboard_share = Exercise(
    "checkerboard_share",
    reference=metrics.checkerboard_share,
    inputs=laws.Inputs(sizes=laws.Sizes(shape=(2, 6, 4))),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(None),
        laws.layouts(),
        laws.any_size(T=(), shapes=EVEN, tolerance=1e-5),
    ),
    waive={"gradients": "pictures are measured, and nothing learns from it"},
)


def _powers(x: Tensor) -> Tensor:
    """The power at each frequency, (B, C, H, W), that of the mean included."""
    return torch.fft.fft2(x).abs() ** 2


def _corners(power: Tensor) -> Tensor:
    """What stands at the three frequencies, added up: (B, C)."""
    h, w = power.shape[2] // 2, power.shape[3] // 2
    return power[..., h, 0] + power[..., 0, w] + power[..., h, w]


@checkerboard_share.part
def share_of_a_checkerboard_is_one(answer: Answer) -> None:
    rows, columns = torch.arange(6).reshape(6, 1), torch.arange(8).reshape(1, 8)
    patterns = {
        "a checkerboard": (-1.0) ** (rows + columns),
        "horizontal stripes of one pixel": (-1.0) ** rows * torch.ones(6, 8),
        "vertical stripes of one pixel": (-1.0) ** columns * torch.ones(6, 8),
    }
    for name, pattern in patterns.items():
        got = expect_tensor(answer(0.3 + 0.2 * pattern.double().reshape(1, 1, 6, 8)), (1, 1))
        expect(
            abs(got.item() - 1) < 1e-6,
            f"{name} on grey should give 1, it is nothing else; it gives {got.item():.3f}. Is the mean (frequency 0) "
            "left out, and are all three frequencies counted?",
        )
    ramp = torch.cos(2 * torch.pi * torch.arange(8, dtype=torch.float64) / 8).expand(1, 1, 6, 8)
    got = expect_tensor(answer(ramp), (1, 1))
    expect(abs(got.item()) < 1e-9, f"one slow wave should give 0, it gives {got.item():.3f}.")


@checkerboard_share.part
def share_has_the_right_values(answer: Answer) -> None:
    x = normal(2, 3, 6, 8, seed=1) + 0.5
    got = expect_tensor(answer(x), (2, 3))
    power = _powers(x)
    rest = power.sum((2, 3)) - power[..., 0, 0]
    size = torch.fft.fft2(x).abs()
    row_only, both = power[..., 3, 0], power[..., 3, 4]
    expect_values(
        got,
        _corners(power) / rest,
        {
            "the mean is counted too: take the power at frequency 0 out of the total.": (
                _corners(power) / power.sum((2, 3))
            ),
            "these are amplitudes: a share of the variance compares their squares.": (
                _corners(size) / (size.sum((2, 3)) - size[..., 0, 0])
            ),
            "only the checkerboard itself is counted: stripes of one pixel, in rows and in columns, belong to it.": (
                both / rest
            ),
            "one of the three is missing: rows alone, columns alone, and both.": (row_only + both) / rest,
            "the columns' pattern is counted alone: rows, columns, and both.": power[..., 0, 4] / rest,
            "all pictures are added up: give one number for each picture and channel.": (
                (_corners(power).sum() / rest.sum()).expand(2, 3)
            ),
            "this is the power itself: divide by the total without the mean.": _corners(power),
            "this compares with all other frequencies: divide by the total, in which the three are contained.": (
                _corners(power) / (rest - _corners(power))
            ),
        },
        "on random pixels the share is {}, it should be {}.".format(
            *apart(got[0, 0].item(), (_corners(power) / rest)[0, 0].item())
        ),
    )


@checkerboard_share.part
def share_ignores_brightness_and_contrast(answer: Answer) -> None:
    x = normal(1, 2, 4, 4, seed=2)
    got, brighter = answer(x), answer(3 * x + 10)
    expect(close(got, brighter, 1e-5), "a brighter picture of more contrast should give the same share.")


@checkerboard_share.part
def share_of_white_noise(answer: Answer) -> None:
    white = expect_tensor(answer(normal(200, 1, 8, 8, seed=3)), (200, 1))
    expect(
        abs(white.mean().item() - 3 / 63) < 0.01,
        "white noise has the same power at each of its 63 frequencies (8 x 8 px), so the share should be about 3/63.",
    )

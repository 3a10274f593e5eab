"""The check of lesson 00's warm-up."""

from __future__ import annotations

import torch

from course_utils.exercises.framework import (
    Answer,
    Exercise,
    expect,
    expect_tensor,
    expect_values,
    prepare_notebook,
    untouched,
)


def _to_pixels(images: torch.Tensor) -> torch.Tensor:
    """Images in [-1, 1] as whole numbers from 0 to 255: round(127.5 (x + 1)), cut off at both ends."""
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


to_pixels = Exercise("to_pixels", reference=_to_pixels)


@to_pixels.part
def maps_the_ends_and_the_middle(answer: Answer) -> None:
    x = torch.tensor([-1.0, 0.2, 1.0]).reshape(1, 1, 1, 3)
    got = expect_tensor(untouched(answer, x), (1, 1, 1, 3)).double()
    want = torch.tensor([0.0, 153.0, 255.0]).reshape(1, 1, 1, 3)
    expect_values(
        got,
        want,
        {
            "-1 becomes 1 and 1 becomes 255: the scale is off by one at the dark end. Stretch by 127.5, not 127.": (
                x * 127 + 128
            ).round(),
            "-1, which is black, becomes 0, but 1, which is white, becomes 1: the result still has to be stretched "
            "to 255 before it is made whole.": ((x + 1) / 2).round(),
            "-1 becomes 0, but 0.2 and 1 both become 255: the range from -1 to 1 is 2 wide, so stretch by 127.5.": (
                ((x + 1) * 255).clamp(0, 255).round()
            ),
            "-1 and 1 both go wrong: it looks as if the images were taken to lie in [0, 1]. Add 1 first.": (
                (x * 255).clamp(0, 255).round()
            ),
        },
        f"-1, 0.2 and 1 become {', '.join(f'{v:.0f}' for v in got.flatten().tolist())}; "
        "they should become 0, 153 and 255.",
    )


@to_pixels.part
def rounds_to_the_nearest(answer: Answer) -> None:
    x = (torch.arange(256) / 127.5 - 1 + 0.003).clamp(-1, 1).reshape(1, 1, 16, 16)  # each a little above a pixel
    got = expect_tensor(answer(x - 0.006), (1, 1, 16, 16)).double()
    want = _to_pixels(x - 0.006).double()
    expect_values(
        got,
        want,
        {"most pixels come out one too dark: whole numbers were made by cutting off. Round first.": (
            ((x - 0.006 + 1) * 127.5).clamp(0, 255).floor()
        )},
        "a ramp of all 256 greys does not come out as 0, 1, 2 ... 255.",
    )  # fmt: skip


@to_pixels.part
def cuts_off_what_lies_outside(answer: Answer) -> None:
    x = torch.tensor([-1.3, 1.3]).reshape(1, 1, 1, 2)
    got = expect_tensor(answer(x), (1, 1, 1, 2)).double().flatten().tolist()
    expect(
        got == [0.0, 255.0],
        f"a value below -1 and one above 1 become {got[0]:.0f} and {got[1]:.0f}: outside 0 to 255 a whole number of "
        "8 bits wraps around, so black turns white. Clamp before the conversion.",
    )


@to_pixels.part
def gives_eight_bits(answer: Answer) -> None:
    got = answer(torch.zeros(2, 3, 4, 5))
    expect_tensor(got, (2, 3, 4, 5))
    expect(
        got.dtype == torch.uint8,
        "the values are right but the dtype is not uint8: end with `.to(torch.uint8)`.",
    )


ORDER = (to_pixels,)

prepare_notebook(ORDER)

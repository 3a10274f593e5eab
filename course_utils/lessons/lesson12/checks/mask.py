"""Checks of the mask, and of what it does to the classes."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, expect, expect_tensor
from course_utils.lessons.lesson12.checks.inputs import seeded

bernoulli_mask = Exercise(
    "bernoulli_mask",
    reference=guidance.bernoulli_mask,
    inputs=laws.Inputs(make={"n": 500, "p": 0.5}),
    laws=(laws.generator(),),
    waive={"noise": "what is drawn are coins: mask_is_a_coin_for_each_image looks at them"},
)
drop_condition = Exercise(
    "drop_condition", reference=guidance.drop_condition, laws=(laws.unchanged(), laws.by_itself())
)

MANY = 20_000


def _mask(answer: Answer, n: int, p: float, seed: int) -> Tensor:
    got = answer(n, p, seeded(seed))
    expect(
        not isinstance(got, Tensor) or got.ndim != 2,
        "this is a mask with one entry a feature: the condition of an image is dropped as a whole, so one entry an "
        "image, shape (n,).",
    )
    got = expect_tensor(got, (n,))
    expect(
        got.dtype == torch.bool,
        f"the mask is {str(got.dtype).removeprefix('torch.')}, it should be bool: compare something with p.",
    )
    return got


@bernoulli_mask.part
def mask_has_the_right_share(answer: Answer) -> None:
    share = _mask(answer, MANY, 0.1, 1).double().mean().item()
    expect(
        not 0.88 < share < 0.92,
        f"with p = 0.1 the mask is True for {share:.2f} of the images: True means dropped, not kept.",
    )
    expect(
        0.0 < share < 1.0,
        f"with p = 0.1, of {MANY} images {'all are' if share == 1 else 'none is'} dropped: the whole batch seems to "
        "share one toss of the coin. Each image has its own.",
    )
    expect(0.09 < share < 0.11, f"with p = 0.1 the mask is True for {share:.3f} of {MANY} images.")


@bernoulli_mask.part
def mask_is_a_coin_for_each_image(answer: Answer) -> None:
    counts = torch.tensor([float(_mask(answer, 100, 0.3, seed).sum()) for seed in range(200)])
    expect(
        counts.std() > 0.5,
        f"each of 200 masks with n = 100 and p = 0.3 drops {counts[0]:.0f} images: a fixed number is no toss of a "
        "coin. Compare a random number of each image with p.",
    )
    expect(
        3.6 < counts.std() < 5.7,
        f"the number of dropped images, of 100 with p = 0.3, has a standard deviation of {counts.std():.1f}; tossing a "
        "coin for each image gives 4.6.",
    )
    mask = _mask(answer, MANY, 0.5, 3).double()
    together = (mask[1:] * mask[:-1]).mean().item()
    expect(0.23 < together < 0.27, "neighbours in the batch are dropped together: toss a coin for each image.")


@bernoulli_mask.part
def mask_knows_never_and_always(answer: Answer) -> None:
    expect(not _mask(answer, 1000, 0.0, 6).any(), "with p = 0 nothing should be dropped, and here something is.")
    expect(_mask(answer, 1000, 1.0, 7).all(), "with p = 1 everything should be dropped, and here something is not.")


COND = (3, 0, 4, 2, 2, 0)
MASK = (True, False, False, True, False, True)


def _inputs() -> tuple[Tensor, Tensor]:
    """Made anew each time: an answer may change what it is given."""
    return torch.tensor(COND), torch.tensor(MASK)


@drop_condition.part
def dropped_classes_are_null(answer: Answer) -> None:
    got = answer(*_inputs(), 5)
    expect(
        not isinstance(got, Tensor) or len(got) == len(COND),
        "some images are gone: they stay in the batch, with the null class in the place of their own.",
    )
    got = expect_tensor(got, (6,))
    expect(not got.is_floating_point(), "the classes have become fractions: they stay int64.")
    hints = {
        "it is the kept ones that became null: the mask is True where a condition is dropped.": [3, 5, 5, 2, 5, 0],
        "the dropped ones became class 0, which is a flower like any other: nothing is said by `null`.": [
            0,
            0,
            4,
            0,
            2,
            0,
        ],
        "nothing was dropped: the result is `cond` as it was.": [3, 0, 4, 2, 2, 0],
        "all were dropped, because one is: each image has its own entry in the mask.": [5] * 6,
        "the class still shows through: a dropped condition is `null` and nothing else, whatever it was.": [
            8,
            0,
            4,
            7,
            2,
            5,
        ],
    }
    for hint, wrong in hints.items():
        expect(got.tolist() != wrong, hint)
    expect(
        got.tolist() == [5, 0, 4, 5, 2, 5],
        f"with cond = {list(COND)}, null = 5 and a mask that is True at 0, 3 and 5 you give {got.tolist()}.",
    )


@drop_condition.part
def every_null_will_do(answer: Answer) -> None:
    for null in (10, 7):
        got = expect_tensor(answer(*_inputs(), null), (6,))
        expect(
            got.tolist() == [null, 0, 4, null, 2, null],
            f"with null = {null} the dropped ones should be {null}: use the argument.",
        )


@drop_condition.part
def no_mask_and_full_mask(answer: Answer) -> None:
    never, always = torch.zeros(6, dtype=torch.bool), torch.ones(6, dtype=torch.bool)
    expect(answer(_inputs()[0], never, 5).tolist() == list(COND), "a mask without a True should change nothing.")
    expect(answer(_inputs()[0], always, 5).tolist() == [5] * 6, "a mask of True alone should leave nothing but null.")
    expect(
        answer(*_inputs(), 5).dtype == torch.int64, "the classes should stay int64: an embedding wants whole numbers."
    )

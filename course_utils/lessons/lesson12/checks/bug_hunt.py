"""The bug hunt: a mask drawn for each feature, which never drops a condition."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from course_utils import guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson12.checks.inputs import seeded


def _mended_drop(cond: Tensor, p: float, generator: Generator) -> Tensor:
    """Conditions that are vectors, (B, F): with probability p a whole row becomes 0, else it stays as it is."""
    mask = guidance.bernoulli_mask(len(cond), p, generator)
    return cond * (~mask[:, None].to(cond.device))


mended_drop = Exercise(
    "mended_drop",
    reference=_mended_drop,
    inputs=laws.Inputs(make={"cond": lambda sizes: normal(60, 6, seed=1, dtype=sizes.dtype), "p": 0.5}),
    laws=(laws.unchanged(), laws.dtypes("the conditions that came in"), laws.generator()),
    waive={"noise": "what is drawn are coins: rows_have_their_own_coin looks at them"},
)

ROWS, FEATURES = 4000, 32


def _dropped(answer: Answer, cond: Tensor, p: float, seed: int) -> Tensor:
    """Which rows are all zero, (B,), after a look at the rows that are neither dropped nor whole."""
    got = expect_tensor(answer(cond, p, seeded(seed)), tuple(cond.shape))
    zero = (got == 0).all(dim=1)
    holes = (got == 0).any(dim=1) & ~zero
    share = (got == 0).double().mean(dim=0)
    expect(
        not ((share > 0.99) | (share < 0.01)).all() or not 0.01 < share.mean() < 0.99,
        "whole features are dropped, the same for all rows: it is rows that are dropped.",
    )
    expect(
        not holes.any(),
        f"{int(holes.sum())} of {len(cond)} rows have lost some of their features and kept the others: toss one coin a "
        "row, and let all of its features follow.",
    )
    kept = got[~zero]
    scaled = kept.numel() > 0 and not torch.allclose(kept, cond[~zero])
    expect(
        not scaled,
        "the rows that are kept have changed: they should stay as they are. (Dropout divides them by 1 - p; a "
        "condition means what it means.)",
    )
    return zero


@mended_drop.part
def rows_are_dropped_whole(answer: Answer) -> None:
    cond = normal(ROWS, FEATURES, seed=1)
    zero = _dropped(answer, cond, 0.1, 2).double().mean().item()
    expect(
        0.0 < zero < 1.0,
        f"of {ROWS} rows {'all are' if zero == 1 else 'none is'} dropped with p = 0.1: the batch seems to share one "
        "toss of the coin. Each row has its own."
        if zero in (0.0, 1.0)
        else "",
    )
    expect(not 0.87 < zero < 0.93, f"with p = 0.1, {zero:.2f} of the rows are dropped: that is the share to keep.")
    expect(0.08 < zero < 0.12, f"with p = 0.1, {zero:.3f} of {ROWS} rows are dropped.")


@mended_drop.part
def width_makes_no_difference(answer: Answer) -> None:
    for features in (1, 512):
        zero = _dropped(answer, normal(1000, features, seed=3), 0.3, 4).double().mean().item()
        expect(
            0.24 < zero < 0.36,
            f"with p = 0.3 and {features} feature{'s' if features > 1 else ''}, {zero:.2f} of the rows are dropped: it "
            "should be 0.3, however many features there are.",
        )


@mended_drop.part
def rows_have_their_own_coin(answer: Answer) -> None:
    cond = normal(50, 8, seed=5)
    counts = torch.tensor([float(_dropped(answer, cond, 0.5, seed).sum()) for seed in range(60)])
    expect(
        counts.std() > 0.5,
        f"each of 60 batches loses {counts[0]:.0f} of 50 rows with p = 0.5: a fixed number is no toss of a coin.",
    )


@mended_drop.part
def never_and_always(answer: Answer) -> None:
    cond = normal(200, 6, seed=9)
    expect(not _dropped(answer, cond, 0.0, 1).any(), "with p = 0 no row should be dropped, and here one is.")
    expect(_dropped(answer, cond, 1.0, 1).all(), "with p = 1 every row should be dropped, and here one is not.")

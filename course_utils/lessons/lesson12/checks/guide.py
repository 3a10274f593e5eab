"""Checks of the guide, and of the way from one convention to the other."""

from __future__ import annotations

import torch

from course_utils import guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values, untouched
from course_utils.exercises.inputs import normal

guide = Exercise(
    "guide",
    reference=guidance.guide,
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("eps_cond"),
        laws.devices(),
        laws.layouts(),
        laws.any_size(T=(), shapes=((1, 5, 7), (4, 4, 4), (2,), ())),
    ),
    waive={"gradients": "nothing is trained through it: it may run under `no_grad` or not"},
)
cfg_from_scale = Exercise("cfg_from_scale", reference=guidance.cfg_from_scale)


@guide.part
def guide_goes_beyond(answer: Answer) -> None:
    c, u = normal(2, 3, 4, 5, seed=1), normal(2, 3, 4, 5, seed=2)
    got = expect_tensor(answer(c, u, 2.0), (2, 3, 4, 5))
    expect_values(
        got,
        3 * c - 2 * u,
        {
            "this is the other convention: at w = 2 you give eps_uncond + 2 (eps_cond - eps_uncond), w = 1.": u
            + 2 * (c - u),
            "the two predictions have changed places: the conditional one gets 1 + w.": 3 * u - 2 * c,
            "the sign is swapped: this goes from the conditional towards the unconditional prediction, and past it.": c
            + 2 * (u - c),
            "the unconditional one is subtracted, w times: here it is added.": 3 * c + 2 * u,
            "the unconditional one is subtracted once: it is subtracted w times.": 3 * c - u,
            "the weights, 2 and -2, add up to 0: with 1 + w and -w they add up to 1, and what both agree on stays.": 2
            * (c - u),
            "divided by 1 + 2 w it is an average: leave the sum as it is.": (3 * c - 2 * u) / 5,
        },
        "with w = 2 it should be 3 times the conditional minus 2 times the unconditional prediction.",
    )


@guide.part
def guide_knows_the_ends(answer: Answer) -> None:
    c, u = normal(2, 1, 4, 4, seed=3), normal(2, 1, 4, 4, seed=4)
    for w, want, name in ((0.0, c, "conditional"), (-1.0, u, "unconditional"), (-2.0, 2 * u - c, "")):
        got = expect_tensor(answer(c, u, w), (2, 1, 4, 4))
        what = f"the {name} prediction itself" if name else "2 eps_uncond - eps_cond: away from the class"
        expect(close(got, want), f"at w = {w:g} the guide should give {what}, and here it does not.")
    expect(close(answer(c, c, 7.0), c), "where both predictions agree, no w should change anything.")


@guide.part
def guide_takes_a_weight_for_each(answer: Answer) -> None:
    c, u = normal(4, 3, 4, 4, seed=5), normal(4, 3, 4, 4, seed=6)  # as many pictures as columns: a trap
    w = torch.tensor([0.0, -1.0, 2.0, 0.5])
    got = expect_tensor(answer(c, u, w), (4, 3, 4, 4))
    each = torch.stack([(1 + k) * a - k * b for a, b, k in zip(c, u, w.tolist(), strict=True)])
    columns = (1 + w) * c - w * u
    expect(
        not close(got, columns),
        "w of shape (B,) went to the columns of the pictures: give it the shape (B, 1, 1, 1) first.",
    )
    expect(close(got, each), "with w of shape (B,) each picture should have its own weight, and here it has not.")


@guide.part
def weights_leave_the_dtype(answer: Answer) -> None:
    c, u = (normal(3, 1, 4, 4, seed=seed, dtype=torch.float32) for seed in (7, 8))
    for dtype in (torch.float32, torch.float64):
        got = expect_tensor(answer(c, u, torch.tensor([0.5, 1.0, -2.0], dtype=dtype)), (3, 1, 4, 4))
        expect(
            got.dtype == torch.float32,
            f"with float32 predictions and weights w in {str(dtype).removeprefix('torch.')} the result is "
            f"{str(got.dtype).removeprefix('torch.')}, it should be float32, the dtype of eps_cond: convert w to it.",
        )


@cfg_from_scale.part
def scale_becomes_weight(answer: Answer) -> None:
    for scale, want in ((7.5, 6.5), (1.0, 0.0), (0.0, -1.0), (3.0, 2.0), (-1.0, -2.0)):
        got = answer(scale)
        expect(got is not None, "your function returns None: does it end with `return ...`?")
        got = float(got)
        expect(got != scale + 1 or scale == -1, f"scale {scale:g} became {got:g}: w is the smaller of the two.")
        expect(
            got != scale or scale == 0,
            f"scale {scale:g} stays {got:g}: the conventions differ. Which scale means no guidance, and which w?",
        )
        expect(got != 1 - scale or scale == 1, f"scale {scale:g} became {got:g}: the sign is swapped.")
        expect(abs(got - want) < 1e-9, f"scale {scale:g} should become w = {want:g}, and becomes {got:g}.")


@cfg_from_scale.part
def both_conventions_agree(answer: Answer) -> None:
    c, u = normal(3, 2, 4, 4, seed=9), normal(3, 2, 4, 4, seed=10)
    for scale in (0.0, 1.0, 2.5, 7.5):
        got = guidance.guide(c, u, float(answer(scale)))
        expect(
            close(got, u + scale * (c - u)),
            f"with scale = {scale:g}, guide(c, u, cfg_from_scale(scale)) should be u + scale (c - u).",
        )


@cfg_from_scale.part
def scale_may_be_a_tensor(answer: Answer) -> None:
    scale = torch.tensor([1.0, 7.5])
    got = untouched(answer, scale)
    expect_tensor(got, (2,))
    expect(close(got, torch.tensor([0.0, 6.5])), "a tensor of scales should become a tensor of weights.")

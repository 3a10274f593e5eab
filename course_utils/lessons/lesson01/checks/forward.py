"""Checks of the forward process: one step, the jump, and the way back when the noise is known."""

from __future__ import annotations

import torch

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_same_again,
    expect_tensor,
    expect_values,
)
from course_utils.exercises.inputs import normal

noise_one_step = Exercise(
    "noise_one_step",
    reference=diffusion.noise_one_step,
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("x_prev"),
        laws.gradients("x_prev", "eps"),
        laws.any_size(shapes=((1, 5, 7), (4, 4, 4), (2,), ())),
    ),
)
q_sample = Exercise(
    "q_sample",
    reference=diffusion.q_sample,
    inputs=laws.Inputs(first=0),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(),
        laws.devices(),
        laws.layouts(),
        laws.gradients("x0", "eps"),
        laws.any_size(),
    ),
)
recover_x0 = Exercise(
    "recover_x0",
    reference=diffusion.recover_x0,
    inputs=laws.Inputs(first=0),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(),
        laws.layouts(),
        laws.gradients("x_t", "eps"),
        laws.any_size(),
    ),
)

_VARIANCE = "the variance should stay 1, and here it becomes"


@noise_one_step.part
def one_step_has_the_right_values(answer: Answer) -> None:
    betas = diffusion.linear_schedule(20, 0.02, 0.6)
    x, eps = normal(4, 3, 5, 5, seed=1), normal(4, 3, 5, 5, seed=2)
    got = expect_tensor(answer(x, 7, betas, eps), (4, 3, 5, 5))
    expect_same_again(answer, got, x, 7, betas, eps)
    b = betas[6]
    expect_values(
        got,
        (1 - b).sqrt() * x + b.sqrt() * eps,
        {
            "this is the next step's beta: beta_t stands at `betas[t - 1]`, because t counts from 1.": (
                (1 - betas[7]).sqrt() * x + betas[7].sqrt() * eps
            ),
            f"{_VARIANCE} {((1 - b) ** 2 + b**2).item():.2f}: are the two square roots missing?": (1 - b) * x + b * eps,
            f"{_VARIANCE} {(1 - b + b**2).item():.2f}: is the root of beta missing?": (1 - b).sqrt() * x + b * eps,
            f"{_VARIANCE} {((1 - b) ** 2 + b).item():.2f}: is the root of 1 - beta missing?": (
                (1 - b) * x + b.sqrt() * eps
            ),
            "after one small step the picture is almost all noise: the two square roots are swapped.": (
                b.sqrt() * x + (1 - b).sqrt() * eps
            ),
            f"{_VARIANCE} {(1 + b).item():.2f}: noise is added, but the picture is not shrunk to make room for it.": (
                x + b.sqrt() * eps
            ),
            f"{_VARIANCE} {((1 - b.sqrt()) ** 2 + b).item():.2f}: the root is of (1 - beta), not of beta alone.": (
                (1 - b.sqrt()) * x + b.sqrt() * eps
            ),
            "the noise is subtracted, it should be added.": (1 - b).sqrt() * x - b.sqrt() * eps,
            "all of eps is added: the noise has to be multiplied by the root of beta.": (1 - b).sqrt() * x + eps,
            "parentheses are missing: it is the root of all of (1 - beta) that the picture is multiplied by.": (
                1 - b.sqrt() * x + b.sqrt() * eps
            ),
            "the result is cut off at -1 and 1: noise goes beyond, and has to.": (
                ((1 - b).sqrt() * x + b.sqrt() * eps).clamp(-1, 1)
            ),
            "this jumps from the clean picture to step t: a single step needs beta_t, and no product.": (
                diffusion.alpha_bars(betas)[7].sqrt() * x + (1 - diffusion.alpha_bars(betas)[7]).sqrt() * eps
            ),
        },
        "the values of one step are wrong: compare each coefficient with the formula above.",
    )


@noise_one_step.part
def one_step_reaches_both_ends(answer: Answer) -> None:
    betas = torch.tensor([0.36, 0.1, 0.64], dtype=torch.float64)
    x, eps = torch.ones(1, 1, 2, 2, dtype=torch.float64), torch.zeros(1, 1, 2, 2, dtype=torch.float64)
    for t, want in ((1, 0.8), (3, 0.6)):
        try:
            got = expect_tensor(answer(x, t, betas, eps), (1, 1, 2, 2))
        except IndexError:
            expect(False, "the last step, t = T, falls off the end of `betas`: beta_t stands at `betas[t - 1]`.")
        which = "first" if t == 1 else "last"
        expect(
            close(got, want * x),
            f"at the {which} step a white pixel becomes {got.flatten()[0].item():.2f}, it should become {want:.2f}: "
            "which beta was used?",
        )


@q_sample.part
def jump_has_the_right_values(answer: Answer) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    x0, eps = normal(1, 3, 5, 6, seed=1), normal(1, 3, 5, 6, seed=2)  # one picture: its coefficient fits any axis
    got = expect_tensor(answer(x0, torch.tensor([500]), alpha_bar, eps), (1, 3, 5, 6))
    expect_same_again(answer, got, x0, torch.tensor([500]), alpha_bar, eps)
    a, before = alpha_bar[500], alpha_bar[499]
    one = a / before  # alpha of this step alone
    expect_values(
        got,
        a.sqrt() * x0 + (1 - a).sqrt() * eps,
        {
            "at t = 500 the picture keeps 92 % of the variance, it should keep 8 %: are the two roots swapped?": (
                (1 - a).sqrt() * x0 + a.sqrt() * eps
            ),
            f"at t = 500 {_VARIANCE} {(a**2 + (1 - a) ** 2).item():.2f}: are the two square roots missing?": (
                a * x0 + (1 - a) * eps
            ),
            f"at t = 500 {_VARIANCE} {(a + (1 - a) ** 2).item():.2f}: is the root of 1 - alpha_bar missing?": (
                a.sqrt() * x0 + (1 - a) * eps
            ),
            f"at t = 500 {_VARIANCE} {(a**2 + 1 - a).item():.2f}: is the root of alpha_bar missing?": (
                a * x0 + (1 - a).sqrt() * eps
            ),
            f"at t = 500 {_VARIANCE} {(a + (1 - a.sqrt()) ** 2).item():.2f}: it is the root of (1 - alpha_bar), "
            "not 1 minus the root.": a.sqrt() * x0 + (1 - a.sqrt()) * eps,
            "this is the step before: alpha_bar begins with t = 0, so alpha_bar_t stands at `alpha_bar[t]`.": (
                before.sqrt() * x0 + (1 - before).sqrt() * eps
            ),
            f"at t = 500 {_VARIANCE} {(2 - a).item():.2f}: the picture has to shrink to make room for the noise.": (
                x0 + (1 - a).sqrt() * eps
            ),
            "the noise is subtracted, it should be added.": a.sqrt() * x0 - (1 - a).sqrt() * eps,
            "all of eps is added: the noise has to be multiplied by the root of (1 - alpha_bar).": a.sqrt() * x0 + eps,
            "parentheses are missing: it is the root of all of (1 - alpha_bar) that the noise is multiplied by.": (
                a.sqrt() * x0 + 1 - a.sqrt() * eps
            ),
            "the result is cut off at -1 and 1: noise goes beyond, and has to.": (
                (a.sqrt() * x0 + (1 - a).sqrt() * eps).clamp(-1, 1)
            ),
            "this is a single step: the jump to t needs alpha_bar, the product of all steps so far.": (
                one.sqrt() * x0 + (1 - one).sqrt() * eps
            ),
        },
        "at t = 500 the values are wrong: compare each coefficient with the formula above.",
    )


@q_sample.part
def jump_gives_each_picture_its_own_step(answer: Answer) -> None:
    alpha_bar = torch.tensor([1.0, 0.81, 0.49, 0.25, 0.09], dtype=torch.float64)
    # A cube of four: a coefficient of shape (4,) would broadcast over the columns without any complaint.
    x0, eps = normal(4, 4, 4, 4, seed=3), torch.zeros(4, 4, 4, 4, dtype=torch.float64)
    t = torch.tensor([1, 2, 3, 4])
    try:
        got = expect_tensor(answer(x0, t, alpha_bar, eps), (4, 4, 4, 4))
    except RuntimeError as error:
        expect(False, f"a batch in which each picture has its own t fails: {str(error)[:150]}")
    root = alpha_bar[t].sqrt()
    expect_values(
        got,
        root.reshape(4, 1, 1, 1) * x0,
        {
            "column w of every picture got the step of picture w: alpha_bar[t] has shape (B,) and meets the last "
            "axis. Reshape it to (B, 1, 1, 1).": root * x0,
            "every picture got the step of the first one: use the whole of t.": root[0] * x0,
            "row h of every picture got the step of picture h: reshape alpha_bar[t] to (B, 1, 1, 1).": root[:, None]
            * x0,
            "each channel got its own step: reshape alpha_bar[t] to (B, 1, 1, 1).": root[:, None, None] * x0,
        },
        "each picture in the batch should get the noise level of its own t.",
    )


@q_sample.part
def jump_of_zero_steps_is_the_picture(answer: Answer) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(50))
    x0, eps = normal(3, 1, 4, 4, seed=4), normal(3, 1, 4, 4, seed=5)
    got = expect_tensor(answer(x0, torch.zeros(3, dtype=torch.int64), alpha_bar, eps), (3, 1, 4, 4))
    expect(close(got, x0), "at t = 0 the picture should come back unchanged, and here it does not.")
    got = expect_tensor(answer(x0, torch.full((3,), 50), alpha_bar, eps), (3, 1, 4, 4))
    expect(close(got, eps, 0.1), "at t = T almost nothing but noise should be left, and here it is not so.")


@recover_x0.part
def recovery_undoes_the_jump(answer: Answer) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(100))
    x0, eps = normal(1, 3, 5, 4, seed=6), normal(1, 3, 5, 4, seed=7)
    t = torch.tensor([20])
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    got = expect_tensor(answer(x_t, t, alpha_bar, eps), (1, 3, 5, 4))
    a = alpha_bar[20]
    expect_values(
        got,
        x0,
        {
            "the noise is gone but the picture is too faint: it still has to be divided by the root of alpha_bar.": (
                x_t - (1 - a).sqrt() * eps
            ),
            "this divides first and subtracts the noise afterwards: both terms have to be divided.": (
                x_t / a.sqrt() - (1 - a).sqrt() * eps
            ),
            "the noise is added once more, it should be subtracted.": (x_t + (1 - a).sqrt() * eps) / a.sqrt(),
            "the picture comes back too bright: divide by the root of alpha_bar, not by alpha_bar.": (
                (x_t - (1 - a).sqrt() * eps) / a
            ),
            "too little noise is taken away: subtract the root of (1 - alpha_bar) times eps.": (
                (x_t - (1 - a) * eps) / a.sqrt()
            ),
            "the two roots are swapped.": (x_t - a.sqrt() * eps) / (1 - a).sqrt(),
            "this multiplies by the root of alpha_bar where it should divide.": (x_t - (1 - a).sqrt() * eps) * a.sqrt(),
            "parentheses are missing: the whole difference has to be divided.": x_t - (1 - a).sqrt() * eps / a.sqrt(),
            "this undoes the step before: alpha_bar_t stands at `alpha_bar[t]`.": (
                (x_t - (1 - alpha_bar[19]).sqrt() * eps) / alpha_bar[19].sqrt()
            ),
            "both square roots are missing.": (x_t - (1 - a) * eps) / a,
            "the result is cut off at -1 and 1: these pictures go beyond, and should come back as they went in.": (
                x0.clamp(-1, 1)
            ),
            "all of eps is taken away, but only the root of (1 - alpha_bar) times eps was added.": (x_t - eps)
            / a.sqrt(),
        },
        "the picture that comes back is not the one that went in: solve the formula of q_sample for x0.",
    )


@recover_x0.part
def recovery_gives_each_picture_its_own_step(answer: Answer) -> None:
    alpha_bar = torch.tensor([1.0, 0.81, 0.49, 0.25, 0.09], dtype=torch.float64)
    x0, eps = normal(4, 4, 4, 4, seed=8), normal(4, 4, 4, 4, seed=9)
    t = torch.tensor([4, 1, 0, 3])
    got = expect_tensor(answer(diffusion.q_sample(x0, t, alpha_bar, eps), t, alpha_bar, eps), (4, 4, 4, 4))
    expect(
        close(got, x0),
        "with a different t for each picture the pictures do not come back: reshape alpha_bar[t] to (B, 1, 1, 1).",
    )


@recover_x0.part
def recovery_undoes_two_steps_at_once(answer: Answer) -> None:
    betas = torch.tensor([0.19, 0.36], dtype=torch.float64)
    alpha_bar = diffusion.alpha_bars(betas)
    x0, e1, e2 = (normal(2, 1, 4, 4, seed=seed) for seed in (10, 11, 12))
    x2 = diffusion.noise_one_step(diffusion.noise_one_step(x0, 1, betas, e1), 2, betas, e2)
    merged = ((1 - betas[1]) * betas[0]).sqrt() * e1 + betas[1].sqrt() * e2
    merged = merged / (1 - alpha_bar[2]).sqrt()
    got = expect_tensor(answer(x2, torch.tensor([2, 2]), alpha_bar, merged), (2, 1, 4, 4))
    expect(
        close(got, x0),
        "a picture that was noised twice, step by step, does not come back from its merged noise.",
    )

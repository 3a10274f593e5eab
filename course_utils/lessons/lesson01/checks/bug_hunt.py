"""Checks of the bug hunt: a schedule that ends in noise however many steps it has."""

from __future__ import annotations

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect
from course_utils.lessons.lesson01.checks.curved_schedules import expect_betas

mended_schedule = Exercise(
    "mended_schedule",
    reference=diffusion.mended_schedule,
    laws=(laws.float64(digits=None),),
    waive={"any_size": "many schedules are right, and the parts try T from 10 to 1000"},
)


@mended_schedule.part
def mended_is_a_schedule(answer: Answer) -> None:
    for T in (10, 50, 150, 1000):
        betas = expect_betas(answer(T), T)
        expect(bool((betas > 0).all()), f"with T = {T} some betas are 0: a step that adds no noise is wasted.")
        largest = betas.max().item()
        expect(
            largest <= 0.9991,
            f"with T = {T} the largest beta is {largest:.4f}, it should be at most 0.999: a beta of 1 destroys the "
            "picture for good, and recover_x0 would divide by 0.",
        )


@mended_schedule.part
def mended_ends_in_noise(answer: Answer) -> None:
    for T in (150, 50, 10):
        left = diffusion.alpha_bars(answer(T).double())[-1].item()
        if close(answer(T), diffusion.linear_schedule(T)):
            expect(
                False,
                f"this is still the old schedule: with T = {T} it ends with alpha_bar = {left:.3f}, so "
                f"{100 * left:.0f} % of the picture's variance is left in what the sampler takes for pure noise.",
            )
        expect(
            left < 2e-3,
            f"with T = {T} alpha_bar ends at {left:.3f}, it should end below 0.002: fewer steps need larger betas.",
        )


@mended_schedule.part
def mended_leaves_the_long_schedule_alone(answer: Answer) -> None:
    got = diffusion.alpha_bars(answer(1000).double())
    want = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    gap = (got.sqrt() - want.sqrt()).abs().max().item()
    expect(
        gap < 0.02,
        f"with T = 1000, where nothing was wrong, the signal's strength now differs by up to {gap:.2f}: the mended "
        "schedule should agree with the old one there.",
    )


@mended_schedule.part
def mended_has_one_shape(answer: Answer) -> None:
    want = diffusion.alpha_bars(diffusion.linear_schedule(1000))[::10].sqrt()
    got = diffusion.alpha_bars(answer(100).double()).sqrt()
    gap = (got - want).abs().max().item()
    expect(
        gap < 0.05,
        f"at the same t/T, the picture's strength with 100 steps differs from that with 1000 by up to {gap:.2f}: it "
        "ends in noise, but keeps too much or too little on the way there. Each of the 100 steps has to do the work "
        "of ten.",
    )

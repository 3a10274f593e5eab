"""Checks of the DDIM step."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion, samplers
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
from course_utils.exercises.laws.words import difference
from course_utils.lessons.lesson06.checks.inputs import long


def _t(sizes: laws.Sizes) -> int:
    return sizes.t[0] if sizes.t else sizes.T // 2


def _etas(trial: laws.Trial) -> str | None:
    """Each eta, from any t to any s, with fresh noise at hand and, where eta is 0, also without."""
    for t, s in ((20, 19), (20, 0), (11, 3), (1, 0)):
        for eta, without in ((0.0, True), (0.0, False), (0.4, False), (1.0, False)):
            given, right = trial.values(t=(t,)), trial.values(t=(t,))
            for inputs in (given, right):
                inputs.update({"s": s, "eta": eta, **({"z": None} if without else {})})
            off = difference(trial.answer(given), trial.want(right), 1e-5)
            if off is not None:
                z = ", z = None" if without else ""
                return f"with T = 20 and t = {t}, s = {s}, eta = {eta:g}{z} {off}."
    return None


ddim_step = Exercise(
    "ddim_step",
    reference=samplers.ddim_step,
    inputs=laws.Inputs(
        names=("x_t", "eps", "t", "s", "alpha_bar", "eta", "z"),
        make={"t": _t, "s": lambda sizes: _t(sizes) // 2, "eta": 0.7},
    ),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("x_t", half=True),
        laws.layouts(),
        laws.any_size(),
        laws.Law("settings", _etas),
    ),
    waive={"gradients": "nobody asks for them: a step may run under `no_grad` or not"},
)


def _step(t: int, s: int, eta: float) -> tuple[Tensor, ...]:
    """x_t, eps and z, and the pieces of the step: the guess at x0, alpha_bar at t and s, sigma."""
    x, eps, z = normal(3, 3, 4, 5, seed=1), normal(3, 3, 4, 5, seed=2), normal(3, 3, 4, 5, seed=3)
    a_t, a_s = long()[t], long()[s]
    x0 = (x - (1 - a_t).sqrt() * eps) / a_t.sqrt()
    sigma = eta * ((1 - a_s) / (1 - a_t) * (1 - a_t / a_s)).sqrt()
    return x, eps, z, x0, a_t, a_s, sigma


@ddim_step.part
def step_without_noise_has_the_right_values(answer: Answer) -> None:
    x, eps, _, x0, a_t, a_s, _ = _step(600, 300, 0.0)
    try:
        got = answer(x, eps, 600, 300, long())
    except TypeError as error:
        expect("NoneType" not in str(error), "with eta = 0 there is no z, it is None: leave its term out there.")
        raise
    got = expect_tensor(got, (3, 3, 4, 5))
    before = long()[599]
    expect_values(
        got,
        a_s.sqrt() * x0 + (1 - a_s).sqrt() * eps,
        {
            "this is the guess at x0 itself: it still has to be noised again, to step s.": x0,
            "the guess at x0 is right, but the noise of step s is missing.": a_s.sqrt() * x0,
            "the step ends where it began: noise the guess to s, with alpha_bar_s.": x,
            "the guess is noised with alpha_bar_t's noise: at step s it is the root of (1 - alpha_bar_s).": (
                a_s.sqrt() * x0 + (1 - a_t).sqrt() * eps
            ),
            "the guess keeps its full strength: at step s it is multiplied by the root of alpha_bar_s.": (
                x0 + (1 - a_s).sqrt() * eps
            ),
            "the two square roots of step s are missing.": a_s * x0 + (1 - a_s) * eps,
            "the two roots of step s are swapped.": (1 - a_s).sqrt() * x0 + a_s.sqrt() * eps,
            "the noise is subtracted where the guess is noised again.": a_s.sqrt() * x0 - (1 - a_s).sqrt() * eps,
            "t and s are swapped: x_t is cleaned with alpha_bar_t, and noised again with alpha_bar_s.": (
                a_t.sqrt() * (x - (1 - a_s).sqrt() * eps) / a_s.sqrt() + (1 - a_t).sqrt() * eps
            ),
            "x_t goes straight to step s: first take its noise away, with alpha_bar_t.": (
                a_s.sqrt() * x + (1 - a_s).sqrt() * eps
            ),
            "this goes from t to t - 1 only: use s.": before.sqrt() * x0 + (1 - before).sqrt() * eps,
            "the guess at x0 is cut off at -1 and 1: here it should stay as it is.": (
                a_s.sqrt() * x0.clamp(-1, 1) + (1 - a_s).sqrt() * eps
            ),
            "the default of eta should be 0, and here it is 1, with z = 0.": (
                a_s.sqrt() * x0 + (1 - a_s - _step(600, 300, 1.0)[-1] ** 2).sqrt() * eps
            ),
        },
        "from t = 600 to s = 300 with eta = 0 the values are wrong: guess x0, then noise it to s with the same eps.",
    )


@ddim_step.part
def step_with_noise_has_the_right_values(answer: Answer) -> None:
    x, eps, z, x0, _a_t, a_s, sigma = _step(600, 300, 0.8)
    got = expect_tensor(answer(x, eps, 600, 300, long(), 0.8, z), (3, 3, 4, 5))
    expect_same_again(answer, got, x, eps, 600, 300, long(), 0.8, z)
    straight = a_s.sqrt() * x0
    down = (1 - a_s - sigma**2).sqrt()
    full = sigma / 0.8
    louder = (1 - a_s + sigma**2).item() / (1 - a_s).item()
    tempered = (1 - a_s - full**2).sqrt()
    expect_values(
        got,
        straight + down * eps + sigma * z,
        {
            "eta makes no difference: with eta above 0 some of the noise comes from z.": (
                straight + (1 - a_s).sqrt() * eps
            ),
            f"the noise at step s is too loud, {louder:.2f} times the variance it should have: fresh noise of variance "
            "sigma^2 comes in, so as much of the old has to go.": straight + (1 - a_s).sqrt() * eps + sigma * z,
            "under the root it is sigma squared: variances are subtracted.": (
                straight + (1 - a_s - sigma).clamp(min=0).sqrt() * eps + sigma * z
            ),
            "sigma is subtracted from the root: it is the variances that are subtracted, under the root.": (
                straight + ((1 - a_s).sqrt() - sigma) * eps + sigma * z
            ),
            "the fresh noise is missing: add sigma times z.": straight + down * eps,
            "z is multiplied by sigma squared, and sigma is its standard deviation.": straight
            + down * eps
            + sigma**2 * z,
            "z is added at full strength: multiply it by sigma.": straight + down * eps + z,
            "z is multiplied by eta: multiply it by sigma, which has eta in it.": straight + down * eps + 0.8 * z,
            "eta reaches the fresh noise but not the old: the same sigma stands in both places.": (
                straight + tempered * eps + sigma * z
            ),
            "eta is not in sigma: this is the step for eta = 1.": straight + tempered * eps + full * z,
            "eps and z have changed places.": straight + down * z + sigma * eps,
        },
        "from t = 600 to s = 300 with eta = 0.8 the values are wrong: compare the two noise terms with the formula.",
        tolerance=1e-5,
    )


@ddim_step.part
def step_at_eta_one_is_ddpm(answer: Answer) -> None:
    for t in (2, 250, 1000):
        x, eps, z, x0, *_ = _step(t, t - 1, 1.0)
        steps = torch.full((3,), t)
        mean = diffusion.posterior_mean(x0, x, steps, long())
        sigma = diffusion.posterior_variance(steps, long()).sqrt().reshape(-1, 1, 1, 1)
        got = expect_tensor(answer(x, eps, t, t - 1, long(), 1.0, z), (3, 3, 4, 5))
        expect(
            close(got, mean + sigma * z, 1e-4),  # sigma may have been reckoned in float32
            f"with eta = 1 a step from t = {t} to {t - 1} should be DDPM's own step, and here it is not.",
        )


@ddim_step.part
def step_reaches_both_ends(answer: Answer) -> None:
    x, eps, z, x0, *_ = _step(50, 0, 0.0)
    for eta, noise in ((0.0, None), (1.0, z)):
        got = expect_tensor(answer(x, eps, 50, 0, long(), eta, noise), (3, 3, 4, 5))
        expect(
            close(got, x0),
            f"the step to s = 0 with eta = {eta:g} should give the guess at x0, without any noise, and here it does "
            "not.",
        )
    picture = normal(1, 1, 8, 8, seed=4)
    start = diffusion.q_sample(picture, torch.tensor([1000]), long(), normal(1, 1, 8, 8, seed=5))
    got = answer(start, normal(1, 1, 8, 8, seed=5), 1000, 0, long())
    expect(
        close(got, picture, 1e-5),
        "if the noise is known exactly, one step from t = T to 0 should give the picture, and here it does not.",
    )

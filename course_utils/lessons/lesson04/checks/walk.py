"""Checks of the whole walk from noise to pictures."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws import Asked
from course_utils.lessons.lesson04.checks.sampling import schedule

_T = 20
VARIANCES = ("beta", "beta-tilde")


def added_noise(asked: Asked, end: Tensor, alpha_bar: Tensor, variance: str = "beta", clip: bool = False) -> Tensor:
    """The z of each step, (T, B, ...), from t = T to 1, computed from what the network saw before and after it.

    At t = 1, where none is added, it is what is left over, divided by the root of beta_1.
    """
    seen = [asked.at(time) for time in asked.steps] + [end]
    found, T = [], len(alpha_bar) - 1
    for k, t in enumerate(range(T, 0, -1)):
        now = torch.full((len(end),), t)
        eps = asked.answer(seen[k], diffusion.model_time(now, T)).detach()
        x0 = diffusion.recover_x0(seen[k], now, alpha_bar, eps)
        mean = diffusion.posterior_mean(x0.clamp(-1, 1) if clip else x0, seen[k], now, alpha_bar)
        tilde = variance == "beta-tilde" and t > 1
        of = diffusion.posterior_variance(now, alpha_bar)[0] if tilde else 1 - alpha_bar[t] / alpha_bar[t - 1]
        found.append((seen[k + 1] - mean) / of.sqrt())
    return torch.stack(found)


def _walk(
    answer: Answer, shape: tuple[int, ...], T: int = _T, stretch: float = 1.0, **settings: object
) -> tuple[Asked, Tensor, Tensor, Tensor]:
    """The network after a walk, x_T, alpha_bar and the result."""
    predict, alpha_bar, x_T = Asked(), schedule(T), stretch * normal(*shape, seed=T)
    got = answer(predict, x_T, alpha_bar, torch.Generator().manual_seed(0), **settings)
    return predict, x_T, alpha_bar, expect_tensor(got, tuple(x_T.shape), x_T.dtype, like="x_T")


def _on_the_way(answer: Answer) -> Tensor:
    predict, x_T, alpha_bar, x0 = _walk(answer, (6, 3, 8, 8))
    expect_every_step(predict, x_T, len(alpha_bar) - 1)
    return added_noise(predict, x0, alpha_bar)[:-1]


def _settings_passed_on(trial: laws.Trial) -> str | None:
    """Under each pair of settings the noise, reckoned with that variance and that clipping, is standard normal."""
    for variance, clip in itertools.product(VARIANCES, (False, True)):
        predict, _, alpha_bar, x0 = _walk(trial.mine, (6, 3, 8, 8), stretch=3, variance=variance, clip=clip)
        if clip and float(x0.abs().max()) > 1 + 1e-6:
            return "with clip=True the pictures should end between -1 and 1: pass clip on to p_sample."
        if not clip and float(x0.abs().max()) <= 1 + 1e-6:
            return "with clip=False nothing should be cut off."
        hint = laws.unlike_noise(added_noise(predict, x0, alpha_bar, variance, clip)[:-1])
        if hint is not None:
            return (
                f'with variance="{variance}" and clip={clip} the steps are wrong: are both passed on to p_sample as '
                f"they came? Reckoned with them, {hint}"
            )
    return None


sample_ddpm = Exercise(
    "sample_ddpm",
    reference=samplers.sample_ddpm,
    laws=(
        laws.unchanged(),
        laws.noise(_on_the_way),
        laws.generator(),
        laws.asks(T=(7, 1)),
        laws.dtypes("x_T"),
        laws.layouts(),
        laws.any_size(T=(60,)),
        laws.Law("settings", _settings_passed_on),
    ),
    waive={"gradients": "nobody asks for them: a walk may run under `no_grad` or not"},
)


def expect_every_step(asked: Asked, x_T: Tensor, T: int) -> None:
    """Fail unless the network was asked about x_T first, and then at each t from T - 1 down to 1."""
    expect(len(asked.steps) > 0, "predict is never called: every step has to ask it for the noise.")
    times = [round(time * T / 1000) for time in asked.steps]
    if times != list(range(T, 0, -1)):
        _say_which_steps(times, T)
    first = asked.at(asked.steps[0])
    expect(close(first, x_T), "the walk does not begin with x_T: it is given, do not draw another.")


def _say_which_steps(times: list[int], T: int) -> None:
    """Fail, with a hint that says in what the visited steps differ from T, T - 1, ..., 1."""
    known = {
        f"the walk begins at t = {T - 1}: the first step is t = T, because x_T is pure noise.": range(T - 1, 0, -1),
        "the walk ends at t = 2: the last step, from t = 1 to the picture, is missing.": range(T, 1, -1),
        "the walk goes on to t = 0, where the picture is done: end with t = 1.": range(T, -1, -1),
        "the walk runs from T - 1 to 0, as lists do: t runs from T down to 1.": range(T - 1, -1, -1),
        "the walk runs forwards: start at t = T, in the noise, and go down.": range(1, T + 1),
        "the walk runs forwards, and from 0: start at t = T, in the noise, and go down to 1.": range(T),
    }
    for hint, wrong in known.items():
        expect(times != list(wrong), hint)
    first = ", ".join(str(t) for t in times[:3])
    count = len(times)
    expect(
        False, f"the walk should visit every t from {T} to 1 once; it makes {count} steps, the first at t = {first}."
    )


@sample_ddpm.part
def walk_visits_every_step(answer: Answer) -> None:
    for T in (_T, 7, 1):
        predict, x_T, *_ = _walk(answer, (2, 1, 3, 3), T)
        expect_every_step(predict, x_T, T)


@sample_ddpm.part
def walk_adds_no_noise_at_the_end(answer: Answer) -> None:
    predict, _, alpha_bar, x0 = _walk(answer, (6, 3, 8, 8))
    expect(
        not close(x0, predict.at(predict.steps[-1])),
        "the last step's result is lost: return what p_sample gives at t = 1.",
    )
    expect(
        float(added_noise(predict, x0, alpha_bar)[-1].abs().max()) < 1e-4,
        "noise is left in the pictures: at the last step, t = 1, none may be added (p_sample sees to that).",
    )


@sample_ddpm.part
def walk_finds_the_only_picture(answer: Answer) -> None:
    """A data set of one picture: the ideal network knows the noise, and the walk ends in that picture."""
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(30))
    only = normal(1, 2, 4, 4, seed=4).clamp(-1, 1).float()

    def ideal(x: Tensor, t: Tensor) -> Tensor:
        a = diffusion.per_image(alpha_bar[(t * 30 / 1000).round().long().cpu()], x)
        return (x - a.sqrt() * only) / (1 - a).sqrt()

    x_T = normal(3, 2, 4, 4, seed=5, dtype=torch.float32)
    got = expect_tensor(answer(ideal, x_T, alpha_bar, torch.Generator().manual_seed(0)), (3, 2, 4, 4), torch.float32)
    expect(
        close(got, only.expand(3, -1, -1, -1), 1e-3),
        "with a data set of one picture and its ideal network, every walk should end in that picture.",
    )

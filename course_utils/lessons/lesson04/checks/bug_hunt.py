"""The bug hunt of lesson 04: a colleague's sampler, its reference once mended, and its check."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws import Asked
from course_utils.lessons.lesson04.checks.sampling import schedule
from course_utils.lessons.lesson04.checks.walk import VARIANCES, added_noise, expect_every_step


def _mended(model: Any, x_T: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    """The colleague's sampler without its bugs: the clock of training, and no noise at the last step."""
    return samplers.sample_ddpm(samplers.as_predict(model), x_T, alpha_bar, generator, clip=True)


class _Ideal(Asked):
    """The ideal network for a data set of one picture."""

    def __init__(self, T: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.only = normal(1, *shape, seed=1).clamp(-1, 1)
        self.alpha_bar, self.T = schedule(T, last=0.3), T

    def answer(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        step = (t.double() * self.T / 1000).round().long().clamp(1, self.T)
        a = diffusion.per_image(self.alpha_bar[step], x)
        return (x - a.sqrt() * self.only.to(x)) / (1 - a).sqrt()


def _run(answer: Answer, T: int, size: int = 3, shape: tuple[int, ...] = (1, 4, 4)) -> tuple[_Ideal, Tensor, Tensor]:
    """The stand-in network after a walk, x_T, and the result."""
    model, x_T = _Ideal(T, shape), normal(size, *shape, seed=T + 2)
    got = answer(model, x_T, model.alpha_bar, torch.Generator().manual_seed(0))
    return model, x_T, expect_tensor(got, tuple(x_T.shape), x_T.dtype, like="x_T")


def _on_the_way(answer: Answer) -> Tensor:
    """The noise of each step but the last, divided by the root of that variance, of the two, which fits it better."""
    model, x_T, result = _run(answer, 20, 8, (3, 8, 8))
    expect_every_step(model, x_T, 20)
    found = [added_noise(model, result, model.alpha_bar, variance)[:-1] for variance in VARIANCES]
    return min(found, key=lambda z: abs(float(z.var()) - 1))


mended_sampler = Exercise(
    "mended_sampler",
    reference=_mended,
    laws=(
        laws.unchanged(),
        laws.noise(_on_the_way),
        laws.distribution(),
        laws.generator(),
        laws.gradients(none=True),
        laws.asks(T=(7, 1)),
        laws.dtypes("x_T"),
        laws.layouts(),
        laws.any_size(T=(60,)),
    ),
)


def _noise_of_the_last_step(model: _Ideal, result: Tensor) -> float:
    """By how many of the last step's standard deviations the result is off, root mean square."""
    beta = 1 - model.alpha_bar[1].item()
    return float(((result - model.only) / beta**0.5).square().mean().sqrt())


@mended_sampler.part
def network_hears_the_clock_of_training(answer: Answer) -> None:
    T = 50
    model, _, result = _run(answer, T)
    expect(len(model.steps) > 0, "the network is never called.")
    expect(
        len(model.steps) == T,
        f"the network is called at {len(model.steps)} times for {T} steps, it should be called once a step.",
    )
    if close(torch.tensor(model.steps[0]), torch.tensor(float(T))) and _noise_of_the_last_step(model, result) > 0.5:
        expect(
            False,
            f"this is still the colleague's version: with T = {T} it tells the network t = {T} at pure noise. What did "
            "ddpm_loss tell it there? (And that is not the only bug.)",
        )
    for told, t in zip(model.steps, range(T, 0, -1), strict=True):
        wrong = laws.wrong_time(told, 1000 * t / T, T)
        expect(wrong is None, f"{wrong}.")


@mended_sampler.part
def nothing_is_left_on_the_picture(answer: Answer) -> None:
    T = 20
    model, _, result = _run(answer, T)
    right_clock = len(model.steps) > 0 and laws.wrong_time(model.steps[-1], 1000 / T, T) is None
    expect(
        not (right_clock and _noise_of_the_last_step(model, result) > 0.5),
        "the clock is right now, but a fine grain is left on the pictures: what does the last step, t = 1, add, and "
        "which step takes it away?",
    )
    expect(
        close(result, model.only.expand_as(result), 1e-5),
        "with a data set of one picture and its ideal network, every walk should end in that very picture.",
    )


@mended_sampler.part
def noise_is_added_at_the_step_before_the_last(answer: Answer) -> None:
    z = _on_the_way(answer)
    expect(
        float(z[-1].abs().max()) > 1e-3 or float(z.abs().max()) < 1e-3,
        "no noise is added at t = 2 either: only the very last step, t = 1, goes without.",
    )


@mended_sampler.part
def the_long_walk_still_works(answer: Answer) -> None:
    model, x_T, result = _run(answer, 1000, size=1)
    expect_every_step(model, x_T, 1000)
    expect(
        close(result, model.only.expand_as(result), 1e-4),
        "with 1000 steps, where the colleague's clock was right by chance, the walk now goes astray.",
    )

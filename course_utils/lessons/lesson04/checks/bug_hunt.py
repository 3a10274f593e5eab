"""The bug hunt of lesson 04: a colleague's sampler, its reference once mended, and its check."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, untouched
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson04.checks.sampling import expect_every_step, expect_time, schedule


def _mended(model: Any, x_T: Tensor, alpha_bar: Tensor, generator: torch.Generator) -> Tensor:
    """The colleague's sampler without its bugs: the clock of training, and no noise at the last step."""
    return samplers.sample_ddpm(samplers.as_predict(model), x_T, alpha_bar, generator, clip=True)


mended_sampler = Exercise("mended_sampler", reference=_mended)


class _Ideal(torch.nn.Module):
    """The ideal network for a data set of one picture, and a memory of how it was called."""

    def __init__(self, T: int) -> None:
        super().__init__()
        self.only = normal(1, 1, 4, 4, seed=1).clamp(-1, 1)
        self.alpha_bar, self.T = schedule(T, last=0.3), T
        self.calls: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        self.calls.append((x.detach().clone(), t))
        step = (torch.as_tensor(t).double() * self.T / 1000).round().long().clamp(1, self.T)
        a = diffusion.per_image(self.alpha_bar[step], x)
        return (x - a.sqrt() * self.only.to(x)) / (1 - a).sqrt()

    def __deepcopy__(self, memo: object) -> _Ideal:
        return self


def _run(answer: Answer, T: int, size: int = 3) -> tuple[_Ideal, Tensor, Tensor]:
    """The stand-in network after a walk, x_T, and the result."""
    model, x_T = _Ideal(T), normal(size, 1, 4, 4, seed=T + 2)
    got = untouched(answer, model, x_T, model.alpha_bar, torch.Generator().manual_seed(0))
    return model, x_T, expect_tensor(got, tuple(x_T.shape), x_T.dtype, like="x_T")


def _noise_of_the_last_step(T: int, model: _Ideal, result: Tensor) -> float:
    """By how many of the last step's standard deviations the result is off, root mean square."""
    beta = 1 - model.alpha_bar[1].item()
    return float(((result - model.only) / beta**0.5).square().mean().sqrt())


@mended_sampler.part
def network_hears_the_clock_of_training(answer: Answer) -> None:
    T = 50
    model, _, result = _run(answer, T)
    expect(len(model.calls) > 0, "the network is never called.")
    expect(
        len(model.calls) == T,
        f"the network is called {len(model.calls)} times for {T} steps, it should be called once a step.",
    )
    told = model.calls[0][1]
    raw = isinstance(told, Tensor) and close(told.double().flatten()[:1], torch.tensor([float(T)]))
    if raw and _noise_of_the_last_step(T, model, result) > 0.5:
        expect(
            False,
            f"this is still the colleague's version: with T = {T} it tells the network t = {T} at pure noise. What did "
            "ddpm_loss tell it there? (And that is not the only bug.)",
        )
    for k, t in enumerate(range(T, 0, -1)):
        expect_time(model.calls[k][1], t, T, 3)


@mended_sampler.part
def nothing_is_left_on_the_picture(answer: Answer) -> None:
    T = 20
    model, _, result = _run(answer, T)
    told = model.calls[-1][1]
    right_clock = isinstance(told, Tensor) and close(told.double().flatten()[:1], torch.tensor([1000.0 / T]))
    off = _noise_of_the_last_step(T, model, result)
    expect(
        not (right_clock and off > 0.5),
        "the clock is right now, but a fine grain is left on the pictures: what does the last step, t = 1, add, and "
        "which step takes it away?",
    )
    expect(
        close(result, model.only.expand_as(result), 1e-5),
        "with a data set of one picture and its ideal network, every walk should end in that very picture.",
    )


@mended_sampler.part
def noise_is_added_on_the_way(answer: Answer) -> None:
    T = 20
    model, x_T, _ = _run(answer, T)
    expect_every_step(model, x_T, T)  # type: ignore[arg-type]
    seen = [x for x, _ in model.calls]
    step = torch.full((3,), 5)
    mean = diffusion.posterior_mean(model.only.expand(3, -1, -1, -1), seen[T - 5], step, model.alpha_bar)
    expect(
        not close(seen[T - 4], mean),
        "no noise is added on the way any more: only the last step, t = 1, goes without.",
    )
    step = torch.full((3,), 2)
    mean = diffusion.posterior_mean(model.only.expand(3, -1, -1, -1), seen[T - 2], step, model.alpha_bar)
    expect(
        not close(seen[T - 1], mean),
        "no noise is added at t = 2 either: only the very last step, t = 1, goes without.",
    )


@mended_sampler.part
def the_long_walk_still_works(answer: Answer) -> None:
    model, x_T, result = _run(answer, 1000, size=1)
    expect_every_step(model, x_T, 1000)  # type: ignore[arg-type]
    expect(
        close(result, model.only.expand_as(result), 1e-4),
        "with 1000 steps, where the colleague's clock was right by chance, the walk now goes astray.",
    )

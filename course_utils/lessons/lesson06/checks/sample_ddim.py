"""Checks of the loop around the DDIM step."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from course_utils import samplers
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, untouched
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson06.checks.inputs import ALPHA_BAR, SHORT, Asked, bent, expect_times, one_picture

sample_ddim = Exercise("sample_ddim", reference=samplers.sample_ddim)

_WHAT = "your sampler"


@sample_ddim.part
def sampler_asks_at_the_right_times(answer: Answer) -> None:
    model = bent(SHORT)
    x = normal(2, 1, 4, 4, seed=1)
    expect_tensor(untouched(answer, model, x, SHORT, 5), (2, 1, 4, 4))
    expect(
        model.times != [1000.0],
        "the network is asked only once: each step needs a new prediction, for the picture as it is then.",
    )
    if model.times and abs(model.times[0] - 800) < 6:
        expect(False, "the network is asked about the step that is reached: it wants the step where the picture is, t.")
    if len(model.times) > 1 and model.times[0] < model.times[-1]:
        expect(False, "the times of the questions rise: a sampler walks from T down to 0.")
    expect_times(model, [1000, 800, 600, 400, 200], _WHAT)
    expect(close(model.pictures[0], x), "the first question should be about x_T itself.")


@sample_ddim.part
def sampler_has_the_right_result(answer: Answer) -> None:
    x = normal(2, 1, 4, 4, seed=2)
    for steps in (1, 4):
        got = expect_tensor(answer(bent(SHORT), x, SHORT, steps), (2, 1, 4, 4))
        want, path = _walk(bent(SHORT), x, SHORT, steps)
        expect(
            steps == 1 or not close(got, path[-2]),
            "the last step is missing: the walk ends at 0, and your pictures still carry the noise of "
            f"t = {100 // steps}.",
        )
        frozen, _ = _walk(_frozen(x, SHORT), x, SHORT, steps)
        expect(
            steps == 1 or not close(got, frozen),
            "every step asks about x_T: hand the network the picture as it is now.",
        )
        expect(close(got, want, 1e-5), f"with {steps} step{'s' if steps > 1 else ''} and eta = 0 the result is wrong.")


def _walk(model: Asked, x: Tensor, alpha_bar: Tensor, steps: int) -> tuple[Tensor, list[Tensor]]:
    """The right walk without noise, and every picture on the way."""
    T = len(alpha_bar) - 1
    times = [T - T * k // steps for k in range(steps + 1)]  # only for numbers of steps that divide T
    path = [x]
    for t, s in itertools.pairwise(times):
        eps = model(path[-1], torch.full((len(x),), 1000 * t / T))
        path.append(samplers.ddim_step(path[-1], eps, t, s, alpha_bar))
    return path[-1], path


def _frozen(x: Tensor, alpha_bar: Tensor) -> Asked:
    model = bent(alpha_bar)
    return Asked(lambda _, t: model(x, t))


@sample_ddim.part
def sampler_finds_the_only_picture(answer: Answer) -> None:
    picture = normal(3, 8, 8, seed=3).clamp(-1, 1)
    for eta in (0.0, 1.0):
        model = one_picture(picture, ALPHA_BAR)
        got = answer(model, normal(2, 3, 8, 8, seed=4), ALPHA_BAR, 10, eta=eta, generator=_seeded(0))
        got = expect_tensor(got, (2, 3, 8, 8))
        worst = (got - picture).abs().max().item()
        expect(
            worst < 1e-4,
            f"with the exact model of a data set of one picture and eta = {eta:g} that picture should come out, and "
            f"here a pixel is off by {worst:.3f}.",
        )


@sample_ddim.part
def sampler_draws_fresh_noise(answer: Answer) -> None:
    picture = torch.zeros(3, 24, 24, dtype=torch.float64)
    x = normal(8, 3, 24, 24, seed=5)  # 13,824 numbers: a standard deviation is known to 1 %
    model = one_picture(picture, ALPHA_BAR)
    answer(model, x, ALPHA_BAR, 20, eta=1.0, generator=_seeded(1))
    expect(len(model.pictures) == 20, f"with 20 steps the network was asked {len(model.pictures)} times.")
    # With black pictures x_t is nothing but noise, of variance 1 - alpha_bar_t.
    times = [round(t) for t in model.times]
    stds = [(p.std() / (1 - ALPHA_BAR[t]).sqrt()).item() for p, t in zip(model.pictures, times, strict=True)]
    worst = max(stds)
    expect(
        worst < 1.1,
        f"with eta = 1 the noise in x_t grows to {worst:.1f} times its proper strength: the same z in every step adds "
        "up. Draw a new one in each.",
    )
    expect(min(stds) > 0.9, f"with eta = 1 the noise in x_t shrinks to {min(stds):.2f} of its proper strength.")
    one, two = (_residue(model, i) for i in (10, 19))
    share = torch.corrcoef(torch.stack([one, two]))[0, 1].item()
    expect(share < 0.9, "with eta = 1 the noise in x_t stays the same to the end: does eta reach `ddim_step`?")


def _residue(model: Asked, call: int) -> Tensor:
    return model.pictures[call].flatten()


@sample_ddim.part
def sampler_owns_its_randomness(answer: Answer) -> None:
    x = normal(2, 1, 6, 6, seed=6)

    def draw(seed: int) -> Tensor:
        return expect_tensor(answer(bent(SHORT), x, SHORT, 10, eta=1.0, generator=_seeded(seed)), (2, 1, 6, 6))

    first, again, other = draw(1), draw(1), draw(2)
    expect(
        close(first, again),
        "with the same seed of `generator` the pictures differ: draw z with `torch.randn(..., generator=generator)`.",
    )
    expect(not close(first, other), "with eta = 1 another seed changes nothing: draw z from `generator`.")
    no_noise = answer(bent(SHORT), x, SHORT, 10)
    expect(close(no_noise, answer(bent(SHORT), x, SHORT, 10)), "with eta = 0 nothing is random, and here something is.")


@sample_ddim.part
def sampler_keeps_the_dtype(answer: Answer) -> None:
    x = normal(2, 1, 4, 4, dtype=torch.float32)
    expect_tensor(
        answer(bent(SHORT), x, SHORT, 5, eta=0.5, generator=_seeded(3)), (2, 1, 4, 4), torch.float32, like="x_T"
    )


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)

"""Checks of the loop around the DDIM step."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from course_utils import samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws import Asked
from course_utils.exercises.laws.words import difference
from course_utils.lessons.lesson06.checks.inputs import (
    STEPS,
    Bent,
    OnePicture,
    expect_times,
    first_seen,
    long,
    short,
    unlike_fresh_noise,
)


def _walking(answer: Answer) -> Answer:
    """The answer as laws call it, with eta = 1 unless they say otherwise."""

    def walk(
        predict: Asked, x_T: Tensor, alpha_bar: Tensor, steps: int, generator: torch.Generator | None, eta: float = 1.0
    ) -> Tensor:
        result: Tensor = answer(predict, x_T, alpha_bar, steps, eta=eta, generator=generator)
        return result

    return walk


def _unlike_noise(walk: Answer, eta: float) -> str | None:
    model, x_T = Bent(short()), normal(6, 3, 8, 8, seed=5)
    end = expect_tensor(walk(model, x_T, short(), STEPS, _seeded(1), eta=eta), tuple(x_T.shape))
    expect(len(model.steps) == STEPS, f"with {STEPS} steps the network is asked at {len(model.steps)} times.")
    hint = unlike_fresh_noise(model, end, short(), eta)
    return None if hint is None else f"with eta = {eta:g} {hint}"


def _etas(trial: laws.Trial) -> str | None:
    """With eta = 0 the walk is DDIM's, at any T and with or without a generator; in between fresh noise is less."""
    for T in (20, 60):
        for with_one, said in ((True, "a generator"), (False, "no generator")):
            given, right = trial.values(T=T), trial.values(T=T)
            if not with_one:
                given["generator"] = None
            off = difference(trial.answer(given, eta=0.0), trial.want(right, eta=0.0), 1e-5)
            if off is not None:
                return f"with eta = 0, {said} and T = {T} {off}."
    return _unlike_noise(trial.mine, 0.4)


sample_ddim = Exercise(
    "sample_ddim",
    reference=samplers.sample_ddim,
    inputs=laws.Inputs(names=("predict", "x_T", "alpha_bar", "steps", "generator"), via=_walking),
    laws=(
        laws.unchanged(),
        laws.Law("noise", lambda trial: _unlike_noise(trial.mine, 1.0)),
        laws.generator(),
        laws.Law("settings", _etas),
        laws.asks(T=(20, 7)),
        laws.dtypes("x_T", half=True),
        laws.layouts(),
        laws.any_size(T=(60, 510)),
    ),
    waive={"gradients": "nobody asks for them: a walk may run under `no_grad` or not"},
)

_WHAT = "your sampler"


@sample_ddim.part
def sampler_asks_at_the_right_times(answer: Answer) -> None:
    model = Bent(short())
    x = normal(2, 1, 4, 4, seed=1)
    expect_tensor(answer(model, x, short(), 5), (2, 1, 4, 4))
    expect(
        model.steps != [1000.0],
        "the network is asked only once: each step needs a new prediction, for the picture as it is then.",
    )
    if model.steps and abs(model.steps[0] - 800) < 6:
        expect(False, "the network is asked about the step that is reached: it wants the step where the picture is, t.")
    if len(model.steps) > 1 and model.steps[0] < model.steps[-1]:
        expect(False, "the times of the questions rise: a sampler walks from T down to 0.")
    expect_times(model, [1000, 800, 600, 400, 200], _WHAT)
    expect(close(first_seen(model, len(x)), x), "the first question should be about x_T itself.")


@sample_ddim.part
def sampler_has_the_right_result(answer: Answer) -> None:
    x = normal(2, 1, 4, 4, seed=2)
    for steps in (1, 4):
        got = expect_tensor(answer(Bent(short()), x, short(), steps), (2, 1, 4, 4))
        want, path = _walk(Bent(short()), x, short(), steps)
        expect(
            steps == 1 or not close(got, path[-2]),
            "the last step is missing: the walk ends at 0, and your pictures still carry the noise of "
            f"t = {100 // steps}.",
        )
        frozen, _ = _walk(_Frozen(x, short()), x, short(), steps)
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


class _Frozen(Bent):
    """It says the same of every picture: what it would say of this one."""

    def __init__(self, x: Tensor, alpha_bar: Tensor) -> None:
        super().__init__(alpha_bar)
        self.x = x

    def answer(self, x: Tensor, t: Tensor, cond: object = None) -> Tensor:
        return super().answer(self.x, t)


@sample_ddim.part
def sampler_finds_the_only_picture(answer: Answer) -> None:
    picture = normal(3, 8, 8, seed=3).clamp(-1, 1)
    for eta in (0.0, 1.0):
        model = OnePicture(picture, long())
        got = answer(model, normal(2, 3, 8, 8, seed=4), long(), 10, eta=eta, generator=_seeded(0))
        got = expect_tensor(got, (2, 3, 8, 8))
        worst = (got - picture).abs().max().item()
        expect(
            worst < 1e-4,
            f"with the exact model of a data set of one picture and eta = {eta:g} that picture should come out, and "
            f"here a pixel is off by {worst:.3f}.",
        )


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)

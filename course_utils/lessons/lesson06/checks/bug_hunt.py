"""The bug hunt: a stochastic sampler with one noise for all steps, and a walk that stops before the end."""

from __future__ import annotations

import itertools

import torch
from torch import Generator, Tensor

from course_utils import diffusion, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson06.checks.inputs import STEPS, Bent, OnePicture, long, short, unlike_fresh_noise


def _mended_fast_sampler(
    predict: samplers.Predict, x_T: Tensor, alpha_bar: Tensor, steps: int, generator: Generator
) -> Tensor:
    """Stochastic sampling (eta = 1) that draws a new z in every step and walks all the way to t = 0."""
    T = len(alpha_bar) - 1
    times = samplers.respace(T, steps).tolist()
    x = x_T
    for t, s in itertools.pairwise(times):
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
        eps = predict(x, diffusion.model_time(torch.full((len(x),), t, device=x.device), T))
        x = samplers.ddim_step(x, eps, t, s, alpha_bar, eta=1.0, z=z)
    return x


def _unlike_noise(trial: laws.Trial) -> str | None:
    model, x_T = Bent(short()), normal(6, 3, 8, 8, seed=11)
    end = expect_tensor(trial.mine(model, x_T, short(), STEPS, _seeded(12)), tuple(x_T.shape))
    expect(len(model.steps) == STEPS, f"with {STEPS} steps the network is asked at {len(model.steps)} times.")
    return unlike_fresh_noise(model, end, short(), 1.0)


def _steps(sizes: laws.Sizes) -> int:
    """Few, but for a long schedule many: with few the exact network of three pictures does not find each often."""
    return STEPS if sizes.T >= STEPS else sizes.steps


mended_fast_sampler = Exercise(
    "mended_fast_sampler",
    reference=_mended_fast_sampler,
    inputs=laws.Inputs(make={"steps": _steps}),
    laws=(
        laws.unchanged(),
        laws.Law("noise", _unlike_noise),
        laws.asks(T=(20, 7)),
        laws.distribution(),
        laws.generator(),
        laws.dtypes("x_T", half=True),
        laws.layouts(),
        laws.any_size(T=(60,)),
    ),
    waive={"gradients": "the docstring asks for none: a walk may run under `no_grad` or not"},
)

_STEPS = 20


def _noise_on_the_way(answer: Answer) -> tuple[list[float], list[Tensor]]:
    """With black pictures x_t is nothing but noise: its size at each question, as it should be 1, and x_t itself."""
    picture = torch.zeros(3, 24, 24, dtype=torch.float64)
    model = OnePicture(picture, long())
    x = normal(8, 3, 24, 24, seed=1)  # 13,824 numbers: a standard deviation is known to 1 %
    expect_tensor(answer(model, x, long(), _STEPS, _seeded(2)), (8, 3, 24, 24))
    expect(
        len(model.steps) == _STEPS or len(model.steps) == _STEPS - 1,
        f"with {_STEPS} steps the network is asked at {len(model.steps)} times: once a step is right.",
    )
    pictures = [model.at(time) for time in model.steps]
    levels = [1 - long()[round(time)] for time in model.steps]
    return [(p.std() / a.sqrt()).item() for p, a in zip(pictures, levels, strict=True)], pictures


def _left_over(answer: Answer) -> float:
    """How far the result is from the only picture there is, root mean square."""
    picture = normal(3, 12, 12, seed=3).clamp(-1, 1)
    got = answer(OnePicture(picture, long()), normal(4, 3, 12, 12, seed=4), long(), 10, _seeded(5))
    return float((expect_tensor(got, (4, 3, 12, 12)) - picture).square().mean().sqrt())


@mended_fast_sampler.part
def noise_is_fresh_in_every_step(answer: Answer) -> None:
    sizes, pictures = _noise_on_the_way(answer)
    loudest = max(sizes)
    if loudest > 1.1:
        stops = _left_over(answer) > 1e-3
        expect(
            False,
            f"the noise in x_t still grows to {loudest:.1f} times its proper strength: the noises of the steps add up, "
            "because they are all the same."
            + (
                " (And there is a second fault: some noise is left at the end.)"
                if stops
                else " The last step is mended."
            ),
        )
    expect(
        min(sizes) > 0.9,
        f"the noise in x_t now shrinks to {min(sizes):.2f} of its proper strength: eta should stay 1, and z should be "
        "standard normal.",
    )
    early, late = (pictures[k].flatten() for k in (5, len(pictures) - 1))
    expect(
        torch.corrcoef(torch.stack([early, late]))[0, 1] < 0.9,
        "no fresh noise comes in any more: the sampler should stay stochastic, with eta = 1.",
    )


@mended_fast_sampler.part
def walk_goes_to_the_end(answer: Answer) -> None:
    left = _left_over(answer)
    last = (1 - long()[100]).sqrt().item()
    expect(
        not 0.8 * last < left < 1.3 * last,
        f"with ten steps noise of strength {left:.2f} is left at the end, which is that of t = 100: the last step, "
        "from 100 to 0, is not done.",
    )
    expect(
        left < 1e-4,
        f"with the exact model of a single picture that picture should come out, and here it is off by {left:.3f}: "
        "compare the alpha_bar of the last step with that of t = 0.",
    )


@mended_fast_sampler.part
def walk_is_good_for_every_number_of_steps(answer: Answer) -> None:
    picture = normal(1, 6, 6, seed=6).clamp(-1, 1)
    for steps in (1, 2, 7):
        model = OnePicture(picture, long())
        got = answer(model, normal(2, 1, 6, 6, seed=7), long(), steps, _seeded(8))
        got = expect_tensor(got, (2, 1, 6, 6))
        expect(close(got, picture.expand(2, -1, -1, -1), 1e-4), f"with {steps} steps the picture does not come out.")
        expect(
            len(model.steps) == steps,
            f"with {steps} steps the network is asked at {len(model.steps)} times: once a step is right.",
        )


def _seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)

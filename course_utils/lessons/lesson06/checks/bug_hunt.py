"""The bug hunt: a stochastic sampler with one noise for all steps, and a walk that stops before the end."""

from __future__ import annotations

import itertools

import torch
from torch import Generator, Tensor

from course_utils import diffusion, samplers
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, untouched
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson06.checks.inputs import ALPHA_BAR, Asked, one_picture


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


mended_fast_sampler = Exercise("mended_fast_sampler", reference=_mended_fast_sampler)

_STEPS = 20


def _noise_on_the_way(answer: Answer) -> tuple[list[float], list[Tensor]]:
    """With black pictures x_t is nothing but noise: its size at each question, as it should be 1, and x_t itself."""
    picture = torch.zeros(3, 24, 24, dtype=torch.float64)
    model: Asked = one_picture(picture, ALPHA_BAR)
    x = normal(8, 3, 24, 24, seed=1)  # 13,824 numbers: a standard deviation is known to 1 %
    expect_tensor(untouched(answer, model, x, ALPHA_BAR, _STEPS, _seeded(2)), (8, 3, 24, 24))
    expect(
        len(model.times) == _STEPS or len(model.times) == _STEPS - 1,
        f"with {_STEPS} steps the network is asked {len(model.times)} times: once a step is right.",
    )
    levels = [1 - ALPHA_BAR[round(t)] for t in model.times]
    return [(p.std() / a.sqrt()).item() for p, a in zip(model.pictures, levels, strict=True)], model.pictures


def _left_over(answer: Answer) -> float:
    """How far the result is from the only picture there is, root mean square."""
    picture = normal(3, 12, 12, seed=3).clamp(-1, 1)
    got = answer(one_picture(picture, ALPHA_BAR), normal(4, 3, 12, 12, seed=4), ALPHA_BAR, 10, _seeded(5))
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
    last = (1 - ALPHA_BAR[100]).sqrt().item()
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
        model = one_picture(picture, ALPHA_BAR)
        got = answer(model, normal(2, 1, 6, 6, seed=7), ALPHA_BAR, steps, _seeded(8))
        got = expect_tensor(got, (2, 1, 6, 6))
        expect(close(got, picture.expand(2, -1, -1, -1), 1e-4), f"with {steps} steps the picture does not come out.")
        expect(
            len(model.times) == steps,
            f"with {steps} steps the network is asked {len(model.times)} times: once a step is right.",
        )


@mended_fast_sampler.part
def seed_decides(answer: Answer) -> None:
    x = normal(2, 1, 6, 6, seed=9)
    garden = normal(6, 1, 6, 6, seed=10)

    def draw(seed: int) -> Tensor:
        # Asked about the way and not about its end: with a finite data set the same picture may come out twice.
        model = Asked(samplers.ideal_predict(garden, ALPHA_BAR))
        answer(model, x, ALPHA_BAR, 6, _seeded(seed))
        return torch.stack(model.pictures)

    first, again, other = draw(1), draw(1), draw(2)
    expect(close(first, again), "with the same seed the pictures differ: draw z from `generator`.")
    expect(not close(first, other), "another seed of `generator` changes nothing: draw z from it.")


def _seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)

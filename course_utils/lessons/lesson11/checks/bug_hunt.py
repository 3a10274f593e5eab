"""The bug hunt of lesson 11: a colleague's steered sampler, its reference once mended, and its check."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import diffusion, guidance, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson11.checks.inputs import CLASSES, SHAPE, Bent, Steady, short
from course_utils.samplers.predict import times_for


def _mended(
    predict: Any, classifier: Any, x_T: Tensor, y: Tensor, alpha_bar: Tensor, steps: int, scale: float, generator: Any
) -> Tensor:
    """Algorithm 1 of Dhariwal & Nichol 2021: the gradient of a sum, times the variance of the step."""
    return guidance.sample_guided_ddpm(predict, classifier, x_T, y, alpha_bar, steps, generator, scale)


def _unlike_noise(trial: laws.Trial) -> str | None:
    """The noise of a walk that takes every step, so that one of them ends at t = 1."""
    T, shape, scale = 20, (3, 8, 8), 1.5
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(T))
    model, w, x_T = laws.Asked(), normal(*shape, seed=6), normal(6, *shape, seed=7)
    end = trial.mine(model, Steady(w), x_T, torch.ones(6, dtype=torch.int64), alpha_bar, T, scale, _seeded(8))
    expect_tensor(end, tuple(x_T.shape))
    expect(len(model.steps) == T, f"with {T} steps `predict` is asked at {len(model.steps)} times.")
    seen, found = [model.at(time) for time in model.steps], []
    for t, now, then in zip(range(T, 1, -1), seen, seen[1:], strict=False):
        eps = model.answer(now, times_for(now, t, alpha_bar)).detach()
        mean, variance = guidance.step_back(now, eps, t, t - 1, alpha_bar)
        found.append((then - mean - scale * variance * w) / variance.sqrt())
    return laws.unlike_noise(torch.stack(found))


def _indifferent(x: Tensor, t: Tensor) -> Tensor:
    """A classifier that gives all classes the same, whatever x is: steering by it changes nothing."""
    return x.flatten(1).sum(dim=1, keepdim=True) * torch.zeros(CLASSES).to(x)


mended_steered_sampler = Exercise(
    "mended_steered_sampler",
    reference=_mended,
    inputs=laws.Inputs(
        make={
            "classifier": lambda sizes: _indifferent,
            "scale": 1.5,
            "steps": lambda sizes: sizes.T if sizes.T >= 50 else sizes.steps,  # few do not find each picture often
        }
    ),
    laws=(
        laws.unchanged(),
        laws.Law("noise", _unlike_noise),
        laws.asks(T=(20, 7)),
        laws.distribution(),
        laws.generator(),
        laws.dtypes("x_T", half=True),
        laws.layouts(),
        laws.any_size(T=(60,), shapes=((1, 5, 7), (4, 4, 4), (2,))),
    ),
    waive={"gradients": "a part of its own sees that the classifier's history is gone"},
)

_W = normal(*SHAPE, seed=1)


def _half(x: Tensor, t: Tensor) -> Tensor:
    """A made-up network that is linear, so that pushes add up whatever the noise is."""
    return 0.5 * x


def _pushed(answer: Answer, size: int, steps: int, scale: float) -> tuple[Tensor, Steady]:
    """By how much steering moves the result: with the scale and without it, from the same noise and seed."""
    x_T, y, steady = normal(size, *SHAPE, seed=2), torch.ones(size, dtype=torch.int64), Steady(_W)
    ends = []
    for s in (scale, 0.0):
        got = answer(_half, steady, x_T, y, short(), steps, s, _seeded(3))
        ends.append(expect_tensor(got, tuple(x_T.shape)))
    return ends[0] - ends[1], steady


def _push(steps: int, scale: float, factor: str = "variance") -> Tensor:
    """What `_pushed` should be: each push w, times a factor, and what the later steps make of it."""
    total, T = torch.zeros(SHAPE, dtype=torch.float64), len(short()) - 1
    for t, s in pairwise(samplers.respace(T, steps).tolist()):
        mean, variance = guidance.step_back(total, 0.5 * total, t, s, short())
        times = {"variance": variance, "nothing": torch.ones(()), "std": variance.sqrt()}[factor]
        total = mean + scale * times * _W
    return total


@mended_steered_sampler.part
def push_does_not_depend_on_the_batch(answer: Answer) -> None:
    large, _ = _pushed(answer, 8, 10, 1.5)
    small, _ = _pushed(answer, 2, 10, 1.5)
    sizes = [float(p[0].norm()) for p in (large, small)]
    expect(
        sizes[0] > 1e-9,
        "the scale makes no difference to the result: is the mean shifted in each step?",
    )
    right = float(_push(10, 1.5).norm())
    also = "" if any(abs(size - right) < 1e-6 for size in sizes) else " (And there is a second fault.)"
    expect(
        abs(sizes[1] / sizes[0] - 4) > 0.01,
        "a picture is pushed four times as far in a batch of 2 as in a batch of 8: the loss is a mean over the batch."
        + also,
    )
    expect(
        close(large[:2], small, 1e-6),
        f"a picture is pushed by {sizes[0]:.3f} in a batch of 8 and by {sizes[1]:.3f} in a batch of 2: it should not "
        "matter who else is there.",
    )


@mended_steered_sampler.part
def push_has_the_right_size(answer: Answer) -> None:
    for steps in (20, 5):
        got = _pushed(answer, 2, steps, 1.5)[0][0]
        want = _push(steps, 1.5)
        expect(
            not close(got, -want),
            "the pictures are pushed away from their class: a gradient of the loss points downhill for log p.",
        )
        for factor, hint in (
            (
                "nothing",
                "the more steps are taken the farther a picture is pushed: the variance of the step is missing.",
            ),
            ("std", "the push is multiplied by the standard deviation of the step: it should be its variance."),
        ):
            for size, also in ((1, ""), (0.5, " (And the other fault is still there.)")):
                expect(not close(got, size * _push(steps, 1.5, factor)), hint + also)
        expect(
            not close(got, 0.5 * want),
            "in a batch of 2 the push is half of what it should be: the loss is a mean over the batch.",
        )
        expect(
            close(got, want, 1e-6),
            f"with {steps} steps a picture is pushed by {float(got.norm()):.3f}, it should be "
            f"{float(want.norm()):.3f}: scale times variance times the gradient of log p(y | x), in each step.",
        )


@mended_steered_sampler.part
def sampler_asks_at_the_right_times(answer: Answer) -> None:
    _, steady = _pushed(answer, 2, 5, 1.0)
    want = [1000.0, 800.0, 600.0, 400.0, 200.0]
    told = steady.times
    expect(len(told) == 5, f"with 5 steps the classifier is asked at {len(told)} times: once a step is right.")
    expect(
        all(abs(a - b) < 6 for a, b in zip(told, want, strict=True)),
        "the classifier was told t = " + ", ".join(f"{t:g}" for t in told) + "; it should be 1000, 800, 600, 400, 200.",
    )


@mended_steered_sampler.part
def no_history_is_left(answer: Answer) -> None:
    x_T, y = normal(6, *SHAPE, seed=4), torch.tensor([0, 1, 2, 0, 1, 2])
    got = expect_tensor(answer(_half, Bent(), x_T, y, short(), 10, 2.0, _seeded(1)), tuple(x_T.shape))
    expect(not got.requires_grad, "the result carries a history of all steps: detach x before each gradient.")


@mended_steered_sampler.part
def last_step_adds_no_noise(answer: Answer) -> None:
    x_T, y = normal(6, *SHAPE, seed=5), torch.ones(6, dtype=torch.int64)

    def one(seed: int) -> Tensor:
        return expect_tensor(answer(_half, Steady(_W), x_T, y, short(), 1, 1.0, _seeded(seed)), tuple(x_T.shape))

    expect(close(one(1), one(2)), "with a single step two seeds give two results: the last step should add no noise.")
    mean, variance = guidance.step_back(x_T, _half(x_T, times_for(x_T, 100, short())), 100, 0, short())
    expect(close(one(1), mean + variance * _W), "with a single step the result should be the shifted mean.")


def _seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)

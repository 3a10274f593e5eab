"""Checks of the guided sampler."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from course_utils import guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson12.checks.inputs import CLASSES, SHORT, Told, formula, network
from course_utils.lessons.lesson12.checks.questions import asks

sample_cfg = Exercise(
    "sample_cfg",
    reference=guidance.sample_cfg,
    inputs=laws.Inputs(make={"model": network}),
    laws=(
        laws.unchanged(),
        asks(),
        laws.by_itself(),
        laws.dtypes("x_T", single=1e-3),
        laws.devices(),
        laws.layouts(),
        laws.any_size(T=(60, 510)),
        laws.settings(kind=("eps", "x0", "v"), clip=(False, True)),
    ),
    waive={"gradients": "nobody asks for them: a walk may run under `no_grad` or not"},
)


# made anew each time: an answer may change what it is given
def _cond() -> Tensor:
    return torch.tensor([1, 4])


STEPS = 5
TIMES = [100, 80, 60, 40, 20, 0]


def _walk(x: Tensor, cond: Tensor, w: float, clip: str) -> Tensor:
    """The walk with its guess left alone ("no"), clipped ("yes"), clipped without its noise, or clipping x itself."""
    for t, s in itertools.pairwise(TIMES):
        time, a, a_s = torch.full((len(x),), 10.0 * t), SHORT[t], SHORT[s]
        eps = (1 + w) * formula(x, time, cond) - w * formula(x, time, torch.full_like(cond, CLASSES))
        x0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
        if clip in ("yes", "half"):
            x0 = x0.clamp(-1, 1)
        if clip == "yes":
            eps = (x - a.sqrt() * x0) / (1 - a).sqrt()
        x = a_s.sqrt() * x0 + (1 - a_s).sqrt() * eps
        if clip == "x":
            x = x.clamp(-1, 1)
    return x


def _sample(answer: Answer, model: Told, w: float, clip: bool, x_T: Tensor) -> Tensor:
    got = answer(model, x_T, _cond(), w, SHORT, STEPS, kind="eps", clip=clip)
    return expect_tensor(got, tuple(x_T.shape))


@sample_cfg.part
def sampler_asks_at_the_right_times(answer: Answer) -> None:
    model = Told()
    x_T = normal(2, 1, 4, 4, seed=1)
    _sample(answer, model, 2.0, False, x_T)
    times = model.steps
    expect(bool(times), "your sampler never asks the network.")
    expect(max(times) > 150, f"the network was told t = {times[0]:g} first: it knows times on the scale 0 to 1000.")
    expect(
        len(times) == STEPS,
        f"with {STEPS} steps the network is asked at {len(times)} times: it should be at {STEPS}, once a step. Does "
        "the way begin at T and end at 0?",
    )
    expect(
        all(abs(a - 10 * b) < 6 for a, b in zip(times, TIMES, strict=False)),
        f"the network was asked at t = {', '.join(f'{t:g}' for t in times)}: it should be 1000, 800, 600, 400, 200.",
    )
    first = model.at(times[0])
    known = all(any(close(picture, start) for start in x_T) for picture in first)
    expect(known, "the first question should be about x_T itself.")
    rows = len(first)
    expect(
        rows == 4, f"for 2 pictures, with the class and without, the network is asked about {rows} in a step, not 4."
    )


@sample_cfg.part
def sampler_without_clipping(answer: Answer) -> None:
    x_T = normal(2, 1, 4, 4, seed=2)
    for w in (0.0, 2.0, -1.0):
        got = _sample(answer, Told(), w, False, x_T)
        expect(
            w == 0 or not close(got, _walk(x_T, _cond(), 0.0, "no")),
            f"w = {w:g} gives the same as w = 0: does w reach `guided_predict`?",
        )
        expect(
            not close(got, _walk(x_T, _cond(), w, "yes")),
            "with clip=False the guess at x0 is cut off nevertheless.",
        )
        expect(close(got, _walk(x_T, _cond(), w, "no"), 1e-5), f"with w = {w:g} and clip=False the result is wrong.")


@sample_cfg.part
def sampler_clips_the_guess(answer: Answer) -> None:
    x_T = 2 * normal(2, 1, 4, 4, seed=3)
    got = _sample(answer, Told(), 4.0, True, x_T)
    hints = {
        "no": "clip=True changes nothing: cut the guess at x0 off at -1 and 1, in every step.",
        "half": "the guess is cut off, but eps stays as it was: then the two no longer make x_t. Compute eps anew from "
        "x_t and the clipped guess.",
        "x": "x itself is cut off on the way, but its noise has to go beyond [-1, 1]: cut off the guess at x0.",
    }
    for way, hint in hints.items():
        expect(not close(got, _walk(x_T, _cond(), 4.0, way)), hint)
    last = _walk(x_T, _cond(), 4.0, "no").clamp(-1, 1)
    expect(not close(got, last), "only the result is cut off: cut the guess at x0 off in every step.")
    expect(close(got, _walk(x_T, _cond(), 4.0, "yes"), 1e-5), "with w = 4 and clip=True the result is wrong.")


@sample_cfg.part
def sampler_lands_on_the_class(answer: Answer) -> None:
    pictures = normal(CLASSES, 1, 4, 4, seed=4).clamp(-0.9, 0.9)

    class Garden(Told):
        """One picture a class: what is not picture is noise. Without a class, any of them."""

        def answer(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
            a = SHORT[(t / 10).round().long()].reshape(-1, 1, 1, 1)
            known = torch.cat([pictures, pictures.mean(0, keepdim=True)])[cond]
            return (x - a.sqrt() * known) / (1 - a).sqrt()

    got = answer(Garden(), normal(2, 1, 4, 4, seed=5), _cond(), 0.0, SHORT, STEPS, kind="eps", clip=True)
    expect(
        close(got, pictures[_cond()], 1e-4),
        "with an exact model of one picture a class, w = 0 should give the picture that was asked for, and does not.",
    )

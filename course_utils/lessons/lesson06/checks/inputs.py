"""Inputs and stand-in models that the checks of lesson 06 share."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises.framework import expect

ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(1000))  # (1001,)
SHORT = diffusion.alpha_bars(diffusion.cosine_schedule(100))  # (101,): T is 100 and the model's times still go to 1000


class Asked:
    """A stand-in for the network that remembers what it was asked.

    Args:
        answer: from x (B, C, H, W) and t (B,) on 0..1000 to the predicted noise, shaped like x.

    Attributes:
        times: the t of every call, as floats, one (the first image's) a call.
        pictures: the x of every call.
    """

    def __init__(self, answer: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.answer = answer
        self.times: list[float] = []
        self.pictures: list[Tensor] = []

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        expect(
            isinstance(t, Tensor) and tuple(t.shape) == (len(x),),
            "`predict(x, t)` wants a tensor t of shape (B,), one time a picture: `torch.full((len(x),), ...)`.",
        )
        expect(
            bool((t == t[0]).all()),
            "within one call of `predict` the pictures got different times: all of them are at the same step.",
        )
        self.times.append(float(t[0]))
        self.pictures.append(x.detach().clone())
        return self.answer(x, t)


def one_picture(picture: Tensor, alpha_bar: Tensor) -> Asked:
    """The exact model of a data set that is this one picture (C, H, W): what is not picture is noise."""

    def eps(x: Tensor, t: Tensor) -> Tensor:
        a = _level(t, alpha_bar).to(x).reshape(-1, 1, 1, 1)
        return (x - a.sqrt() * picture.to(x)) / (1 - a).sqrt().clamp_min(1e-6)

    return Asked(eps)


def bent(alpha_bar: Tensor) -> Asked:
    """A smooth made-up model whose answer depends on x and on t, so that every wrong argument changes the result."""

    def eps(x: Tensor, t: Tensor) -> Tensor:
        a = _level(t, alpha_bar).to(x).reshape(-1, 1, 1, 1)
        return (1 - a).sqrt() * x + 0.3 * torch.sin(2 * x + 3 * a)

    return Asked(eps)


def _level(t: Tensor, alpha_bar: Tensor) -> Tensor:
    """alpha_bar at model times on 0..1000, (B,); a time outside of them is taken for the nearer end."""
    T = len(alpha_bar) - 1
    return alpha_bar[(t.double() * T / 1000).round().long().clamp(0, T)]


def expect_times(asked: Asked, want: list[float], what: str) -> None:
    """Fail unless the model was asked at these times on 0..1000, in this order, each within a whole step of T = 100."""
    got = asked.times
    expect(bool(got), f"{what} never calls `predict`.")
    shown = ", ".join(f"{t:g}" for t in got[:4]) + (", ..." if len(got) > 4 else "")
    right = ", ".join(f"{t:g}" for t in want[:4]) + (", ..." if len(want) > 4 else "")
    expect(
        max(got) > max(want) / 5 or max(want) < 50,
        f"the network was asked about t = {shown}; with T = 100 it should be {right}: it knows times on the scale 0 to "
        "1000, so pass 1000 * t / T.",
    )
    expect(
        len(got) == len(want),
        f"{what} asks the network {len(got)} times for {len(want)} steps: once a step is right.",
    )
    expect(
        all(abs(a - b) < 6 for a, b in zip(got, want, strict=True)),
        f"the network was asked about t = {shown}; it should be {right}.",
    )

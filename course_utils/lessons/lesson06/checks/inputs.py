"""Stand-in networks that the checks of lesson 06 share, and the fresh noise of a walk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import expect
from course_utils.exercises.laws import Asked

STEPS = 25  # of a walk in which noise is looked at; an odd number, so that no time lies between two whole steps
SAME = 0.05  # how far the share of fresh noise that a walk shows, eta, may be from the one asked for


def long() -> Tensor:
    """alpha_bar (1001,), made anew: an answer may change what it is given, and the next one should not suffer."""
    return diffusion.alpha_bars(diffusion.cosine_schedule(1000))


def short() -> Tensor:
    """alpha_bar (101,), likewise: T is 100, and the network's times still go to 1000."""
    return diffusion.alpha_bars(diffusion.cosine_schedule(100))


class Bent(Asked):
    """A smooth made-up network whose answer depends on x and on t, so that every wrong argument changes the result."""

    def __init__(self, alpha_bar: Tensor) -> None:
        super().__init__()
        self.alpha_bar = alpha_bar

    def answer(self, x: Tensor, t: Tensor, cond: object = None) -> Tensor:
        a = _level(t, self.alpha_bar).to(x).reshape(-1, 1, 1, 1)
        return (1 - a).sqrt() * x + 0.3 * torch.sin(2 * x + 3 * a)


class OnePicture(Asked):
    """The exact network of a data set that is this one picture (C, H, W): what is not picture is noise."""

    def __init__(self, picture: Tensor, alpha_bar: Tensor) -> None:
        super().__init__()
        self.picture, self.alpha_bar = picture, alpha_bar

    def answer(self, x: Tensor, t: Tensor, cond: object = None) -> Tensor:
        a = _level(t, self.alpha_bar).to(x).reshape(-1, 1, 1, 1)
        return (x - a.sqrt() * self.picture.to(x)) / (1 - a).sqrt().clamp_min(1e-6)


def _level(t: Tensor, alpha_bar: Tensor) -> Tensor:
    """alpha_bar at model times on 0..1000, (B,); a time outside of them is taken for the nearer end."""
    T = len(alpha_bar) - 1
    return alpha_bar[(t.double() * T / 1000).round().long().clamp(0, T)]


def expect_times(asked: Asked, want: list[float], what: str) -> None:
    """Fail unless the network was asked at these times on 0..1000, in this order, each within a whole step of T = 100.

    Several calls at one time, about one picture each, count as one.
    """
    got = asked.steps
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
        f"{what} asks the network at {len(got)} time{'s' if len(got) > 1 else ''} for {len(want)} steps: once a step "
        "is right.",
    )
    expect(
        all(abs(a - b) < 6 for a, b in zip(got, want, strict=True)),
        f"the network was asked about t = {shown}; it should be {right}.",
    )


def first_seen(asked: Asked, size: int) -> Tensor:
    """What the network was asked about first, if it was asked about each of `size` pictures once."""
    seen = asked.at(asked.steps[0])
    expect(
        len(seen) == size,
        f"at the first step the network is asked about {len(seen)} pictures, it should be about {size}: once for each.",
    )
    return seen


def unlike_fresh_noise(asked: Asked, end: Tensor, alpha_bar: Tensor, eta: float) -> str | None:
    """In what the fresh noise of a walk with this eta differs from standard normal noise, as a hint.

    Args:
        asked: the network after the walk.
        end: the result, shaped like x_T.
        eta: above 0.
    """
    rests = list(_rests(asked, end, alpha_bar))
    hint = laws.unlike_noise(_fresh(rests, eta))
    if hint is None:
        return None
    shares = []
    for eps, rest, most, _ in rests:
        old = (rest * eps).sum() / eps.square().sum()
        shares.append((rest - old * eps).square().mean().sqrt() / most)
    share = round(float(torch.stack(shares).median()), 2)
    if share < 0.01:
        return f"no fresh noise comes in, as if eta were 0: does eta = {eta:g} reach every step?"
    if abs(share - eta) > SAME and laws.unlike_noise(_fresh(rests, share)) is None:
        return f"the fresh noise is that of eta = {share:.2f}, it should be that of eta = {eta:g}."
    return hint


def _rests(asked: Asked, end: Tensor, alpha_bar: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Of each step but the last: eps, what the result has besides the guess at x0, sigma for eta = 1, and 1 - a_s."""
    T = len(alpha_bar) - 1
    seen = [*(asked.at(time) for time in asked.steps), end]
    times = [round(time * T / 1000) for time in asked.steps]
    for (t, s), now, then in zip(pairwise(times), seen, seen[1:], strict=False):
        eps = asked.answer(now, torch.full((len(now),), 1000 * t / T)).detach()
        a_t, a_s = alpha_bar[t], alpha_bar[s]
        guess = (now - (1 - a_t).sqrt() * eps) / a_t.sqrt()
        yield eps, then - a_s.sqrt() * guess, ((1 - a_s) / (1 - a_t) * (1 - a_t / a_s)).sqrt(), 1 - a_s


def _fresh(rests: list[tuple[Tensor, Tensor, Tensor, Tensor]], eta: float) -> Tensor:
    """The z of each step, if it is a step with this eta, (steps - 1, B, ...)."""
    return torch.stack(
        [(rest - (v - (eta * most) ** 2).clamp(min=0).sqrt() * eps) / (eta * most) for eps, rest, most, v in rests]
    )

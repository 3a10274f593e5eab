"""A sampler is judged by all that it draws, on a data set of several pictures whose exact network is known."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.law import Law, Trial
from course_utils.exercises.laws.network import Asked
from course_utils.exercises.laws.randomness import SURE
from course_utils.exercises.laws.words import apart, tensors

COPIES = (1, 2, 5)  # how often each picture is in the data set
DRAWS = 400


def pictures(shape: tuple[int, ...] = (1, 2, 2)) -> Tensor:
    """Three pictures within [-1, 1], far from one another, (3, *shape)."""
    return torch.stack([normal(*shape, seed=seed).mul(2).tanh() for seed in (11, 12, 16)])


class Garden(Asked):
    """The exact network of a data set in which three pictures lie once, twice and five times."""

    def __init__(self, alpha_bar: Tensor) -> None:
        super().__init__()
        many = torch.repeat_interleave(pictures(), torch.tensor(COPIES), dim=0)
        self.predict = samplers.ideal_predict(many, alpha_bar)

    def answer(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        return self.predict(x.double(), t.clamp(1e-3, 1000)).to(x)


def distribution(*, T: int = 50, near: float = 0.05, loose: float = 0.15) -> Law:
    """All that a sampler draws, on a data set of three pictures: each comes as often as it lies there.

    On the way, what lies between x_t and the picture in which a walk ends is noise of the variance 1 - alpha_bar_t.

    Args:
        T: steps of the schedule.
        near: how far from a picture of the data set a result may be, root mean square.
        loose: how far the noise's standard deviation on the way may be from what it should be, relative: what finitely
            many steps and the choice of variance cost.
    """

    def look(trial: Trial) -> str | None:
        alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(T))
        given = trial.values(B=DRAWS, shape=(1, 2, 2), T=T)
        network = Garden(alpha_bar)
        given.update({"alpha_bar": alpha_bar})
        given.update({name: network for name, value in given.items() if isinstance(value, Asked)})
        (result,) = tensors(trial.answer(given))
        off = (result.detach().double()[:, None] - pictures()).square().flatten(2).mean(2).sqrt()  # (B, 3)
        distance, which = off.min(1)
        lost = int((distance > near).sum())
        if lost:
            typical = float(distance.median())
            return (
                f"with a data set of three pictures and its exact network, {lost} of {DRAWS} results are none of the "
                f"three: one is off by {float(distance.max()):.2f}, half of them by more than {typical:.2f}. What is "
                "left over, or lost, at the last step?"
            )
        for number, copies in enumerate(COPIES):
            want = copies / sum(COPIES)
            got = int((which == number).sum()) / DRAWS
            if abs(got - want) > SURE * math.sqrt(want * (1 - want) / DRAWS) + 0.02:
                one, other = apart(got, want, 2)
                return (
                    "with a data set of three pictures that lie there once, twice and five times, picture "
                    f"{number + 1} makes up {one} of {DRAWS} results, it should be {other}: each result is right, and "
                    "they are not drawn as often as they should be."
                )
        return _on_the_way(network, pictures()[which], alpha_bar, loose)

    return Law("distribution", look)


def _on_the_way(network: Asked, ends: Tensor, alpha_bar: Tensor, loose: float) -> str | None:
    T = len(alpha_bar) - 1
    for time in network.steps:
        t = round(time * T / 1000)
        if not T // 4 <= t < T:
            continue
        a = alpha_bar[t]
        rest = (network.at(time).double() - a.sqrt() * ends) / (1 - a).sqrt()
        size = float(rest.square().mean().sqrt())
        if abs(size - 1) > loose:
            one, _ = apart(size, 1.0, 2)
            return (
                f"on the way, at t = {t} of {T}, the noise in the pictures is {one} times as strong as it should be "
                "there: is it added with the right standard deviation, at every step?"
            )
    return None

"""Stand-in classifiers and inputs that the checks of lesson 11 share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import expect
from course_utils.exercises.inputs import normal

SHAPE = (1, 4, 4)  # of the small pictures that the stand-ins look at
CLASSES = 5  # as many as the kit's y has
WHEN = "`classifier(x, t)` wants a tensor t of shape (B,), one time a picture."


def long() -> Tensor:
    """alpha_bar (1001,), made anew: an answer may change what it is given, and the next one should not suffer."""
    return diffusion.alpha_bars(diffusion.cosine_schedule(1000))


def short() -> Tensor:
    """alpha_bar (101,), likewise: T is 100, and the model's times still go to 1000."""
    return diffusion.alpha_bars(diffusion.cosine_schedule(100))


class Bent(nn.Module):
    """A small smooth classifier of SHAPE pictures whose scores depend on x, on t, and on nothing else.

    Attributes:
        seen: x and t of every call; pictures may come as one batch or one by one.
    """

    def __init__(self, classes: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.first = nn.Parameter(0.5 * normal(16, 8, seed=seed))
        self.second = nn.Parameter(normal(8, classes, seed=seed + 1))
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        expect(isinstance(t, Tensor) and tuple(t.shape) == (len(x),), WHEN)
        self.seen.append((x.detach().clone(), t.detach().clone()))
        angle = t.to(x)[:, None] / 700
        return torch.tanh(x.flatten(1) @ self.first.to(x) + angle) @ self.second.to(x) * 2

    def asked(self, size: int) -> tuple[Tensor, Tensor]:
        """The pictures and times that it was asked about last, (size, ...) and (size,), however many calls it took."""
        expect(bool(self.seen), "the classifier is never asked.")
        x, t = (torch.cat(parts) for parts in zip(*self.seen, strict=True))
        return x[-size:], t[-size:]

    def __deepcopy__(self, memo: object) -> Bent:
        return self  # so that a check sees what was asked of it


class Scores(laws.Asked):
    """A smooth classifier of pictures of any shape, (B, CLASSES), that remembers how it was asked."""

    def answer(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        flat = x.flatten(1)
        first, second = (normal(flat.shape[1], n, seed=n).to(flat) for n in (4, CLASSES))
        time = self.clock * torch.cos(t.to(x) / 200)[:, None]
        bent = torch.tanh(flat @ first / 4 + time) @ normal(4, CLASSES, seed=1).to(x)
        return self.factor.to(x) * (bent + flat @ second / 9)


def scores(sizes: laws.Sizes) -> Scores:
    """The classifier as the kit asks for it."""
    return Scores(sizes.clock, sizes.learns)


def clock(sizes: laws.Sizes) -> Tensor:
    """The time of each picture on the scale 0 to 1000, (B,); none is that of the first step, some are alike."""
    return torch.tensor([(1000.0, 50.0, 500.0, 500.0, 250.0)[i % 5] for i in range(sizes.B)])


class Steady:
    """Two classes, and a gradient of log p(1 | x) that is the same picture everywhere.

    Class 1 is so improbable that log p(1 | x) is its score, w . x - 1000, and its gradient is w.

    Attributes:
        times: those that it was told, each once, in the order in which it came first.
    """

    def __init__(self, w: Tensor) -> None:
        self.w, self.times = w, list[float]()

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        expect(isinstance(t, Tensor) and tuple(t.shape) == (len(x),), WHEN)
        self.times += [time for time in dict.fromkeys(t.tolist()) if time not in self.times]
        score = (x * self.w.to(x)).flatten(1).sum(dim=1) - 1000
        return torch.stack([torch.zeros_like(score), score], dim=1)

    def __deepcopy__(self, memo: object) -> Steady:
        return self

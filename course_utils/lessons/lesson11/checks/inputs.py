"""Stand-in classifiers and inputs that the checks of lesson 11 share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils import diffusion
from course_utils.exercises.framework import expect
from course_utils.exercises.inputs import normal

ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(1000))  # (1001,)
SHORT = diffusion.alpha_bars(diffusion.cosine_schedule(100))  # (101,): T is 100 and the model's times still go to 1000
SHAPE = (1, 4, 4)  # of the small pictures that the stand-ins look at


class Bent(nn.Module):
    """A small smooth classifier of SHAPE pictures whose scores depend on x, on t, and on nothing else.

    Attributes:
        seen: x and t of every call.
    """

    def __init__(self, classes: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.first = nn.Parameter(0.5 * normal(16, 8, seed=seed))
        self.second = nn.Parameter(normal(8, classes, seed=seed + 1))
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        expect(
            isinstance(t, Tensor) and tuple(t.shape) == (len(x),),
            "`classifier(x, t)` wants a tensor t of shape (B,), one time a picture.",
        )
        self.seen.append((x.detach().clone(), t.detach().clone()))
        angle = t.to(x)[:, None] / 700
        return torch.tanh(x.flatten(1) @ self.first.to(x) + angle) @ self.second.to(x) * 2

    def __deepcopy__(self, memo: object) -> Bent:
        return self  # so that a check sees what was asked of it


class Steady:
    """Two classes, and a gradient of log p(1 | x) that is the same picture everywhere.

    Class 1 is so improbable that log p(1 | x) is its score, w . x - 1000, and its gradient is w.
    """

    def __init__(self, w: Tensor) -> None:
        self.w, self.times = w, list[float]()

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        expect(
            isinstance(t, Tensor) and tuple(t.shape) == (len(x),),
            "`classifier(x, t)` wants a tensor t of shape (B,), one time a picture.",
        )
        self.times.append(float(t[0]))
        score = (x * self.w.to(x)).flatten(1).sum(dim=1) - 1000
        return torch.stack([torch.zeros_like(score), score], dim=1)

    def __deepcopy__(self, memo: object) -> Steady:
        return self

"""A stand-in for the class-conditional network that the checks of lesson 12 share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import diffusion
from course_utils.exercises.framework import expect
from course_utils.exercises.laws import Asked, Sizes

ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(1000))  # (1001,)
SHORT = diffusion.alpha_bars(diffusion.cosine_schedule(100))  # (101,): T is 100 and the model's times still go to 1000
CLASSES = 5


class Told(Asked):
    """A made-up network with classes that remembers what it was told, and answers by a smooth formula.

    Attributes:
        classes: K, the null class.
        xs, times: x and t of every call; the classes are in `conds`.
    """

    def __init__(self, classes: int = CLASSES, learns: bool = False) -> None:
        super().__init__(learns=learns)
        self.classes = classes
        self.xs: list[Tensor] = []
        self.times: list[Tensor] = []

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        expect(
            isinstance(t, Tensor) and tuple(t.shape) == (len(x),),
            "the network is called as model(x, t, cond) with one time a picture: t has shape (B,), with as many rows "
            "as x. If x holds the batch twice, so must t.",
        )
        cond = torch.full((len(x),), self.classes) if cond is None else cond
        expect(
            isinstance(cond, Tensor) and tuple(cond.shape) == (len(x),),
            "the network wants one class a picture: cond has shape (B,), with as many rows as x.",
        )
        expect(not cond.is_floating_point(), "the classes have become fractions: cond is int64, and stays so.")
        expect(
            t.device == x.device,
            "on a GPU this mixes devices: the times that the network is told are not where its pictures are. Make them "
            "with `device=x.device`.",
        )
        if x.device.type != "meta":
            expect(
                bool(((cond >= 0) & (cond <= self.classes)).all()),
                f"the network was told class {int(cond.max())}: there are the classes 0 to {self.classes - 1}, and "
                f"{self.classes} for none.",
            )
            self.xs.append(x.detach().clone())
            self.times.append(t.detach().clone())
        return super().forward(x, t, cond)

    def answer(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        return self.factor.to(x) * formula(x, t, cond)

    @property
    def rows(self) -> list[tuple[float, int, Tensor]]:
        """Time, class and picture of all that it was asked, one by one, whatever the calls."""
        calls = zip(self.times, self.conds, self.xs, strict=True)
        return [
            (round(float(time), 2), int(told), picture)
            for t, cond, x in calls
            for time, told, picture in zip(t, cond, x, strict=True)
        ]


def network(sizes: Sizes) -> Told:
    """The network of the laws."""
    return Told(learns=sizes.learns)


def formula(x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
    """What `Told` answers: it depends on every argument, and on each class in another way."""
    told = (1 + cond.to(x)).reshape(-1, 1, 1, 1)
    time = (t.to(x) / 1000).reshape(-1, 1, 1, 1)
    return 0.5 * x + 0.4 * torch.sin(2 * x + told) + 0.3 * time * torch.cos(1.7 * told)


def seeded(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)

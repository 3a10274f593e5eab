"""How a training went: what `fit` returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import nn


@dataclass
class Fit:
    """How a training went.

    Attributes:
        losses: the loss of every step.
        norms: the length of the gradient at every step, over all parameters and before it was clipped.
        seconds: wall-clock time of the loop, of all its parts if it was interrupted.
        images: how many it saw, one that came twice counted twice.
        ema: the averaged model, in evaluation mode; None if no average was asked for.
        kept: step -> a copy of the model as it was after so many steps, in evaluation mode, where `keep` asked for it.
    """

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    images: int = 0
    ema: nn.Module | None = None
    kept: dict[int, nn.Module] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        return len(self.losses)

    @property
    def last_loss(self) -> float:
        """The mean over the last 200 steps: one step says little, because its images and its noise are its own."""
        last = self.losses[-200:]
        return sum(last) / len(last) if last else math.nan

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds if self.seconds else 0.0

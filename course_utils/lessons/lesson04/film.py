"""A film of a sampler at work: what it held at every step, and what it thought would come of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from course_utils.errors import CourseError


@dataclass
class Film:
    """Frames of a walk from noise to pictures. Give `film.watch` to a sampler, and its result to `film.end`.

    Attributes:
        every: keep each step whose number, counted in steps taken, is a multiple of this (and the last).
        times: t of each frame, from T down to 0.
        x_t: of each frame, (N, C, H, W) float32 on the CPU.
        x0_hat: likewise, the predicted x0; in the last frame the result itself.
    """

    every: int = 1
    times: list[int] = field(default_factory=list)
    x_t: list[Tensor] = field(default_factory=list)
    x0_hat: list[Tensor] = field(default_factory=list)
    _asked: int = 0

    def watch(self, t: int, x_t: Tensor, x0_hat: Tensor) -> None:
        """Called by the sampler before each step, with x_t and the x0 that is predicted from it."""
        if self._asked % self.every == 0:
            self._keep(t, x_t, x0_hat)
        self._asked += 1

    def end(self, x_0: Tensor) -> Film:
        """The last frame, t = 0. Gives the film itself."""
        self._keep(0, x_0, x_0)
        return self

    def _keep(self, t: int, x_t: Tensor, x0_hat: Tensor) -> None:
        self.times.append(int(t))
        self.x_t.append(x_t.detach().cpu().float().clone())
        self.x0_hat.append(x0_hat.detach().cpu().float().clone())

    def __len__(self) -> int:
        return len(self.times)

    def nearest(self, t: int) -> int:
        """The index of the frame whose t is nearest."""
        return min(range(len(self)), key=lambda k: abs(self.times[k] - t))

    def still_to_change(self) -> Tensor:
        """How far the predicted x0 of each frame is from the result: root mean square, (frames, N)."""
        if len(self) == 0 or self.times[-1] != 0:
            raise CourseError("The film has no end: call film.end(x) with what the sampler returned.")
        x0_hat = torch.stack(self.x0_hat)  # (frames, N, C, H, W)
        return (x0_hat - self.x_t[-1]).square().flatten(2).mean(2).sqrt()

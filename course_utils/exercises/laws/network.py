"""A stand-in for a network that remembers how it was asked, in whatever portions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises.framework import expect


class Asked(nn.Module):
    """A smooth formula of x and t with one parameter. It serves as `model(x, t, cond)` and as `predict(x, t)`.

    Pictures may come as one batch or one by one: what is remembered goes by the time and not by the call.

    Args:
        clock: how much the answer depends on t; 0 for laws that are not about the time, whose last digits differ.
        learns: whether its parameter asks for gradients.

    Attributes:
        calls: how often it was called.
        conds: what it was told besides, one a call.
    """

    def __init__(self, clock: float = 0.0, learns: bool = False) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones((), dtype=torch.float64), requires_grad=learns)
        self.clock = clock
        self.calls = 0
        self.conds: list[Any] = []
        self._seen: dict[float, list[Tensor]] = {}

    def forward(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        expect(
            isinstance(t, Tensor) and t.shape == (len(x),),
            "the time has to be a tensor of shape (B,), one number for each picture: torch.full((len(x_t),), t).",
        )
        self.calls += 1
        self.conds.append(cond)
        if x.device.type != "meta" and t.device.type != "meta":
            self._note(x.detach(), t)
        return self.answer(x, t, cond)

    def answer(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        """What it says of x at the times t; a subclass may say something else."""
        time = self.clock * torch.cos(t.to(x) / 200).reshape(-1, *[1] * (x.ndim - 1)) if self.clock else 0.0
        return self.factor.to(x) * (0.8 * x + 0.1 * x.sin()) + time

    def _note(self, x: Tensor, t: Tensor) -> None:
        if len(t) and bool((t == t[0]).all()):
            self._seen.setdefault(float(t[0]), []).append(x.clone())
            return
        for row, time in zip(x.clone(), t.tolist(), strict=True):
            self._seen.setdefault(float(time), []).append(row[None])

    @property
    def steps(self) -> list[float]:
        """The times that it was told, each once, in the order in which it came first."""
        return list(self._seen)

    def at(self, time: float) -> Tensor:
        """The pictures that it was asked about at one time, (B, ...), in their order."""
        return torch.cat(self._seen[time])

    def __deepcopy__(self, memo: object) -> Asked:
        return self  # so that the law sees this very network

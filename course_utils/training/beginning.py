"""How a training began, so that one on disk is not taken for another: the weights, and the first batch.

Nothing is compared bit by bit: the same pictures and the same noise may differ in their last digits on another machine,
or with another number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

ROUNDING = 1e-5  # of its length: so far apart may what is measured of a tensor be
SAME_LOSS = 5e-3  # by this share the loss of one batch may differ, for it may be computed in bfloat16


@dataclass(frozen=True)
class Beginning:
    """What a training begins with.

    Attributes:
        weights: what is measured of each tensor of the model, (tensors, 3).
        shapes: of the first batch's tensors, in words.
        batch: what is measured of these, (tensors, 3).
        generator: the state of the batches' generator, if they have one.
    """

    weights: Tensor
    shapes: str
    batch: Tensor
    generator: Tensor | None

    @classmethod
    def of(cls, model: nn.Module, batch: Any, generator: Tensor | None) -> Beginning:
        tensors = list(_tensors(batch))
        shapes = ", ".join(f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')}" for x in tensors)
        return cls(measured(model.state_dict().values()), shapes, measured(tensors), generator)

    def other_batches(self, before: Beginning) -> str | None:
        """How the first batch differs from that of `before`; None if it does not."""
        if self.shapes != before.shapes:
            return f"a training with batches of {before.shapes}, and those here are {self.shapes}"
        if not alike(self.batch, before.batch):
            return "a training with other data: its first batch is not the one here"
        return None

    def tensors(self) -> dict[str, Tensor]:
        """What of it is stored as tensors."""
        found = {"weights": self.weights, "batch": self.batch}
        return found if self.generator is None else {**found, "generator": self.generator}

    @classmethod
    def stored(cls, tensors: Mapping[str, Tensor], shapes: str) -> Beginning:
        """From `tensors` and `shapes`."""
        return cls(tensors["weights"], shapes, tensors["batch"], tensors.get("generator"))


def measured(tensors: Iterable[Tensor]) -> Tensor:
    """Root mean square, mean, and mean weighted by the place (from -1 to 1) of each tensor: (tensors, 3), float64."""
    return torch.tensor([_measured(x) for x in tensors], dtype=torch.float64).reshape(-1, 3)


def alike(ours: Tensor, theirs: Tensor) -> bool:
    """Whether two results of `measured` are of the same tensors, but for rounding."""
    if ours.shape != theirs.shape:
        return False
    apart = (ours - theirs).abs() <= ROUNDING * ours[:, :1].abs()
    return bool((apart | (ours == theirs) | (ours.isnan() & theirs.isnan())).all())


def same_loss(ours: float, theirs: float) -> bool:
    """Whether two losses of one batch are those of one function."""
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs)) or abs(ours - theirs) <= SAME_LOSS * abs(theirs)


def _measured(x: Tensor) -> list[float]:
    if x.numel() == 0:
        return [0.0, 0.0, 0.0]
    flat = (torch.view_as_real(x) if x.is_complex() else x).detach().cpu().double().reshape(-1)
    place = torch.linspace(-1, 1, len(flat), dtype=torch.float64)
    return [flat.square().mean().sqrt().item(), flat.mean().item(), (flat * place).mean().item()]


def _tensors(batch: Any) -> Iterable[Tensor]:
    """The tensors in a batch, which may be nested; a number counts as one."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, (int, float)):
        yield torch.tensor(batch)
    elif isinstance(batch, Mapping):
        for part in batch.values():
            yield from _tensors(part)
    elif isinstance(batch, (tuple, list)):
        for part in batch:
            yield from _tensors(part)

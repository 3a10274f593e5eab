"""A step's gradient: of the whole batch at once, or of its two halves, which hold other programs up less."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from course_utils.errors import CourseError
from course_utils.halves import compute, cut, on_one_thread

T = TypeVar("T")
SAME = 2e-3  # by this share the loss of a batch may differ from that of its halves, for rounding

Loss = Callable[[nn.Module, Any], Tensor]


class Whole:
    """The gradient as one writes it down, on as many threads as PyTorch takes."""

    def __init__(self, model: nn.Module, loss: Loss, precision: contextlib.AbstractContextManager[Any]) -> None:
        self.model, self.loss, self.precision = model, loss, precision

    def gradient(self, batch: Any, clip: float | None) -> tuple[Tensor, Tensor]:
        """Put the gradient, shortened to `clip`, into the parameters. Returns the loss, and the length before."""
        with self.precision:
            value = self.loss(self.model, batch)
        value.backward()
        return value, _shorten(self.model, clip)

    def value(self, batch: Any) -> float:
        """The loss of a batch with the model as it is."""
        with self.precision:
            return self.do(self.loss, self.model, batch).item()

    def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Some other part of the step."""
        return work(*arguments)


class Halves(Whole):
    """The gradient from two halves of each batch, each on one thread, and everything else of a step on one too.

    The loss is a mean over images, so that of a batch is the mean of those of its halves, and likewise the gradient.
    It is the same to the last bit whether the halves run side by side or not, and however many threads PyTorch has.

    Raises:
        CourseError: the model has layers in which images meet (batch normalisation), or that draw (dropout).
    """

    def __init__(self, model: nn.Module, loss: Loss, precision: contextlib.AbstractContextManager[Any]) -> None:
        super().__init__(model, loss, precision)
        for name, layer in model.named_modules():
            if isinstance(layer, _BatchNorm) or (isinstance(layer, _DropoutNd) and layer.p > 0):
                raise CourseError(
                    f"The layer {name!r} is a {type(layer).__name__}, and the halves of a batch are not what the whole "
                    "is to it: train without halves."
                )
        self.learned = [p for p in model.parameters() if p.requires_grad]
        self._examined = False

    def gradient(self, batch: Any, clip: float | None) -> tuple[Tensor, Tensor]:
        """Put the gradient, shortened to `clip`, into the parameters. Returns the loss, and the length before.

        Raises:
            CourseError: a batch that cannot be cut, or (at the first one) a loss that is no mean over its images.
        """
        halves = cut(batch)
        images = sum(n for _, n in halves)
        with self.precision:
            if not self._examined:
                self._examine(batch, [(half, n / images) for half, n in halves])
            parts = compute([partial(self._part, half, n / images) for half, n in halves], (id(self), images))
        return on_one_thread(self._collect, parts, clip)

    def do(self, work: Callable[..., T], *arguments: Any) -> T:
        """Some other part of the step, on one thread."""
        return on_one_thread(work, *arguments)

    def _part(self, half: Any, share: float) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        """What a half contributes: to the loss, and to the gradient of each parameter."""
        value = self.loss(self.model, half) * share
        with torch.autocast("cpu", enabled=False):  # as always: autocast is for the way there
            # not value.backward(), which would add to what the other half is adding to
            return value.detach(), torch.autograd.grad(value, self.learned, allow_unused=True)

    def _collect(
        self, parts: list[tuple[Tensor, tuple[Tensor | None, ...]]], clip: float | None
    ) -> tuple[Tensor, Tensor]:
        """The sum, always in the same order."""
        for p, *each in zip(self.learned, *(gradients for _, gradients in parts), strict=True):
            there = [g for g in each if g is not None]
            if there:
                p.grad = torch.empty_like(p).copy_(there[0])  # laid out in memory as the parameter is
                for g in there[1:]:
                    p.grad += g
        value = parts[0][0].clone()
        for more, _ in parts[1:]:
            value += more
        return value, _shorten(self.model, clip)

    def _examine(self, batch: Any, halves: list[tuple[Any, float]]) -> None:
        """Refuse what would go wrong in silence: chance, running statistics, and images that look at each other."""
        chance, versions = torch.get_rng_state(), [b._version for b in self.model.buffers()]
        with torch.no_grad():
            whole = on_one_thread(self.loss, self.model, batch).item()
            apart = sum(on_one_thread(self.loss, self.model, half).item() * share for half, share in halves)
        if not torch.equal(chance, torch.get_rng_state()):
            raise CourseError(
                "The loss draws from PyTorch's own generator, and the halves of a batch would draw in any order: draw "
                "where the batch is made, or train without halves."
            )
        if versions != [b._version for b in self.model.buffers()]:
            raise CourseError("The model changes its buffers when it is called: train without halves.")
        if math.isfinite(whole) and abs(whole - apart) > SAME * abs(whole):
            raise CourseError(
                f"The loss of the whole batch is {whole:.5g}, and the mean of those of its halves {apart:.5g}: it is "
                "no mean over images that stand for themselves, so train without halves."
            )
        self._examined = True


def _shorten(model: nn.Module, clip: float | None) -> Tensor:
    return nn.utils.clip_grad_norm_(model.parameters(), math.inf if clip is None else clip)

"""The loop inside `fit`, with nothing around it: lesson 04's exercise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError

Batch = TypeVar("Batch")


def training_loop(
    model: nn.Module,
    batches: Iterable[Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    steps: int,
    optimiser: torch.optim.Optimizer,
) -> list[float]:
    """Train `model` in place, batch by batch, and leave it in evaluation mode.

    Algorithm 1 of Ho et al. 2020 (arXiv 2006.11239) for any model, loss and optimiser. `fit` takes the same steps.

    Args:
        model: what to train; it learns in training mode.
        batches: gives the batches in turn, such as a generator; exactly `steps` of them are asked for.
        loss: `loss(model, batch)` gives a scalar tensor.
        steps: how many batches to learn from.
        optimiser: of the parameters that are to learn.

    Returns:
        the loss of each batch before its step, as plain numbers.

    Raises:
        CourseError: the batches end early; the model keeps what it has learned until then.
    """
    model.train()
    losses: list[float] = []
    for batch in islice(batches, steps):
        optimiser.zero_grad()
        value = loss(model, batch)
        value.backward()  # type: ignore[no-untyped-call, unused-ignore]
        optimiser.step()
        losses.append(value.item())
    model.eval()
    if len(losses) < steps:
        raise CourseError(f"The batches ended after {len(losses)} of {steps} steps: give a generator that never ends.")
    return losses

"""An exponential moving average of a model's weights, which often draws better than the weights themselves."""

from __future__ import annotations

import copy

import torch
from torch import nn

from course_utils.errors import CourseError


@torch.no_grad()
def ema_update(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the average a little towards the model: average <- decay * average + (1 - decay) * model.

    Parameters are averaged, as in Ho et al. 2020 (arXiv 2006.11239, appendix B, with decay 0.9999). Buffers are
    copied: they are constants (a schedule, whose average at the start would be nonsense), counters, or statistics
    that have a running mean of their own (batch normalisation).

    Args:
        average: a copy of `model` made before the first step, changed in place.
        model: the model in training; it stays as it is.
        decay: the share of the average that is kept, 0 to 1.

    Raises:
        CourseError: the two are not copies of one network.
    """
    ours, theirs = list(average.parameters()), list(model.parameters())
    if [a.shape for a in ours] != [p.shape for p in theirs]:
        raise CourseError(
            "`average` is not a copy of `model`: make it with copy.deepcopy(model) before the first step."
        )
    for a, p in zip(ours, theirs, strict=True):
        a.lerp_(p, 1 - decay)  # a + (1 - decay) (p - a)
    for kept, current in zip(average.buffers(), model.buffers(), strict=True):
        kept.copy_(current)


def ema_decay(step: int, decay: float) -> float:
    """The decay at `step`, counted from 0: it rises with the steps, so that the first weights are soon forgotten.

    min(decay, (1 + step) / (10 + step)), the warm-up of TensorFlow's ExponentialMovingAverage (`num_updates`).
    """
    return min(decay, (1 + step) / (10 + step))


def averaged(model: nn.Module) -> nn.Module:
    """A copy of the model to average into: in evaluation mode, and without gradients."""
    return copy.deepcopy(model).eval().requires_grad_(False)

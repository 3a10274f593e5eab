"""Small things that every sampler needs: which steps to visit, noise, and the clean picture that eps implies."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.errors import CourseError

Watch = Callable[[int, Tensor, Tensor], None]  # watch(t, x_t, x0_hat), called at every step


def respace(T: int, steps: int) -> Tensor:
    """The steps that a shorter way visits: from T down to 0, evenly spaced and rounded.

    Nichol & Dhariwal 2021 (arXiv 2102.09672, section 4) skip steps like this. Both ends are kept: the way begins at
    pure noise, where training ended, and ends at data.

    Args:
        T: number of steps of the schedule.
        steps: how many to take, 1 to T.

    Returns:
        (steps + 1,), int64, strictly descending from T to 0. Example: respace(10, 4) is 10, 8, 5, 2, 0.

    Raises:
        CourseError: if there are not between 1 and T steps.
    """
    if not 1 <= steps <= T:
        raise CourseError(f"From t = {T} to 0 there are 1 to {T} steps to take: steps is {steps}.")
    return torch.linspace(T, 0, steps + 1, dtype=torch.float64).round().long()


def clean(x_t: Tensor, eps: Tensor, t: int, alpha_bar: Tensor, clip: bool = False) -> tuple[Tensor, Tensor]:
    """The predicted x0, and the eps that belongs to it.

    Args:
        x_t: (B, ...), at step t.
        eps: the predicted noise, shaped like x_t.
        t: 1 to T.
        alpha_bar: (T + 1,).
        clip: clamp x0 to [-1, 1], where pictures live, and recompute eps from it.

    Returns:
        x0_hat and eps, both shaped like x_t: x_t = sqrt(alpha_bar_t) x0_hat + sqrt(1 - alpha_bar_t) eps.
    """
    a = alpha_bar[t]  # a single number, so that x_t keeps its dtype and device
    x0_hat = (x_t - (1 - a).sqrt() * eps) / a.sqrt()
    if clip:
        x0_hat = x0_hat.clamp(-1, 1)
        eps = (x_t - a.sqrt() * x0_hat) / (1 - a).sqrt()
    return x0_hat, eps


def normal_like(x: Tensor, generator: Generator) -> Tensor:
    """Fresh standard normal noise in the shape, dtype and place of x, drawn where the generator lives."""
    return torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype).to(x.device)


def check_step(t: int, alpha_bar: Tensor) -> None:
    if not 1 <= t < len(alpha_bar):
        raise CourseError(f"A sampler goes back from t = 1 to {len(alpha_bar) - 1}: t is {t}.")

"""Steps: which ones a training draws, and how a network is told about them."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from course_utils.errors import CourseError

MODEL_SCALE = 1000  # a network is told t on the scale 0 to 1000, however many steps the schedule has


def model_time(t: Tensor, T: int) -> Tensor:
    """Step t of T as a network is told: 1000 t / T. So a network can be sampled with another number of steps.

    Args:
        t: (B,), int64, 0 to T.
        T: number of steps of the schedule.

    Returns:
        (B,), float32, 0 to 1000, on the device of t.
    """
    return (MODEL_SCALE * t / T).float()  # whole numbers until the division, so that t = T gives 1000 exactly


def schedule_step(time: Tensor, T: int) -> Tensor:
    """The way back from `model_time`: the step of the schedule nearest to a network's time.

    Args:
        time: (B,), float, 0 to 1000.
        T: number of steps of the schedule.

    Returns:
        (B,), int64, 0 to T, on the device of time.
    """
    return (time * (T / MODEL_SCALE)).round().long()


def uniform_times(n: int, T: int, generator: Generator) -> Tensor:
    """n steps from 1 to T, each equally likely (Ho et al. 2020, arXiv 2006.11239, algorithm 1, line 3).

    Args:
        n: how many.
        T: number of steps of the schedule.
        generator: the source of randomness.

    Returns:
        (n,), int64, on the generator's device.

    Raises:
        CourseError: if the schedule has no step.
    """
    _check_steps(T)
    return torch.randint(1, T + 1, (n,), generator=generator, device=generator.device)  # the upper end is left out


def middle_heavy_times(n: int, T: int, generator: Generator, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """n steps from 1 to T, more of them where a picture is half drowned.

    The logit of t/T is normal (Esser et al. 2024, arXiv 2403.03206, section 3.1): t/T = sigmoid(mean + std z).

    Args:
        n: how many.
        T: number of steps of the schedule.
        generator: the source of randomness.
        mean: above 0, the steps move towards noise; below, towards data.
        std: the width. Above 1.41 there are two peaks, nearer the ends.

    Returns:
        (n,), int64, on the generator's device.

    Raises:
        CourseError: if the schedule has no step, or std is not positive.
    """
    _check_steps(T)
    if std <= 0:
        raise CourseError(f"The spread of the steps must be above 0: std is {std}.")
    z = torch.randn(n, generator=generator, device=generator.device)
    u = torch.sigmoid(mean + std * z)  # (n,), in (0, 1)
    return (u * T).ceil().long().clamp(1, T)  # t stands for the interval from (t - 1)/T to t/T


def _check_steps(T: int) -> None:
    if T < 1:
        raise CourseError(f"A schedule needs at least one step to draw from: T is {T}.")

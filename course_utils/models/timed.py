"""What lesson 03 builds beside `course_utils.models.time`: a block told the time, and what measures embeddings."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.time import T_MAX, modulate, sinusoidal_embedding


def frequencies(half: int, max_period: float = 10_000.0) -> Tensor:
    """The speeds of the clocks in `sinusoidal_embedding`: omega_i = max_period^(-i / half), i = 0 … half - 1.

    Args:
        half: how many, at least 1.
        max_period: the larger, the slower the last clock.

    Returns:
        (half,), float64, in radians a step, from 1 downwards.

    Raises:
        CourseError: half is less than 1.
    """
    if half < 1:
        raise CourseError(f"An embedding has at least one frequency, and this asks for {half}.")
    i = torch.arange(half, dtype=torch.float64)
    return torch.exp(-math.log(max_period) * i / half)


def fourier_features(t: Tensor, turns: Tensor) -> Tensor:
    """Sines and cosines at given frequencies (Rahimi & Recht 2007; Tancik et al. 2020, arXiv 2006.10739, eq. 5).

    Args:
        t: (B,), on the scale 0 to 1000.
        turns: (F/2,), how often each clock goes round on the whole scale; random numbers, drawn once.

    Returns:
        (B, F): all sines, then all cosines, in the dtype of t if that is a floating point type, else float32.
    """
    t = t if t.is_floating_point() else t.float()
    angle = 2 * math.pi * (t / T_MAX)[:, None] * turns.to(t)  # (B, F/2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def similarity_map(embedding: Tensor) -> Tensor:
    """The cosine of the angle between any two rows: (N, F) -> (N, N), 1 where two rows point the same way."""
    unit = F.normalize(embedding, dim=1)
    return unit @ unit.T


def variance_shares(embedding: Tensor) -> Tensor:
    """The share of the variance in each principal component (Pearson 1901), largest first; they add up to 1.

    The singular values of the centred table, squared, are the variances along its principal axes, times N.

    Args:
        embedding: (N, F), one row a step, not all rows equal.

    Returns:
        (min(N, F),), in the dtype of the embedding.
    """
    centred = embedding - embedding.mean(dim=0)
    variance = torch.linalg.svdvals(centred).square()
    return variance / variance.sum()


def mended_embedding(u: Tensor, features: int = 8) -> Tensor:
    """A sinusoidal embedding for times on the scale 0 to 1: bring them back to 0 to 1000 first.

    The fastest clock of `sinusoidal_embedding` makes one radian a unit. On the scale 0 to 1 no clock gets further, all
    sines are nearly straight lines, and 98 % of the variance is one component: a raw float again.

    Args:
        u: (B,), t / T, from 0 to 1.
        features: an even number.

    Returns:
        (B, features), in the dtype of u.
    """
    return sinusoidal_embedding(T_MAX * u, features)


class TimedBlock(nn.Module):
    """Two 3 x 3 convolutions, a ReLU after each, and the time comes in between: the first one's feature maps are
    modulated by a linear function of the time vector, which starts at zero, so that at first the time changes nothing.

    Args:
        inputs, outputs: channels.
        hidden: length of the time vector.

    Shapes:
        x (B, inputs, H, W) and time (B, hidden) -> (B, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)
        self.to_scale_shift = nn.Linear(hidden, 2 * outputs)
        nn.init.zeros_(self.to_scale_shift.weight)
        nn.init.zeros_(self.to_scale_shift.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.to_scale_shift(time).chunk(2, dim=1)  # (B, outputs) each
        h = modulate(self.conv1(x), scale, shift)  # (B, outputs, H, W)
        return F.relu(self.conv2(F.relu(h)))

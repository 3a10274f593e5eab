"""How a network is told how much noise there is: the step t as a vector, and the vector's way into a block.

Every class here is called alike, `embed(t)` with t (B,) on the course's scale from 0 to 1000, and gives (B, hidden), so
that one can be put in the place of another. `TimeMLP` is the one that the course's U-Net uses; the others are what
lesson 03 compares it with.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError

T_MAX = 1000.0  # the end of the scale on which every model of the course is told the time


def sinusoidal_embedding(t: Tensor, features: int, max_period: float = 10_000.0) -> Tensor:
    """Each step as the sines and cosines of many clocks, from fast to slow (Vaswani et al. 2017, arXiv 1706.03762).

    The frequencies are omega_i = max_period^(-i / half), i = 0 … half - 1, half = features / 2, and the embedding is
    [sin(omega t), cos(omega t)]: all sines first, as in the code of Ho et al. 2020 (which divides i by half - 1).

    Args:
        t: (B,), any real numbers; meant for 0 to 1000.
        features: F, an even number of at least 2.
        max_period: 2 pi max_period is about the period of the slowest clock.

    Returns:
        (B, features), in the dtype of t if that is a floating point type, else float32.

    Raises:
        CourseError: features is odd or too small.
    """
    if features < 2 or features % 2:
        raise CourseError(f"A sinusoidal embedding has an even number of features, and this asks for {features}.")
    t = t if t.is_floating_point() else t.float()
    half = features // 2
    i = torch.arange(half, dtype=t.dtype, device=t.device)
    omega = torch.exp(-math.log(max_period) * i / half)  # (F/2,)
    angle = t[:, None] * omega  # (B, F/2)
    return torch.cat([angle.sin(), angle.cos()], dim=1)  # (B, F)


def modulate(h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Feature-wise modulation: h * (1 + scale) + shift, one pair of numbers a feature map (Perez et al. 2017, FiLM,
    arXiv 1709.07871). At scale = shift = 0 it changes nothing.

    Args:
        h: feature maps, (B, C, H, W).
        scale, shift: (B, C).

    Returns:
        Shaped like h.
    """
    return h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


class TimeMLP(nn.Module):
    """Sinusoids, then two linear layers with a GELU between: t (B,) -> (B, hidden).

    Args:
        features: of the sinusoidal embedding.
        hidden: what comes out.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.features = features
        self.linear1 = nn.Linear(features, hidden)
        self.linear2 = nn.Linear(hidden, hidden)

    def encode(self, t: Tensor) -> Tensor:
        """The fixed part: t (B,) -> (B, features)."""
        return sinusoidal_embedding(t, self.features)

    def forward(self, t: Tensor) -> Tensor:
        h = nn.functional.gelu(self.linear1(self.encode(t).to(self.linear1.weight.dtype)))  # (B, hidden)
        return self.linear2(h)  # (B, hidden)


class RawTime(TimeMLP):
    """The step as one number, t / 1000 stretched to [-1, 1], repeated to make the layers as large as `TimeMLP`'s."""

    def encode(self, t: Tensor) -> Tensor:
        return (2 * t.float() / T_MAX - 1)[:, None].expand(-1, self.features)


class FourierTime(TimeMLP):
    """Sines and cosines of random frequencies (Tancik et al. 2020, arXiv 2006.10739; Song et al. 2020b for time).

    Args:
        scale: standard deviation of the frequencies, in turns over the whole scale of t.
        seed: of the frequencies, which stay fixed.
    """

    frequencies: Tensor

    def __init__(self, features: int, hidden: int, scale: float = 4.0, seed: int = 0) -> None:
        super().__init__(features, hidden)
        drawn = torch.randn(features // 2, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("frequencies", scale * drawn)  # (features/2,)

    def encode(self, t: Tensor) -> Tensor:
        angle = 2 * math.pi * (t.float() / T_MAX)[:, None] * self.frequencies  # (B, features/2)
        return torch.cat([angle.sin(), angle.cos()], dim=1)


class LearnedTime(TimeMLP):
    """A table with one learned row for each whole step from 0 to 1000; steps between two rows take the nearer."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__(features, hidden)
        self.table = nn.Embedding(int(T_MAX) + 1, features)

    def encode(self, t: Tensor) -> Tensor:
        return self.table(t.round().long().clamp(0, int(T_MAX)))


class NoTime(TimeMLP):
    """The same vector for every step: the network is told nothing and has to see for itself."""

    def encode(self, t: Tensor) -> Tensor:
        return torch.zeros(len(t), self.features, device=t.device)

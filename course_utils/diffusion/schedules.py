"""Noise schedules: how fast a picture drowns.

Indices, everywhere in the course: t = 0 is data and t = T is noise. `betas` has shape (T,), and beta_t is
`betas[t - 1]`; `alpha_bar` has shape (T + 1,), and alpha_bar_t is `alpha_bar[t]`, with alpha_bar_0 = 1, the empty
product. A schedule is computed in float64: the product of a thousand factors near 1 loses digits in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.errors import CourseError


def linear_schedule(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    """T variances that rise in a straight line (Ho et al. 2020, arXiv 2006.11239, section 4).

    Args:
        T: number of steps.
        beta_start: beta_1. The defaults are the paper's, and were chosen for T = 1000.
        beta_end: beta_T.

    Returns:
        betas (T,), float64.
    """
    _check_steps(T)
    return torch.linspace(beta_start, beta_end, T, dtype=torch.float64)


def cosine_schedule(T: int, s: float = 0.008, beta_max: float = 0.999) -> Tensor:
    """Betas whose alpha_bar falls like a squared cosine (Nichol & Dhariwal 2021, arXiv 2102.09672, eq. 17).

    alpha_bar_t = f(t) / f(0) with f(t) = cos^2((t/T + s) / (1 + s) * pi/2), and
    beta_t = min(1 - alpha_bar_t / alpha_bar_{t-1}, beta_max).

    Args:
        T: number of steps.
        s: a small offset, so that the first betas are not too small to matter.
        beta_max: no beta exceeds it; without it the last beta would be 1.

    Returns:
        betas (T,), float64.
    """

    def f(u: Tensor) -> Tensor:  # u = t / T in [0, 1]
        return torch.cos((u + s) / (1 + s) * torch.pi / 2) ** 2

    return _betas_from(f, T, beta_max)


def sigmoid_schedule(
    T: int, start: float = -3.0, end: float = 3.0, tau: float = 1.0, beta_max: float = 0.999
) -> Tensor:
    """Betas whose alpha_bar falls like a sigmoid (Jabri et al. 2022, arXiv 2212.11972; Chen 2023, 2301.10972).

    alpha_bar_t = (S(end) - S(start + (end - start) t/T)) / (S(end) - S(start)) with S(v) = sigmoid(v / tau).

    Args:
        T: number of steps.
        start, end: the piece of the sigmoid that is used.
        tau: its temperature: larger is closer to a straight line.
        beta_max: no beta exceeds it.

    Returns:
        betas (T,), float64.
    """

    def f(u: Tensor) -> Tensor:  # f(0) > f(1) = 0; the quotient f(u) / f(0) is alpha_bar
        s_end = torch.sigmoid(torch.tensor(end / tau, dtype=torch.float64))
        return s_end - torch.sigmoid((start + (end - start) * u) / tau)

    return _betas_from(f, T, beta_max)


def mended_schedule(T: int, reference_T: int = 1000) -> Tensor:
    """The linear schedule for any number of steps: the betas grow as the steps become fewer.

    Each of the T steps does the work of reference_T / T steps of the original schedule, so beta is scaled by that
    factor, and alpha_bar_T stays near its value for 1000 steps, 4e-5 (Dhariwal & Nichol's code scales likewise).
    Without it, T = 150 steps end at alpha_bar = 0.219, and a sampler starts from noise the model never met.

    Args:
        T: number of steps.
        reference_T: the number of steps for which beta from 1e-4 to 0.02 was chosen.

    Returns:
        betas (T,), float64, at most 0.999.
    """
    _check_steps(T)
    scale = reference_T / T
    return linear_schedule(T, scale * 1e-4, scale * 0.02).clamp(max=0.999)


def alpha_bars(betas: Tensor) -> Tensor:
    """alpha_bar_t = prod_{s <= t} (1 - beta_s): the share of the data's variance that is left at step t.

    Args:
        betas: (T,), beta_1 to beta_T.

    Returns:
        alpha_bar (T + 1,), from alpha_bar_0 = 1 to alpha_bar_T (Ho et al. 2020, above eq. 4).
    """
    alpha_bar = torch.cumprod(1.0 - betas, dim=0)  # (T,)
    return torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar])  # (T + 1,)


def snr(alpha_bar: Tensor) -> Tensor:
    """The signal-to-noise ratio alpha_bar / (1 - alpha_bar) (Kingma et al. 2021, arXiv 2107.00630, eq. 2).

    Args:
        alpha_bar: any shape, values in [0, 1].

    Returns:
        The same shape: variance of the signal over variance of the noise; infinite where alpha_bar is 1.
    """
    return alpha_bar / (1.0 - alpha_bar)


def _betas_from(f: Callable[[Tensor], Tensor], T: int, beta_max: float) -> Tensor:
    """The betas whose products follow f(t/T) / f(0): beta_t = 1 - f(t/T) / f((t-1)/T)."""
    _check_steps(T)
    level = f(torch.linspace(0, 1, T + 1, dtype=torch.float64))  # (T + 1,)
    return (1 - level[1:] / level[:-1]).clamp(max=beta_max)  # (T,)


def _check_steps(T: int) -> None:
    if T < 1:
        raise CourseError(f"A schedule needs at least one step: T is {T}.")

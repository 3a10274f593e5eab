"""How much noise is in a picture, read off the picture alone: what a network that is not told the time can do."""

from __future__ import annotations

from torch import Tensor

MEDIAN_OF_NORMAL = 0.6745  # half of all standard normal numbers lie closer to 0 than this


def guess_noise_level(x: Tensor) -> Tensor:
    """The standard deviation of white noise in each image (Donoho & Johnstone 1994, Biometrika 81(3), section 4.2).

    Of each square of two by two pixels p q / r s it takes d = (p - q - r + s) / 2. A smooth picture has d near 0, and
    noise of standard deviation b gives d the same standard deviation. Edges make a few d large, so the median of |d|
    is used, divided by that of the standard normal distribution, 0.6745.

    Args:
        x: (B, C, H, W), noised images; an odd last row or column is left out.

    Returns:
        (B,), the guess at sqrt(1 - alpha_bar_t), one number an image.
    """
    x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    p, q, r, s = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
    d = (p - q - r + s) / 2  # (B, C, H/2, W/2)
    return d.abs().flatten(1).median(dim=1).values / MEDIAN_OF_NORMAL


def step_of_noise_level(level: Tensor, alpha_bar: Tensor) -> Tensor:
    """The step whose noise, sqrt(1 - alpha_bar_t), is nearest to each level.

    Args:
        level: (B,), standard deviations.
        alpha_bar: (T + 1,).

    Returns:
        (B,), int64, 0 to T.
    """
    noise = (1 - alpha_bar).clamp(min=0).sqrt().to(level.device)  # (T + 1,)
    return (level.to(noise.dtype)[:, None] - noise).abs().argmin(dim=1)

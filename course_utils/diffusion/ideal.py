"""The best denoiser there is for a finite data set, by Bayes' rule and without a network."""

from __future__ import annotations

import torch
from torch import Tensor


def ideal_denoiser(x_t: Tensor, t: Tensor, alpha_bar: Tensor, data: Tensor) -> Tensor:
    """E[x0 | x_t] when x0 is one of the images in `data`, each equally likely.

    x_t given x0 is normal with mean sqrt(alpha_bar_t) x0 and variance 1 - alpha_bar_t, so the posterior weight of
    image i is softmax_i(-|x_t - sqrt(alpha_bar_t) data_i|^2 / (2 (1 - alpha_bar_t))), and the posterior mean is the
    weighted average of the images (Karras et al. 2022, arXiv 2206.00364, eq. 57, in their notation).

    Args:
        x_t: (B, C, H, W).
        t: (B,), int64, 1 to T.
        alpha_bar: (T + 1,).
        data: (N, C, H, W), the whole data set.

    Returns:
        The posterior mean, (B, C, H, W).
    """
    a = alpha_bar.to(x_t.device, torch.float64)[t.to(x_t.device), None]  # (B, 1)
    x, d = x_t.flatten(1).double(), data.to(x_t.device).flatten(1).double()  # (B, D), (N, D)
    # |x_t|^2 is the same for every image and drops out of the softmax. Float64, because near t = 0 two large terms
    # are subtracted and divided by a small variance.
    logits = (a.sqrt() * (x @ d.T) - 0.5 * a * d.square().sum(1)) / (1 - a)  # (B, N)
    return (torch.softmax(logits, dim=1) @ d).to(x_t).reshape(x_t.shape)

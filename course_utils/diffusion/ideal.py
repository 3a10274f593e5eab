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


def blind_ideal_denoiser(x: Tensor, times: Tensor, alpha_bar: Tensor, data: Tensor) -> Tensor:
    """E[x0 | x] when neither the image nor the step is known: any of `data` and any of `times` is equally likely.

    The best that a network can do which is not told t. The step has to be guessed from the noise in x, so the
    posterior runs over pairs: p(i, t | x) ~ (1 - alpha_bar_t)^(-D/2) exp(-|x - sqrt(alpha_bar_t) data_i|^2 /
    (2 (1 - alpha_bar_t))), with D numbers in an image; the factor before the exponential was the same for all images
    in `ideal_denoiser`, and dropped out.

    Args:
        x: (B, C, H, W).
        times: (K,), int64, 1 to T: the steps that x may be from.
        alpha_bar: (T + 1,).
        data: (N, C, H, W), the whole data set.

    Returns:
        The posterior mean, (B, C, H, W).
    """
    flat, d = x.flatten(1).double(), data.to(x.device).flatten(1).double()  # (B, D), (N, D)
    product, own, theirs = flat @ d.T, flat.square().sum(1, keepdim=True), d.square().sum(1)
    logits = torch.full_like(product, -torch.inf)  # (B, N): of an image, whatever the step
    for a in alpha_bar.to(x.device, torch.float64)[times.to(x.device)]:
        distance = own - 2 * a.sqrt() * product + a * theirs  # (B, N), squared
        at_step = -distance / (2 * (1 - a)) - 0.5 * flat.shape[1] * torch.log(1 - a)
        logits = torch.logaddexp(logits, at_step)  # probabilities of the steps add up
    of_images = torch.softmax(logits, dim=1)  # (B, N)
    return (of_images @ d).to(x).reshape(x.shape)

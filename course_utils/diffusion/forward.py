"""The forward process: from data to noise, one step at a time or in one jump, and back when the noise is known."""

from __future__ import annotations

from torch import Tensor


def per_image(values: Tensor, like: Tensor) -> Tensor:
    """Reshape (B,) to (B, 1, 1, ...) in the dtype and on the device of `like`, to multiply each image by its own."""
    return values.to(like).reshape(-1, *[1] * (like.ndim - 1))


def noise_one_step(x_prev: Tensor, t: int, betas: Tensor, eps: Tensor) -> Tensor:
    """From step t - 1 to step t: x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) eps (Ho et al. 2020, eq. 2).

    Args:
        x_prev: x_{t-1}, (B, C, H, W) or any shape.
        t: the step that is reached, 1 to T.
        betas: (T,), beta_t is `betas[t - 1]`.
        eps: standard normal noise, shaped like x_prev.

    Returns:
        x_t, shaped like x_prev, in its dtype and on its device.
    """
    beta = betas[t - 1].to(x_prev)
    return (1 - beta).sqrt() * x_prev + beta.sqrt() * eps


def q_sample(x0: Tensor, t: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    """Jump to step t at once: x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps (Ho et al. 2020, eq. 4).

    Args:
        x0: clean images, (B, C, H, W).
        t: (B,), int64, 0 to T; each image has its own step.
        alpha_bar: (T + 1,).
        eps: standard normal noise, shaped like x0.

    Returns:
        x_t, shaped like x0, in its dtype and on its device.
    """
    a = per_image(alpha_bar.to(t.device)[t], x0)  # (B, 1, 1, 1)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps


def recover_x0(x_t: Tensor, t: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    """Undo `q_sample`: x0 = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t) (Ho et al. 2020, above eq. 9).

    Exact if `eps` is the noise that was added; a guess at x0 if a network predicted it.

    Args:
        x_t: noised images, (B, C, H, W).
        t: (B,), int64, 0 to T.
        alpha_bar: (T + 1,).
        eps: the noise in x_t, shaped like x_t.

    Returns:
        x0, shaped like x_t, in its dtype and on its device.
    """
    a = per_image(alpha_bar.to(t.device)[t], x_t)  # (B, 1, 1, 1)
    return (x_t - (1 - a).sqrt() * eps) / a.sqrt()

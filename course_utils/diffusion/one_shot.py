"""What lesson 02 trains: a network that sees a noisy image, is told nothing else, and guesses the clean one."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from course_utils.diffusion.forward import q_sample


def denoising_loss(model: Callable[[Tensor], Tensor], x0: Tensor, t: Tensor, alpha_bar: Tensor, eps: Tensor) -> Tensor:
    """E |x0 - model(x_t)|^2, whose minimum over all functions is the posterior mean E[x0 | x_t].

    Args:
        model: `model(x)` guesses the clean image, shaped like x. It is not told t.
        x0: clean images, (B, C, H, W).
        t: (B,), int64, 0 to T; each image has its own step.
        alpha_bar: (T + 1,).
        eps: standard normal noise, shaped like x0.

    Returns:
        A scalar: the mean over images, channels and pixels.
    """
    x_t = q_sample(x0, t, alpha_bar, eps)
    return (model(x_t) - x0).square().mean()

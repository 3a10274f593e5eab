"""Learned variance: a network that also says how much noise each step back should add.

The variance of a step back lies between beta-tilde, which is right if the data were a single picture, and beta, right
if they were pure noise. Nichol & Dhariwal (2021, arXiv 2102.09672) let the network choose a point between the two, for
every pixel, and train it with the variational bound, which the simple loss knows nothing of.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.diffusion.forward import per_image, q_sample, recover_x0
from course_utils.diffusion.losses import Model
from course_utils.diffusion.posterior import posterior_mean, posterior_variance, step_variance
from course_utils.diffusion.times import model_time
from course_utils.errors import CourseError


def interpolate_log_variance(v: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """log variance = v log beta_t + (1 - v) log beta-tilde_t (Nichol & Dhariwal 2021, eq. 15).

    Args:
        v: (B, C, H, W) or any shape (B, ...), in [0, 1]: a network's second half, o, as v = (o + 1) / 2.
        t: (B,), int64, 1 to T.
        alpha_bar: (T + 1,), with T at least 2.

    Returns:
        The log variance, shaped like v, in its dtype and on its device. At t = 1, where beta-tilde is 0 and has no
        logarithm, beta-tilde_2 takes its place, as in the authors' code.

    Raises:
        CourseError: if a step is below 1 or above T, or the schedule has only one.
    """
    if len(alpha_bar) < 3:
        raise CourseError("A learned variance needs a schedule of at least two steps: T is 1.")
    log_beta = step_variance(t, alpha_bar).log()  # (B,)
    log_beta_tilde = posterior_variance(t.clamp(min=2), alpha_bar).log()  # (B,)
    return v * per_image(log_beta, v) + (1 - v) * per_image(log_beta_tilde, v)


def hybrid_loss(
    model: Model,
    x0: Tensor,
    t: Tensor,
    alpha_bar: Tensor,
    eps: Tensor,
    cond: Tensor | None = None,
    *,
    vlb_weight: float = 0.001,
) -> Tensor:
    """L_hybrid = L_simple + lambda L_vlb (Nichol & Dhariwal 2021, eq. 16).

    L_simple trains the noise prediction alone, and L_vlb the variance alone: in it the predicted mean is detached. One
    step of each image stands for the sum over all T, so L_vlb is T times the mean of `vlb_bits`.

    Args:
        model: `model(x, t, cond)` gives (B, 2C, ...): first the noise, then o, with v = (o + 1) / 2.
        x0, t, alpha_bar, eps, cond: as for `ddpm_loss`.
        vlb_weight: lambda, so small because the bound is a sum over steps.

    Returns:
        A scalar.

    Raises:
        CourseError: if the model does not give twice the channels.
    """
    T = len(alpha_bar) - 1
    x_t = q_sample(x0, t, alpha_bar, eps)
    output = model(x_t, model_time(t, T).to(x0.device), cond)  # (B, 2C, H, W)
    eps_hat, v = split_variance(output, x_t)
    simple = (eps - eps_hat).square().mean()
    log_variance = interpolate_log_variance(v, t, alpha_bar)
    return simple + vlb_weight * T * vlb_bits(x0, x_t, t, alpha_bar, eps_hat.detach(), log_variance).mean()


def split_variance(output: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """A network's 2C channels as the noise (B, C, ...) and v = (o + 1) / 2 (B, C, ...); `like` has the C channels."""
    if output.shape[1] != 2 * like.shape[1]:
        raise CourseError(
            f"A network with a learned variance gives {2 * like.shape[1]} channels, noise and variance: "
            f"this one gives {output.shape[1]}. Build it with outputs={2 * like.shape[1]}."
        )
    eps_hat, o = output.chunk(2, dim=1)
    return eps_hat, (o + 1) / 2


def vlb_bits(x0: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor, eps_hat: Tensor, log_variance: Tensor) -> Tensor:
    """One term of the variational bound for each image (Ho et al. 2020, eq. 5), in bits for each number in an image.

    For t > 1 it is KL(q(x_{t-1} | x_t, x0) || p(x_{t-1} | x_t)), two normals. For t = 1 it is -log p(x0 | x_1), the
    probability that p gives to the right one of 256 grey levels (Ho et al. 2020, eq. 13).

    Args:
        x0, x_t: (B, C, H, W), clean and at step t.
        t: (B,), int64, 1 to T.
        alpha_bar: (T + 1,).
        eps_hat: the predicted noise, shaped like x_t.
        log_variance: of p, shaped like x_t.

    Returns:
        (B,).
    """
    mean = posterior_mean(recover_x0(x_t, t, alpha_bar, eps_hat), x_t, t, alpha_bar)
    # At t = 1 the true posterior has no width; its term is not used there.
    true_log_variance = per_image(posterior_variance(t.clamp(min=2), alpha_bar).log(), x_t)
    kl = normal_kl(posterior_mean(x0, x_t, t, alpha_bar), true_log_variance, mean, log_variance)
    first = per_image(t == 1, x_t).bool()
    nats = torch.where(first, grey_level_nll(x0, mean, log_variance), kl)
    return nats.flatten(1).mean(1) / math.log(2)


def normal_kl(mean_q: Tensor, log_variance_q: Tensor, mean_p: Tensor, log_variance_p: Tensor) -> Tensor:
    """KL(q || p) of two normal distributions, number by number, in nats."""
    excess = (log_variance_q - log_variance_p).exp() + (mean_q - mean_p).square() * (-log_variance_p).exp() - 1
    return 0.5 * (log_variance_p - log_variance_q + excess)


def grey_level_nll(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """-log of the mass that a normal distribution puts on x's grey level, 1/255 to either side, in nats.

    The darkest level reaches down to minus infinity and the brightest up to infinity (Ho et al. 2020, eq. 13).
    """
    scale = (-0.5 * log_variance).exp()
    upper = torch.special.ndtr((x + 1 / 255 - mean) * scale).masked_fill(x > 0.999, 1.0)
    lower = torch.special.ndtr((x - 1 / 255 - mean) * scale).masked_fill(x < -0.999, 0.0)
    return -(upper - lower).clamp(min=1e-12).log()  # the floor keeps the loss finite far from the data

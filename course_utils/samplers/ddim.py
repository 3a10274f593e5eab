"""DDIM sampling: keep the predicted picture and the predicted noise, and mix them anew for a step far away."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Generator, Tensor

from course_utils.diffusion.forward import per_image
from course_utils.errors import CourseError
from course_utils.samplers.predict import Predict, in_company, times_for
from course_utils.samplers.steps import Watch, clean, normal_like, respace


def ddim_step(
    x_t: Tensor, eps: Tensor, t: int, s: int, alpha_bar: Tensor, eta: float | Tensor = 0.0, z: Tensor | None = None
) -> Tensor:
    """From step t to any earlier step s (Song et al. 2020, arXiv 2010.02502, eq. 12 and 16).

    x0_hat = (x_t - sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_bar_t)
    sigma  = eta sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t)) sqrt(1 - alpha_bar_t / alpha_bar_s)
    x_s    = sqrt(alpha_bar_s) x0_hat + sqrt(1 - alpha_bar_s - sigma^2) eps + sigma z

    The two kinds of noise, old and fresh, always have the variance 1 - alpha_bar_s together, as training had it.

    Args:
        x_t: (B, C, H, W) or any shape (B, ...), at step t.
        eps: the predicted noise in x_t, shaped like it.
        t, s: 0 <= s < t <= T, the same for all images.
        alpha_bar: (T + 1,).
        eta: 0 adds no fresh noise; 1 adds as much as DDPM with the variance beta-tilde; a number or (B,), one each.
        z: standard normal noise, shaped like x_t; needed where eta is above 0.

    Returns:
        x_s, shaped like x_t, in its dtype and on its device.

    Raises:
        CourseError: if t and s are not in order, eta is not in [0, 1], or z is missing.
    """
    if not 0 <= s < t < len(alpha_bar):
        raise CourseError(f"A step leads from t to an earlier s, both from {len(alpha_bar) - 1} to 0: {t} to {s}.")
    x0_hat, _ = clean(x_t, eps, t, alpha_bar)
    sigma = _sigma(eta, t, s, alpha_bar)
    a_s = alpha_bar[s].to(sigma.device)
    kept = (1 - a_s - sigma**2).clamp(min=0).sqrt()  # rounding must not turn 0 into a negative number
    x_s = a_s.sqrt() * x0_hat + per_image(kept, x_t) * eps
    if not sigma.any():
        return x_s
    if z is None:
        raise CourseError("With eta above 0 a step adds fresh noise: give z, shaped like x_t.")
    return x_s + per_image(sigma, x_t) * z


@in_company
def sample_ddim(
    predict: Predict,
    x_T: Tensor,
    alpha_bar: Tensor,
    steps: int,
    *,
    eta: float | Tensor = 0.0,
    generator: Generator | None = None,
    clip: bool = False,
    start: int | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """From noise to data in few steps (Song et al. 2020, arXiv 2010.02502, section 4).

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        x_T: standard normal noise, (B, C, H, W) or any shape (B, ...); or x at step `start`.
        alpha_bar: (T + 1,).
        steps: how many steps to take, spread evenly by `respace`.
        eta: as for `ddim_step`; a number or (B,).
        generator: where fresh noise comes from, on the CPU; needed where eta is above 0.
        clip: clamp the predicted x0 to [-1, 1] at every step and go on with the eps that belongs to it.
        start: begin at this step instead of T.
        watch: called as watch(t, x_t, x0_hat) at every step, before the step is taken; for films.

    Returns:
        x_0, shaped like x_T, in its dtype and on its device.

    Raises:
        CourseError: if there are not between 1 and `start` steps, eta is not in [0, 1], or the generator is missing.
    """
    T = len(alpha_bar) - 1
    start = T if start is None else start
    if not 1 <= start <= T:
        raise CourseError(f"Sampling starts at t = 1 to {T}: start is {start}.")
    noisy = bool((torch.as_tensor(eta) > 0).any())
    if noisy and generator is None:
        raise CourseError("With eta above 0 every step adds fresh noise: give a generator to draw it from.")
    x = x_T
    for t, s in pairwise(respace(start, steps).tolist()):
        eps = predict(x, times_for(x, t, alpha_bar))
        x0_hat, eps = clean(x, eps, t, alpha_bar, clip)
        if watch is not None:
            watch(t, x, x0_hat)
        z = normal_like(x, generator) if generator is not None and noisy and s > 0 else None
        x = ddim_step(x, eps, t, s, alpha_bar, eta, z)
    return x


def _sigma(eta: float | Tensor, t: int, s: int, alpha_bar: Tensor) -> Tensor:
    """The standard deviation of the fresh noise (eq. 16): () or (B,), float64; 0 at s = 0."""
    eta = torch.as_tensor(eta, dtype=alpha_bar.dtype)
    if (eta < 0).any() or (eta > 1).any():
        raise CourseError(f"The share of fresh noise, eta, is between 0 and 1: it is {eta.tolist()}.")
    a, a_s = alpha_bar[t].to(eta.device), alpha_bar[s].to(eta.device)
    return eta * ((1 - a_s) / (1 - a)).sqrt() * (1 - a / a_s).sqrt()

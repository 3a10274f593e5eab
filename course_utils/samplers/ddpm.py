"""DDPM sampling: at every step, take out a little of the predicted noise and put a little fresh noise in."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Generator, Tensor

from course_utils.diffusion.variance import interpolate_log_variance, split_variance
from course_utils.errors import CourseError
from course_utils.samplers.predict import Predict, in_company, times_for
from course_utils.samplers.steps import Watch, check_step, clean, normal_like, respace

VARIANCES = ("beta", "beta-tilde", "learned")


def p_sample(
    predict: Predict,
    x_t: Tensor,
    t: int,
    alpha_bar: Tensor,
    z: Tensor,
    *,
    variance: str = "beta",
    clip: bool = False,
) -> Tensor:
    """One step back, from t to t - 1 (Ho et al. 2020, arXiv 2006.11239, algorithm 2, line 4; the mean is eq. 11).

    x_{t-1} = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t) + sigma_t z, without the noise at t = 1.

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        x_t: (B, C, H, W) or any shape (B, ...), at step t.
        t: 1 to T, the same for all images.
        alpha_bar: (T + 1,).
        z: standard normal noise, shaped like x_t; not used at t = 1.
        variance: sigma_t^2: "beta", right for data that are noise themselves; "beta-tilde", right for a single picture
            (section 3.2); "learned", if predict gives twice the channels (Nichol & Dhariwal 2021, eq. 15).
        clip: clamp the predicted x0 to [-1, 1] and go on with the eps that belongs to it.

    Returns:
        x_{t-1}, shaped like x_t, in its dtype and on its device.

    Raises:
        CourseError: if t is not from 1 to T, or there is no such variance.
    """
    check_step(t, alpha_bar)
    eps, v = _ask(predict, x_t, t, alpha_bar, variance)
    _, eps = clean(x_t, eps, t, alpha_bar, clip)
    return ddpm_step(x_t, eps, t, t - 1, alpha_bar, z, variance=variance, v=v)


def ddpm_step(
    x_t: Tensor,
    eps: Tensor,
    t: int,
    s: int,
    alpha_bar: Tensor,
    z: Tensor | None,
    *,
    variance: str = "beta",
    v: Tensor | None = None,
) -> Tensor:
    """From t to any s < t, the noise known: the formula of `p_sample`, with the way from s to t as a single step.

    alpha = alpha_bar_t / alpha_bar_s takes the place of alpha_t, and 1 - alpha that of beta_t.

    Args:
        x_t, eps, z: (B, ...); z is not used at s = 0 and may be None there.
        t, s: 0 <= s < t <= T.
        alpha_bar: (T + 1,).
        variance: "beta", "beta-tilde" or "learned", which needs v, shaped like x_t, in [0, 1].

    Returns:
        x_s, shaped like x_t.
    """
    a, a_s = alpha_bar[t], alpha_bar[s]  # single numbers, so that x_t keeps its dtype and device
    alpha = a / a_s
    beta = 1 - alpha
    mean = (x_t - beta / (1 - a).sqrt() * eps) / alpha.sqrt()
    if s == 0:  # the last step: noise added now would stay in the picture
        return mean
    if z is None:
        raise CourseError(f"A step to t = {s} needs fresh noise: give z, shaped like x_t.")
    if variance == "beta":
        return mean + beta.sqrt() * z
    if variance == "beta-tilde":
        return mean + ((1 - a_s) / (1 - a) * beta).sqrt() * z
    if v is None:
        raise CourseError("The learned variance needs v, the network's second half of the channels.")
    second = torch.full((len(x_t),), 2, device=x_t.device)
    log_variance = interpolate_log_variance(v, second, alpha_bar[[0, s, t]])  # s to t, as step 2 of a schedule of two
    return mean + (0.5 * log_variance).exp() * z


@in_company
def sample_ddpm(
    predict: Predict,
    x_T: Tensor,
    alpha_bar: Tensor,
    generator: Generator,
    *,
    variance: str = "beta",
    clip: bool = False,
    steps: int | None = None,
    watch: Watch | None = None,
) -> Tensor:
    """From noise to data, step by step (Ho et al. 2020, algorithm 2).

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        x_T: standard normal noise, (B, C, H, W) or any shape (B, ...).
        alpha_bar: (T + 1,).
        generator: where the noise of each step comes from, on the CPU, so that every device draws the same.
        variance, clip: as for `p_sample`.
        steps: how many steps to take, spread over all T by `respace`; None takes every one.
        watch: called as watch(t, x_t, x0_hat) at every step, before the step is taken; for films.

    Returns:
        x_0, shaped like x_T, in its dtype and on its device.

    Raises:
        CourseError: if there are not between 1 and T steps, or there is no such variance.
    """
    T = len(alpha_bar) - 1
    x = x_T
    for t, s in pairwise(respace(T, T if steps is None else steps).tolist()):
        eps, v = _ask(predict, x, t, alpha_bar, variance)
        x0_hat, eps = clean(x, eps, t, alpha_bar, clip)
        if watch is not None:
            watch(t, x, x0_hat)
        z = normal_like(x, generator) if s > 0 else None  # line 3: z = 0 at the last step
        x = ddpm_step(x, eps, t, s, alpha_bar, z, variance=variance, v=v)  # line 4
    return x


def _ask(predict: Predict, x: Tensor, t: int, alpha_bar: Tensor, variance: str) -> tuple[Tensor, Tensor | None]:
    """The predicted noise and, where the variance is learned, v; each shaped like x."""
    if variance not in VARIANCES:
        raise CourseError(f"The variance is one of {', '.join(VARIANCES)}: it is {variance!r}.")
    output = predict(x, times_for(x, t, alpha_bar))
    return split_variance(output, x) if variance == "learned" else (output, None)

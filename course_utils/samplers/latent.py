"""Noise as a code for pictures: between two of them, back to one from a picture, and a head start from a guess.

Without fresh noise (eta = 0), DDIM is a function: the same x_T always gives the same picture. So noise can be used as
an address.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from course_utils.diffusion.forward import per_image, q_sample
from course_utils.errors import CourseError
from course_utils.samplers.ddim import sample_ddim
from course_utils.samplers.predict import Predict, times_for
from course_utils.samplers.steps import clean, respace


def slerp(a: Tensor, b: Tensor, u: float | Tensor) -> Tensor:
    """From a to b along the great circle (Shoemake 1985; Song et al. 2020, arXiv 2010.02502, appendix D.5).

    slerp = (sin((1 - u) theta) a + sin(u theta) b) / sin(theta), theta the angle between a and b

    Noise in many dimensions lies near a sphere. The straight line between two noises cuts through the inside, where
    the network has never been; the circle stays outside.

    Args:
        a, b: (B, C, H, W) or any shape (B, ...); each pair has its own angle.
        u: how far along, 0 for a and 1 for b; a number or (B,), one for each pair.

    Returns:
        Shaped like a. Where a and b point the same way, and the circle has no direction, the straight line; for exact
        opposites too, though there every circle would do.

    Raises:
        CourseError: if a and b differ in shape.
    """
    if a.shape != b.shape:
        raise CourseError(f"Each noise needs a partner of its own shape: {tuple(a.shape)} and {tuple(b.shape)}.")
    u = torch.as_tensor(u, dtype=a.dtype, device=a.device).reshape(-1)  # (1,) or (B,)
    cosine = torch.cosine_similarity(a.flatten(1), b.flatten(1), dim=1)  # (B,)
    theta = cosine.clamp(-1, 1).acos()
    straight = theta.sin() < 1e-4
    theta = torch.where(straight, 1.0, theta)  # any angle that does not divide by 0
    of_a = torch.where(straight, 1 - u, ((1 - u) * theta).sin() / theta.sin())
    of_b = torch.where(straight, u, (u * theta).sin() / theta.sin())
    return per_image(of_a, a) * a + per_image(of_b, b) * b


def ddim_invert(predict: Predict, x0: Tensor, alpha_bar: Tensor, steps: int) -> Tensor:
    """The noise from which DDIM would make this picture: its steps, walked the other way.

    A step up from s to t takes the same two lines as a step down: find the clean picture, and mix it with the same eps
    at the other level. But eps is wanted at x_t, which is not known yet, and asked at x_s. That is the whole error, and
    it shrinks with the length of the steps (Song et al. 2020, section 4.3 and 5.4). The network is told t, as it will
    be on the way down: it was never trained at time 0.

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        x0: pictures, (B, C, H, W) or any shape (B, ...).
        alpha_bar: (T + 1,).
        steps: how many steps to take, spread evenly by `respace`.

    Returns:
        x_T, shaped like x0: `sample_ddim(predict, x_T, alpha_bar, steps)` is near x0.

    Raises:
        CourseError: if there are not between 1 and T steps.
    """
    x = x0
    upwards = respace(len(alpha_bar) - 1, steps).flip(0).tolist()  # 0, ..., T
    for s, t in pairwise(upwards):
        eps = predict(x, times_for(x, t, alpha_bar))
        x0_hat, _ = clean(x, eps, s, alpha_bar)
        x = alpha_bar[t].sqrt() * x0_hat + (1 - alpha_bar[t]).sqrt() * eps
    return x


def sample_truncated(
    predict: Predict, x_guess: Tensor, t_start: int, alpha_bar: Tensor, steps: int, eps: Tensor
) -> Tensor:
    """A head start: noise a cheap guess up to t_start, and let DDIM (eta = 0) go on from there.

    The guess settles what is large and rough, and the steps above t_start are saved. Zheng et al. (2022, arXiv
    2202.09671) train a model for the guess; with a picture as the guess it is editing (Meng et al. 2021, SDEdit,
    arXiv 2108.01073).

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        x_guess: something like pictures, (B, C, H, W) or any shape (B, ...).
        t_start: 1 to T. At a low one the guess stays as it is; at T nothing is left of it.
        alpha_bar: (T + 1,).
        steps: how many steps to take from t_start to 0.
        eps: standard normal noise, shaped like x_guess.

    Returns:
        x_0, shaped like x_guess.

    Raises:
        CourseError: if t_start is not a step of the schedule, or there are not between 1 and t_start steps.
    """
    if not 1 <= t_start < len(alpha_bar):
        raise CourseError(f"Sampling starts at t = 1 to {len(alpha_bar) - 1}: t_start is {t_start}.")
    t = torch.full((len(x_guess),), t_start, device=x_guess.device)
    x_start = q_sample(x_guess, t, alpha_bar, eps)
    return sample_ddim(predict, x_start, alpha_bar, steps, start=t_start)

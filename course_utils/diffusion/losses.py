"""What training minimises: noise a picture, ask the network what was added, and measure how far off it is."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from course_utils.diffusion.forward import q_sample
from course_utils.diffusion.targets import target
from course_utils.diffusion.times import model_time
from course_utils.errors import CourseError

Model = Callable[..., Tensor]  # model(x (B, ...), t (B,) on 0 to 1000, cond) -> like x

DISTANCES: dict[str, Callable[..., Tensor]] = {"l2": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss}


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


def ddpm_loss(
    model: Model, x0: Tensor, t: Tensor, alpha_bar: Tensor, eps: Tensor, cond: Tensor | None = None
) -> Tensor:
    """L_simple = E |eps - model(x_t, t)|^2 (Ho et al. 2020, arXiv 2006.11239, eq. 14; algorithm 1, line 5).

    Args:
        model: `model(x, t, cond)` gives the noise in x, shaped like x; t is on the scale 0 to 1000.
        x0: clean images, (B, C, H, W) or any shape (B, ...).
        t: (B,), int64, 1 to T; each image has its own step.
        alpha_bar: (T + 1,).
        eps: standard normal noise, shaped like x0.
        cond: what the model is told besides, or None.

    Returns:
        A scalar: the mean over images, channels and pixels. 1 for a model that always answers 0.
    """
    T = len(alpha_bar) - 1
    x_t = q_sample(x0, t, alpha_bar, eps)
    eps_hat = model(x_t, model_time(t, T).to(x0.device), cond)
    return (eps - eps_hat).square().mean()


def diffusion_loss(
    model: Model,
    x0: Tensor,
    t: Tensor,
    alpha_bar: Tensor,
    eps: Tensor,
    cond: Tensor | None = None,
    *,
    kind: str = "eps",
    distance: str = "l2",
    weight: Tensor | None = None,
) -> Tensor:
    """`ddpm_loss` with the target, the distance and the weight of each image left open.

    Args:
        model, x0, t, alpha_bar, eps, cond: as for `ddpm_loss`, but the model gives what `kind` says.
        kind: what the model predicts: "eps", "x0" or "v" (see `target`).
        distance: "l2", the squared error; "l1", the absolute error; or "huber", squared below 1 and straight above
            (half the squared error there, so half as large as "l2" for small errors).
        weight: (B,), a factor for each image, such as a function of its signal-to-noise ratio; None for 1.

    Returns:
        A scalar: the mean over images, channels and pixels, of weight times distance.

    Raises:
        CourseError: if there is no such kind or distance, or the weights are not one for each image.
    """
    if distance not in DISTANCES:
        raise CourseError(f"The distance is one of {', '.join(DISTANCES)}: it is {distance!r}.")
    T = len(alpha_bar) - 1
    x_t = q_sample(x0, t, alpha_bar, eps)
    prediction = model(x_t, model_time(t, T).to(x0.device), cond).to(x0)  # under autocast, it comes as bfloat16
    wanted = target(kind, x0, eps, t, alpha_bar)
    if weight is None:
        return DISTANCES[distance](prediction, wanted)
    if weight.shape != (len(x0),):
        raise CourseError(f"Give one weight for each of the {len(x0)} images: their shape is {tuple(weight.shape)}.")
    each = DISTANCES[distance](prediction, wanted, reduction="none").flatten(1).mean(1)  # (B,)
    return (weight.to(each) * each).mean()

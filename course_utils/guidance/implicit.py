"""The classifier that nobody trained: what a class-conditional diffusion model knows about p(y | x)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.diffusion import model_time, q_sample
from course_utils.diffusion.forward import per_image
from course_utils.errors import CourseError
from course_utils.samplers import as_predict


def implicit_gradient(model: Any, cond: Tensor, x: Tensor, t: Tensor, alpha_bar: Tensor, kind: str = "eps") -> Tensor:
    """grad_x log p(cond | x_t), read off the two predictions (Ho & Salimans 2022, arXiv 2207.12598, section 3.2).

    By Bayes' rule log p(y | x_t) = log p(x_t | y) - log p(x_t) + a number, and a score is -eps / sqrt(1 - alpha_bar_t):
    grad_x log p(y | x_t) = (eps_uncond - eps_cond) / sqrt(1 - alpha_bar_t).

    Args:
        model: `model(x, t, cond)`, such as `models.UNet(classes=K)`; `model.classes` is its null class.
        cond: (B,), int64, the class of each image.
        x: noised images, (B, C, H, W) or any shape (B, ...).
        t: (B,), int64, 1 to T: the step of each.
        alpha_bar: (T + 1,).
        kind: what the model predicts.

    Returns:
        Shaped like x. It is the difference of two learned functions, and need not be the gradient of anything.

    Raises:
        CourseError: a step that is not from 1 to T.
    """
    T = len(alpha_bar) - 1
    _check_steps(t, T)
    both = torch.cat([cond, torch.full_like(cond, model.classes)])
    predict = as_predict(model, both, kind, alpha_bar)
    eps_cond, eps_uncond = predict(torch.cat([x, x]), model_time(torch.cat([t, t]), T).to(x.device)).chunk(2)
    return (eps_uncond - eps_cond) / per_image((1 - alpha_bar[t]).sqrt(), x)


def implicit_class(model: Any, x0: Tensor, t: Tensor, alpha_bar: Tensor, eps: Tensor, kind: str = "eps") -> Tensor:
    """How well each class explains the noise that was put into an image (Li et al. 2023, arXiv 2303.16203, eq. 5).

    An image is noised and the model asked once a class: the class under which it names the noise best is the likeliest.
    It takes K calls, and one level of noise is a rough guess: average the result over steps and noises before reading
    off the largest.

    Args:
        model: `model(x, t, cond)`; `model.classes` is K.
        x0: clean images, (B, C, H, W) or any shape (B, ...).
        t: (B,), int64, 1 to T.
        alpha_bar: (T + 1,).
        eps: the noise to put in, shaped like x0.
        kind: what the model predicts.

    Returns:
        (B, K): the squared error |eps - eps_hat|^2 of each class, summed over an image, times -1/2. A softmax over it,
        or over its sum over many draws, gives probabilities.

    Raises:
        CourseError: a step that is not from 1 to T.
    """
    T = len(alpha_bar) - 1
    _check_steps(t, T)
    x_t, time = q_sample(x0, t, alpha_bar, eps), model_time(t, T).to(x0.device)
    fits = []
    for k in range(model.classes):
        predict = as_predict(model, torch.full((len(x0),), k), kind, alpha_bar)
        fits.append(-0.5 * (eps - predict(x_t, time)).square().flatten(1).sum(dim=1))
    return torch.stack(fits, dim=1)  # (B, K)


def implicit_accuracy(
    model: Any,
    x0: Tensor,
    labels: Tensor,
    step: int,
    alpha_bar: Tensor,
    generator: Generator,
    *,
    kind: str = "eps",
    draws: int = 1,
) -> tuple[float, Tensor]:
    """How often the class that explains the noise best is the right one, at one step.

    Args:
        model, x0, alpha_bar, kind: as for `implicit_class`.
        labels: (B,), int64, the right classes.
        step: 1 to T.
        generator: of the noise.
        draws: how many noises are tried an image; the same for all classes.

    Returns:
        The share, 0 to 1, and the summed fits (B, K), to be added over steps.
    """
    t = torch.full((len(x0),), step)
    total = torch.zeros(len(x0), model.classes)
    for _ in range(draws):
        total = total + implicit_class(model, x0, t, alpha_bar, torch.randn(x0.shape, generator=generator), kind)
    return (total.argmax(dim=1) == labels).float().mean().item(), total


def _check_steps(t: Tensor, T: int) -> None:
    if (t < 1).any() or (t > T).any():
        raise CourseError(f"There is noise at the steps 1 to {T}: t goes from {int(t.min())} to {int(t.max())}.")

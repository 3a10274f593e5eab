"""Classifier-free guidance: one network that is told the class or nothing, and a step beyond the difference.

Ho & Salimans 2022, arXiv 2207.12598. Training drops the whole condition of some images (algorithm 1); sampling asks
twice, with and without it, and goes on in the direction in which the condition pulls (algorithm 2).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.diffusion.forward import per_image
from course_utils.errors import CourseError
from course_utils.samplers import Predict, as_predict, sample_ddim
from course_utils.samplers.steps import Watch

ALWAYS = (0.0, 1000.0)  # an interval of times, on the scale on which a network is told them


def bernoulli_mask(n: int, p: float, generator: Generator) -> Tensor:
    """Which of n images lose their condition: each on its own, with probability p (algorithm 1, line 3).

    Args:
        n: how many images.
        p: p_uncond, 0 to 1.
        generator: the source of randomness.

    Returns:
        (n,), bool, True where the condition is dropped; on the generator's device.

    Raises:
        CourseError: if p is no probability.
    """
    if not 0 <= p <= 1:
        raise CourseError(f"The share of images that lose their condition is between 0 and 1: p is {p}.")
    return torch.rand(n, generator=generator, device=generator.device) < p


def drop_condition(cond: Tensor, mask: Tensor, null: int) -> Tensor:
    """Put the null class where the mask is True.

    Args:
        cond: (B,), int64, the classes.
        mask: (B,), bool, one entry an image.
        null: the class that stands for "nothing said": K, if the classes are 0 to K - 1.

    Returns:
        (B,), int64; `cond` stays as it was.

    Raises:
        CourseError: if there is not one entry of the mask for each class.
    """
    if mask.shape != cond.shape:
        raise CourseError(
            f"A condition is dropped as a whole or not at all, so the mask has one entry an image: it has shape "
            f"{tuple(mask.shape)} for classes of shape {tuple(cond.shape)}."
        )
    return cond.masked_fill(mask.to(cond.device), null)


def guide(eps_cond: Tensor, eps_uncond: Tensor, w: float | Tensor) -> Tensor:
    """(1 + w) eps_cond - w eps_uncond (eq. 6): w = 0 is conditional, -1 unconditional, above 0 goes beyond.

    Args:
        eps_cond, eps_uncond: the two predictions, (B, C, H, W) or any shape (B, ...).
        w: the guidance weight, one number or (B,), one each.

    Returns:
        Shaped like eps_cond, in its dtype and on its device.
    """
    w = per_image(torch.as_tensor(w), eps_cond)
    return (1 + w) * eps_cond - w * eps_uncond


def cfg_from_scale(scale: float | Tensor) -> float | Tensor:
    """The weight w of `guide` that does what the guidance scale of most codes does: w = scale - 1.

    They write eps_uncond + scale (eps_cond - eps_uncond), so that scale = 1 means no guidance (diffusers, and
    Saharia et al. 2022, arXiv 2205.11487, eq. 2), and this paper counts from 0.
    """
    return scale - 1


def guided_predict(
    model: Any,
    cond: Tensor,
    w: float | Tensor,
    *,
    kind: str = "eps",
    alpha_bar: Tensor | None = None,
    null: int | None = None,
    interval: tuple[float, float] = ALWAYS,
    every: int = 1,
    halves: bool = False,
) -> Predict:
    """A sampler's predict that asks the network with and without the condition, in one batch, and guides.

    Where one of the two answers has the weight 0, it is not asked for: at w = 0 the unconditional one, at w = -1 the
    conditional one.

    Args:
        model: `model(x, t, cond)`, such as `models.UNet(classes=K)`.
        cond: (B,), int64, the class of each image.
        w: the guidance weight, one number or (B,).
        kind, alpha_bar, halves: as for `as_predict`. The guide works on the noise, whatever the network predicts.
        null: the class that means nothing; by default the model's own, `model.classes`.
        interval: guide only at times from the first to the second, on the scale 0 to 1000; elsewhere w is 0
            (Kynkäänniemi et al. 2024, arXiv 2404.07724, eq. 5).
        every: ask for the unconditional noise only at every so many calls, and go on with the last one in between.

    Returns:
        predict(x, t) -> eps, shaped like x. With `every` above 1 it remembers, until t rises again.

    Raises:
        CourseError: no null class, an interval that is none, or `every` below 1.
    """
    null = getattr(model, "classes", None) if null is None else null
    if not isinstance(null, int) or isinstance(null, bool):
        raise CourseError("Guidance needs a class that means nothing: give null, such as K for the classes 0 to K - 1.")
    low, high = interval
    if low > high:
        raise CourseError(f"The guided interval goes from a lower time to a higher one: it is {low} to {high}.")
    if every < 1:
        raise CourseError(f"The unconditional noise is asked for at every call or less often: every is {every}.")
    nothing = torch.full_like(cond, null)

    def ask(cond: Tensor) -> Predict:
        return as_predict(model, cond, kind, alpha_bar, halves=halves)

    with_class, without, both = ask(cond), ask(nothing), ask(torch.cat([cond, nothing]))
    memory = _Memory(every)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        here = torch.as_tensor(w, dtype=torch.float64).to(t.device) * ((low <= t) & (t <= high))  # (B,)
        if not here.any():
            return with_class(x, t)
        if (here == -1).all():
            return without(x, t)
        remembered = memory.recall(t)
        if remembered is not None:
            return guide(with_class(x, t), remembered, here)
        eps_cond, eps_uncond = both(torch.cat([x, x]), torch.cat([t, t])).chunk(2)
        memory.keep(eps_uncond)
        return guide(eps_cond, eps_uncond, here)

    predict.halves = halves  # type: ignore[attr-defined] # as `as_predict` does
    return predict


def sample_cfg(
    model: Any,
    x_T: Tensor,
    cond: Tensor,
    w: float | Tensor,
    alpha_bar: Tensor,
    steps: int,
    *,
    kind: str = "eps",
    null: int | None = None,
    clip: bool = True,
    interval: tuple[float, float] = ALWAYS,
    every: int = 1,
    halves: bool = False,
    watch: Watch | None = None,
) -> Tensor:
    """Guided sampling (algorithm 2), with the steps of DDIM.

    Args:
        model, cond, w, alpha_bar, kind, null, interval, every, halves: as for `guided_predict`.
        x_T: standard normal noise, (B, C, H, W) or any shape (B, ...).
        steps, clip, watch: as for `sample_ddim`. Strong guidance drives the predicted picture out of [-1, 1], so it
            is cut off there unless `clip` is False.

    Returns:
        x_0, shaped like x_T, in its dtype and on its device.

    Raises:
        CourseError: as for `guided_predict` and `sample_ddim`.
    """
    predict = guided_predict(
        model, cond, w, kind=kind, alpha_bar=alpha_bar, null=null, interval=interval, every=every, halves=halves
    )
    return sample_ddim(predict, x_T, alpha_bar, steps, clip=clip, watch=watch)


class _Memory:
    """The last unconditional noise, for `every` calls; forgotten when a new walk begins, that is, when t rises."""

    def __init__(self, every: int) -> None:
        self.every, self.age, self.last_t = every, 0, float("inf")
        self.eps: Tensor | None = None

    def recall(self, t: Tensor) -> Tensor | None:
        """What is remembered at time t; None if it must be asked for anew."""
        now, self.age = t.max().item(), self.age + 1
        if now > self.last_t or self.age >= self.every:
            self.eps = None
        self.last_t = now
        return self.eps

    def keep(self, eps: Tensor) -> None:
        self.eps, self.age = eps, 0

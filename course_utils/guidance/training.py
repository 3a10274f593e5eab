"""The loss of a network that is to be guided: told the class most of the time, and nothing for the rest."""

from __future__ import annotations

from torch import Tensor

from course_utils.diffusion import diffusion_loss
from course_utils.diffusion.losses import Model
from course_utils.guidance.free import drop_condition


def cfg_loss(
    model: Model,
    x0: Tensor,
    cond: Tensor,
    t: Tensor,
    alpha_bar: Tensor,
    eps: Tensor,
    mask: Tensor,
    null: int,
    kind: str = "v",
) -> Tensor:
    """The loss of one batch, some of whose conditions are dropped (Ho & Salimans 2022, arXiv 2207.12598, algorithm 1).

    Every image counts: those without a condition teach the unconditional prediction, the others the conditional one.

    Args:
        model: `model(x, t, cond)`, t on the scale 0 to 1000; gives what `kind` says.
        x0: clean images, (B, C, H, W) or any shape (B, ...).
        cond: (B,), int64, the classes.
        t: (B,), int64, 1 to T.
        alpha_bar: (T + 1,).
        eps: standard normal noise, shaped like x0.
        mask: (B,), bool, True where the condition is dropped (`bernoulli_mask`).
        null: the class that means nothing.
        kind: "v", "eps" or "x0".

    Returns:
        A scalar: the mean squared error over images, channels and pixels.

    Raises:
        CourseError: as for `drop_condition` and `diffusion_loss`.
    """
    return diffusion_loss(model, x0, t, alpha_bar, eps, drop_condition(cond, mask, null), kind=kind)

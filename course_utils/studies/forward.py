"""The ways of adding noise that a study compares, brought into one form so that one sampler serves all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from course_utils.diffusion import alpha_bars, cosine_schedule, linear_schedule, schedule_step, sigmoid_schedule
from course_utils.studies.arm import Arm

SCHEDULES = {"cosine": cosine_schedule, "linear": linear_schedule, "sigmoid": sigmoid_schedule}


@dataclass(frozen=True)
class Forward:
    """A forward process x_t = a_t x0 + b_t eps, as x_t = scale_t (sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps).

    Every a_t and b_t can be written so, with scale_t^2 = a_t^2 + b_t^2 and alpha_bar_t = a_t^2 / scale_t^2. Losses and
    samplers work on x_t / scale_t, where the course's formulas hold; the network sees x_t itself. For DDIM nothing is
    lost: x_s = a_s x0 + b_s eps, divided by scale_s, is its formula.

    Attributes:
        alpha_bar: (T + 1,), float64.
        scale: (T + 1,), float64; 1 everywhere for a variance schedule.
    """

    alpha_bar: Tensor
    scale: Tensor

    def seen_by(self, model: nn.Module) -> nn.Module:
        """The network as the formulas want it: given x_t / scale_t, it is shown x_t."""
        return model if bool((self.scale == 1).all()) else _Scaled(model, self.scale)

    def start(self, shape: tuple[int, ...], generator: Generator, standard: bool) -> Tensor:
        """Where the way back begins, divided by scale_T: like the training's last step, or x_T from N(0, I)."""
        x = torch.randn(shape, generator=generator)
        return x / self.scale[-1].item() if standard else x


class _Scaled(nn.Module):
    def __init__(self, model: nn.Module, scale: Tensor) -> None:
        super().__init__()
        self.model, self.scale = model, scale

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        scale = self.scale[schedule_step(t, len(self.scale) - 1)].to(x)  # (B,)
        return self.model(x * scale[:, None, None, None], t, cond)


def make_forward(arm: Arm) -> Forward:
    """The forward process of an arm.

    "fixed ratio" mixes in the same share r at every step, x_t = (1 - r) x_{t-1} + r eps, so that a_t = (1 - r)^t and
    b_t^2 = r^2 (1 - (1 - r)^(2 t)) / (1 - (1 - r)^2), a geometric series: the picture does not keep its variance, and
    ends as noise of standard deviation near sqrt(r / 2).

    "all at once" has the schedule's last step as its only one. What lies between is never practised.
    """
    if arm.forward == "fixed ratio":
        steps, keeps = torch.arange(arm.T + 1, dtype=torch.float64), 1 - arm.ratio
        a = keeps**steps
        b_squared = arm.ratio**2 * (1 - keeps ** (2 * steps)) / (1 - keeps**2)
        return Forward(a**2 / (a**2 + b_squared), (a**2 + b_squared).sqrt())
    alpha_bar = alpha_bars(SCHEDULES[arm.schedule](arm.T))
    return Forward(alpha_bar, torch.ones_like(alpha_bar))

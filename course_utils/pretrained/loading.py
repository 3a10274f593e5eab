"""A diffusion model trained ahead, as a lesson wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_utils import weights
from course_utils.errors import CourseError
from course_utils.models import UNet
from course_utils.pretrained.plans import PLANS, Plan
from course_utils.samplers import Predict, as_predict


@dataclass(frozen=True)
class Pretrained:
    """A model trained ahead.

    Attributes:
        model: the U-Net, in evaluation mode.
        alpha_bar: (T + 1,), the schedule it was trained with.
        channels, size: of its images.
        kind: what it predicts: "eps", "x0" or "v".
        predict: what a sampler wants: predict(x, t) -> eps.
        card: how it was made and what it reached.
    """

    model: UNet
    alpha_bar: Tensor
    channels: int
    size: int
    kind: str
    predict: Predict
    card: dict[str, Any]

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """x_T for n images, (n, C, size, size)."""
        return torch.randn(n, self.channels, self.size, self.size, generator=generator)


def ddpm(dataset: str, device: torch.device | str = "cpu") -> Pretrained:
    """Load the model for a data set.

    Args:
        dataset: such as "flowers"; `available_ddpm` says whether there is one.
        device: where it computes.

    Raises:
        CourseError: there is none, or its weights were damaged.
    """
    name = _name(dataset)
    if name not in PLANS:
        there = ", ".join(plan.dataset for plan in PLANS.values())
        raise CourseError(f"There is no diffusion model trained ahead for {dataset!r}, only for {there}.")
    plan: Plan = PLANS[name]
    model = plan.network().to(device)
    card = weights.load(name, model)
    alpha_bar = plan.alpha_bar()
    predict = as_predict(model.eval(), kind=plan.kind, alpha_bar=alpha_bar)
    return Pretrained(model, alpha_bar, plan.channels, plan.size, plan.kind, predict, card)


def available_ddpm(dataset: str) -> bool:
    """True if a plan and its weights are there."""
    name = _name(dataset)
    return name in PLANS and weights.available(name)


def _name(dataset: str) -> str:
    return f"ddpm-{dataset}"

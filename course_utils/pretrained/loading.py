"""A diffusion model trained ahead, as a lesson wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_utils import weights
from course_utils.errors import CourseError
from course_utils.guidance import guided_predict
from course_utils.models import UNet
from course_utils.pretrained.plans import PLANS
from course_utils.samplers import Predict, as_predict


@dataclass(frozen=True)
class Pretrained:
    """A model trained ahead.

    Attributes:
        model: the U-Net, in evaluation mode.
        alpha_bar: (T + 1,), the schedule it was trained with.
        channels, size: of its images.
        kind: what it predicts: "eps", "x0" or "v".
        predict: what a sampler wants: predict(x, t) -> eps, without a class.
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

    def guided(self, cond: Tensor, w: float | Tensor, **choices: Any) -> Predict:
        """What a sampler wants for the classes cond (B,), int64, with the guidance weight w.

        `choices` are `interval` and `every` of `guidance.guided_predict`.

        Raises:
            CourseError: this model knows no classes, or as for `guided_predict`.
        """
        if not self.model.classes:
            raise CourseError("This model was trained without classes: load `pretrained.guided(dataset)` instead.")
        return guided_predict(self.model, cond, w, kind=self.kind, alpha_bar=self.alpha_bar, **choices)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes it can be asked for, in the order of the labels; none if it knows no classes."""
        return tuple(self.card.get("classes", ()))


def ddpm(dataset: str, device: torch.device | str = "cpu") -> Pretrained:
    """Load the model for a data set that draws whatever it likes.

    Args:
        dataset: such as "flowers"; `available_ddpm` says whether there is one.
        device: where it computes.

    Raises:
        CourseError: there is none, or its weights were damaged.
    """
    return _load(f"ddpm-{dataset}", device)


def guided(dataset: str, size: int = 16, device: torch.device | str = "cpu") -> Pretrained:
    """Load the model for a data set that draws the class it is told, or any if it is told none (lesson 12).

    Args:
        dataset: such as "flowers"; `available_guided` says whether there is one.
        size: of its images, in px.
        device: where it computes.

    Raises:
        CourseError: there is none, or its weights were damaged.
    """
    return _load(_guided(dataset, size), device)


def available_ddpm(dataset: str) -> bool:
    """True if a plan and its weights are there."""
    return _available(f"ddpm-{dataset}")


def available_guided(dataset: str, size: int = 16) -> bool:
    """True if a plan and its weights are there."""
    return _available(_guided(dataset, size))


def _load(name: str, device: torch.device | str) -> Pretrained:
    if name not in PLANS:
        there = ", ".join(known for known in PLANS if known.split("-")[0] == name.split("-")[0])
        raise CourseError(f"There is no diffusion model {name} trained ahead, only {there}.")
    plan = PLANS[name]
    model = plan.network().to(device)
    card = weights.load(name, model)
    alpha_bar = plan.alpha_bar()
    predict = as_predict(model.eval(), kind=plan.kind, alpha_bar=alpha_bar)
    return Pretrained(model, alpha_bar, plan.channels, plan.size, plan.kind, predict, card)


def _available(name: str) -> bool:
    return name in PLANS and weights.available(name)


def _guided(dataset: str, size: int) -> str:
    return f"guided-{dataset}" if size == 16 else f"guided-{dataset}-{size}"

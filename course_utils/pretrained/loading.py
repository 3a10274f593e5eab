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
from course_utils.pretrained import recipes
from course_utils.pretrained.diffusion import DiffusionTraining
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
    """True if there is such a model, and its weights are here."""
    return _available(f"ddpm-{dataset}")


def available_guided(dataset: str, size: int = 16) -> bool:
    """True if there is such a model, and its weights are here."""
    return _available(_guided(dataset, size))


def diffusion_trainings() -> dict[str, DiffusionTraining]:
    """What the diffusion models that come with the course are, by name."""
    shared = {name: recipe.training for name, recipe in recipes.shared().items()}
    return {name: training for name, training in shared.items() if isinstance(training, DiffusionTraining)}


def training_of(name: str) -> DiffusionTraining:
    """What a diffusion model is, and how it was trained.

    Args:
        name: of its weights, such as "ddpm-flowers".

    Raises:
        CourseError: there is none.
    """
    known = diffusion_trainings()
    if name not in known:
        there = ", ".join(other for other in known if other.split("-")[0] == name.split("-")[0])
        raise CourseError(f"There is no diffusion model {name} trained ahead, only {there}.")
    return known[name]


def _load(name: str, device: torch.device | str) -> Pretrained:
    training = training_of(name)
    model = training.network().to(device)
    card = weights.load(name, model)
    alpha_bar = training.alpha_bar()
    predict = as_predict(model.eval(), kind=training.kind, alpha_bar=alpha_bar)
    return Pretrained(model, alpha_bar, training.channels, training.size, training.kind, predict, card)


def _available(name: str) -> bool:
    return name in diffusion_trainings() and weights.available(name)


def _guided(dataset: str, size: int) -> str:
    return f"guided-{dataset}" if size == 16 else f"guided-{dataset}-{size}"

"""The diffusion models that come with the course: what each is, and how long it was trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.diffusion import alpha_bars, cosine_schedule, linear_schedule
from course_utils.errors import CourseError
from course_utils.models import UNet

SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule}


@dataclass(frozen=True)
class Plan:
    """One model and its training.

    Attributes:
        dataset: what it learns to draw.
        channels, size: of the images; size in px.
        width: of the U-Net.
        steps: batches in a full training, on a CPU.
        kind: what the network predicts (see `diffusion.target`).
        schedule: a key of `SCHEDULES`, with T steps.
        T: steps of the schedule.
        batch, learning_rate, ema: of the training.
    """

    dataset: str
    channels: int
    size: int = 16
    width: int = 24
    steps: int = 6000
    kind: str = "eps"
    schedule: str = "linear"
    T: int = 1000
    batch: int = 64
    learning_rate: float = 2e-3
    ema: float = 0.999

    def network(self) -> UNet:
        """The U-Net before its training."""
        return UNet(self.channels, width=self.width)

    def alpha_bar(self) -> Tensor:
        """(T + 1,), float64."""
        return alpha_bars(SCHEDULES[self.schedule](self.T))

    def describe(self) -> dict[str, object]:
        """What a card says of the plan."""
        return {
            "schedule": f"{self.schedule}, T = {self.T}",
            "predicts": self.kind,
            "network": f"U-Net, width {self.width}",
            "size": self.size,
            "batch": self.batch,
            "learning_rate": self.learning_rate,
            "ema": self.ema,
        }


PLANS: dict[str, Plan] = {
    "ddpm-flowers": Plan("flowers", 3),
    "ddpm-mnist": Plan("mnist", 1, steps=3000),
}


def plan_of(name: str) -> Plan:
    """The plan of a model.

    Raises:
        CourseError: no such model.
    """
    if name not in PLANS:
        raise CourseError(f"There is no plan for a model {name!r}: choose one of {', '.join(PLANS)}.")
    return PLANS[name]


def initial(plan: Plan, seed: int, device: torch.device | str) -> UNet:
    """The network with the initial weights of a seed; the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return plan.network().to(device)

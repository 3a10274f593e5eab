"""The diffusion models that come with the course: what each is, and how long it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import alpha_bars, cosine_schedule, linear_schedule, middle_heavy_times, uniform_times
from course_utils.errors import CourseError
from course_utils.models import UNet

SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule}
TIMES = {"uniform": uniform_times, "middle-heavy": middle_heavy_times}


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
        times: a key of `TIMES`: which steps are practised.
        classes: K, if the network is told the class (lesson 12); 0 if not.
        p_uncond: the share of images whose class it is not told, where there are classes.
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
    times: str = "uniform"
    classes: int = 0
    p_uncond: float = 0.1
    batch: int = 64
    learning_rate: float = 2e-3
    ema: float = 0.999

    def network(self) -> UNet:
        """The U-Net before its training."""
        return UNet(self.channels, width=self.width, classes=self.classes)

    def alpha_bar(self) -> Tensor:
        """(T + 1,), float64."""
        return alpha_bars(SCHEDULES[self.schedule](self.T))

    def says(self) -> str:
        """What the model does, in a line."""
        what = f"the class of {self.dataset} that it is told" if self.classes else self.dataset
        return f"draws {what} out of noise, {self.size} px"

    def describe(self) -> dict[str, object]:
        """What a card says of the plan."""
        return {
            "schedule": f"{self.schedule}, T = {self.T}",
            "times": self.times,
            "predicts": self.kind,
            "network": f"U-Net, width {self.width}",
            "size": self.size,
            "learning_rate": self.learning_rate,
            "ema": self.ema,
            **({"p_uncond": self.p_uncond} if self.classes else {}),
        }


GUIDED: dict[str, Any] = {"schedule": "cosine", "times": "middle-heavy", "kind": "v", "classes": 10}

PLANS: dict[str, Plan] = {
    "ddpm-flowers": Plan("flowers", 3),
    "ddpm-mnist": Plan("mnist", 1, steps=3000),
    "guided-flowers": Plan("flowers", 3, **GUIDED),
    "guided-mnist": Plan("mnist", 1, steps=3000, **GUIDED),
    "guided-flowers-32": Plan("flowers", 3, size=32, **GUIDED),
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

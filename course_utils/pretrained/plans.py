"""The diffusion models that come with the course: what each is, and how long it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.diffusion import alpha_bars, cosine_schedule, linear_schedule, middle_heavy_times, uniform_times
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
        times: which steps are practised: "uniform", or "middle-heavy" with the middle at `middle`.
        middle: the mean of the logit of t/T; below 0 the steps move towards the data.
        classes: K, if the network is told the class (lesson 12); 0 if not.
        p_uncond: the share of images whose class it is not told, where there are classes.
        batch, optimiser, learning_rate, ema: of the training.
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
    middle: float = 0.0
    classes: int = 0
    p_uncond: float = 0.1
    batch: int = 64
    optimiser: str = "adamw"
    learning_rate: float = 2e-3
    ema: float = 0.999

    def network(self) -> UNet:
        """The U-Net before its training."""
        return UNet(self.channels, width=self.width, classes=self.classes)

    def alpha_bar(self) -> Tensor:
        """(T + 1,), float64."""
        return alpha_bars(SCHEDULES[self.schedule](self.T))

    def draw_times(self, generator: Generator) -> Tensor:
        """The steps that a batch practises, (batch,), int64."""
        if self.times == "uniform":
            return uniform_times(self.batch, self.T, generator)
        return middle_heavy_times(self.batch, self.T, generator, mean=self.middle)

    def says(self) -> str:
        """What the model does, in a line."""
        what = f"the class of {self.dataset} that it is told" if self.classes else self.dataset
        return f"draws {what} out of noise, {self.size} px"

    def describe(self) -> dict[str, object]:
        """What a card says of the plan."""
        return {
            "schedule": f"{self.schedule}, T = {self.T}",
            "times": self.times if self.times == "uniform" else f"{self.times}, {self.middle:g}",
            "predicts": self.kind,
            "network": f"U-Net, width {self.width}",
            "size": self.size,
            "optimiser": self.optimiser,
            "learning_rate": self.learning_rate,
            "ema": self.ema,
            **({"p_uncond": self.p_uncond} if self.classes else {}),
        }


GUIDED: dict[str, Any] = {
    "width": 32,
    "kind": "v",
    "schedule": "cosine",
    "times": "middle-heavy",
    "middle": -0.6,
    "classes": 10,
    "optimiser": "muon",
    "learning_rate": 5e-3,
}

PLANS: dict[str, Plan] = {
    "ddpm-flowers": Plan("flowers", 3),
    "ddpm-mnist": Plan("mnist", 1, steps=3000),
    "guided-flowers": Plan("flowers", 3, steps=4000, **GUIDED),
    "guided-mnist": Plan("mnist", 1, steps=2500, **GUIDED),
    "guided-flowers-32": Plan("flowers", 3, size=32, steps=2000, **GUIDED),
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

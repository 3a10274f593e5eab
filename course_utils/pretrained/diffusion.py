"""A diffusion model that is trained ahead: noise, guess, compare, thousands of times; then judge, then store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import data
from course_utils.diffusion import (
    alpha_bars,
    cosine_schedule,
    diffusion_loss,
    linear_schedule,
    middle_heavy_times,
    uniform_times,
)
from course_utils.guidance import bernoulli_mask, drop_condition
from course_utils.models import UNet
from course_utils.pretrained.judging import judge, samples
from course_utils.training import Recipe, Teachable, Training

SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule}
CHUNK = 16  # batches of flowers drawn at once

Batch = tuple[Tensor, Tensor, Tensor, Tensor | None]  # x0 (B, C, H, W), t (B,), eps like x0, cond (B,)
Draw = Callable[[int, Generator], tuple[Tensor, Tensor]]  # step, generator -> x0 (B, C, H, W), labels (B,)


@dataclass(frozen=True)
class DiffusionTraining(Training, Teachable):
    """One diffusion model and its training.

    Attributes:
        channels: of the images.
        multipliers, attention: of the U-Net's levels.
        kind: what the network predicts (see `diffusion.target`).
        schedule: a key of `SCHEDULES`, with T steps.
        T: steps of the schedule.
        times: which steps are practised: "uniform", or "middle-heavy" with the middle at `middle`.
        middle: the mean of the logit of t/T; below 0 the steps move towards the data.
        classes: K, if the network is told the class (lesson 12); 0 if not.
        p_uncond: the share of images whose class it is not told, where there are classes.
        optimiser, momentum, hold: how steps are taken, as `training.fit` wants it.
        ema: the decay of the averaged weights, which are those that are stored.
    """

    width: int = 24
    steps: int = 6000
    batch: int = 64
    learning_rate: float = 2e-3
    channels: int = 3
    multipliers: tuple[int, ...] = (1, 2, 4)
    attention: tuple[bool, ...] = (False, False, True)
    kind: str = "eps"
    schedule: str = "linear"
    T: int = 1000
    times: str = "uniform"
    middle: float = 0.0
    classes: int = 0
    p_uncond: float = 0.1
    optimiser: str = "adamw"
    momentum: float | None = None
    hold: float | None = None
    ema: float = 0.999

    def network(self) -> UNet:
        """The U-Net before its training."""
        return UNet(
            self.channels,
            width=self.width,
            multipliers=self.multipliers,
            attention=self.attention,
            classes=self.classes,
        )

    def alpha_bar(self) -> Tensor:
        """(T + 1,), float64."""
        return _alpha_bar(self.schedule, self.T)

    def draw_times(self, generator: Generator) -> Tensor:
        """The steps that a batch practises, (batch,), int64."""
        if self.times == "uniform":
            return uniform_times(self.batch, self.T, generator)
        return middle_heavy_times(self.batch, self.T, generator, mean=self.middle)

    def batches(self, seed: int, device: torch.device | str = "cpu") -> Callable[[int], Batch]:
        """step -> (x0, t, eps, cond), the same for the same step; cond is None for a network without classes."""
        draw = self._endless_flowers(seed) if self.dataset == "flowers" else self._any_of_all()

        def batch(step: int) -> Batch:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)  # it looks at 32 bits only
            x0, labels = draw(step, generator)
            eps = torch.randn(x0.shape, generator=generator)
            t = self.draw_times(generator)
            cond = None
            if self.classes:
                mask = bernoulli_mask(self.batch, self.p_uncond, generator)
                cond = drop_condition(labels, mask, null=self.classes).to(device)
            return x0.to(device), t.to(device), eps.to(device), cond

        return batch

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """How far its guess is off."""
        x0, t, eps, cond = batch
        return diffusion_loss(model, x0, t, self.alpha_bar(), eps, cond, kind=self.kind)

    def choices(self) -> dict[str, Any]:
        stepping = {"optimiser": self.optimiser, "momentum": self.momentum, "hold": self.hold}
        return {**super().choices(), **stepping, "ema": self.ema, "autocast": True}

    def recipe(self, name: str, lesson: str) -> Recipe:
        """How weights of this name, in the budget of this lesson, are made by this training."""
        what = f"the class of {self.dataset} that it is told" if self.classes else self.dataset
        return Recipe(
            name=name,
            what=f"draws {what} out of noise, {self.size} px",
            lesson=lesson,
            training=self,
            minutes=round(self.steps / 600 * (self.size / 16) ** 2),
            judge=judge,
            data=f"{self.dataset}, split train",
            about=self.describe,
            grid=samples,
            choices={"halves": True},
        )

    def describe(self) -> dict[str, object]:
        """What a card says of the training."""
        return {
            "schedule": f"{self.schedule}, T = {self.T}",
            "times": self.times if self.times == "uniform" else f"{self.times}, {self.middle:g}",
            "predicts": self.kind,
            "network": f"U-Net, width {self.width}{self._shape()}",
            "size": self.size,
            "optimiser": self.optimiser,
            "learning_rate": self.learning_rate,
            **({} if self.momentum is None else {"momentum": self.momentum}),
            **({} if self.hold is None else {"hold": self.hold}),
            "ema": self.ema,
            **({"p_uncond": self.p_uncond, "classes": self._names()} if self.classes else {}),
        }

    def _shape(self) -> str:
        """In what the network's levels differ from the course's U-Net, in words."""
        usual = {field.name: field.default for field in fields(self)}
        levels = f", levels {' '.join(map(str, self.multipliers))}" if self.multipliers != usual["multipliers"] else ""
        if self.attention == usual["attention"]:
            return levels
        looking = [str(k) for k, looks in enumerate(self.attention, 1) if looks]
        return f"{levels}, {'attention on level ' + ' '.join(looking) if looking else 'no attention'}"

    def _names(self) -> list[str]:
        return list(data.load(self.dataset, n=1).classes)

    def _endless_flowers(self, seed: int) -> Draw:
        """Flowers drawn for these batches and never seen again."""

        @lru_cache(maxsize=1)
        def chunk(number: int) -> data.ImageSet:
            return data.load("flowers", n=CHUNK * self.batch, size=self.size, seed=1 + seed * 2**20 + number)

        def draw(step: int, generator: Generator) -> tuple[Tensor, Tensor]:
            here = slice(step % CHUNK * self.batch, (step % CHUNK + 1) * self.batch)
            return chunk(step // CHUNK).images[here], chunk(step // CHUNK).labels[here]

        return draw

    def _any_of_all(self) -> Draw:
        """Each batch is drawn from all training images."""
        whole = data.load(self.dataset, size=self.size, split="train")

        def draw(step: int, generator: Generator) -> tuple[Tensor, Tensor]:
            chosen = torch.randint(len(whole), (self.batch,), generator=generator)
            return whole.images[chosen], whole.labels[chosen]

        return draw


@lru_cache(maxsize=8)
def _alpha_bar(schedule: str, T: int) -> Tensor:
    return alpha_bars(SCHEDULES[schedule](T))

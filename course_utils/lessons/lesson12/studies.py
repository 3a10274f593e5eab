"""What lesson 12 measures: the weight of guidance, where and how often it is applied, how often a class is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import guidance
from course_utils.diffusion import alpha_bars, cosine_schedule, middle_heavy_times
from course_utils.lessons.lesson12.guided import Guided, Reading, run_guided, run_reading
from course_utils.models import UNet
from course_utils.studies.sampling import judge_of
from course_utils.studies.study import Study
from course_utils.studies.trial import in_parts
from course_utils.training import PoolTraining, Shuffled, Teachable

T = 1000
ALPHA_BAR = alpha_bars(cosine_schedule(T))


@dataclass(frozen=True)
class Dropping(PoolTraining, Teachable):
    """A short training of a class-conditional network, and what guidance makes of it.

    Attributes:
        p_uncond: the share of images whose class is dropped.
        optimiser, ema: as `training.fit` takes them.
        middle: of the steps that are practised (see `middle_heavy_times`).
        weights: the w's that are tried, -1 for the unconditional images.
        sampling_steps, samples: how images are drawn, and how many are judged.
    """

    p_uncond: float = 0.1
    steps: int = 1000
    optimiser: str = "muon"
    learning_rate: float = 5e-3
    ema: float = 0.99
    middle: float = -0.6
    weights: tuple[float, ...] = (-1.0, 0.0, 3.0)
    sampling_steps: int = 10
    samples: int = 100

    def network(self) -> UNet:
        known = self.known()
        return UNet(known.images.shape[1], width=self.width, classes=len(known.classes))

    def batches(self, seed: int, device: torch.device | str = "cpu") -> Shuffled:
        def practise(x0: Tensor, labels: Tensor, generator: Generator) -> tuple[Tensor, ...]:
            t, eps = middle_heavy_times(len(x0), T, generator, self.middle), torch.randn(x0.shape, generator=generator)
            mask = guidance.bernoulli_mask(len(x0), self.p_uncond, generator)
            return tuple(part.to(device) for part in (x0, labels, t, eps, mask))

        known = self.known()
        return Shuffled(known.images, known.labels, size=self.batch, seed=seed, make=practise)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        x0, labels, t, eps, mask = batch
        return guidance.cfg_loss(model, x0, labels, t, ALPHA_BAR, eps, mask, len(self.known().classes))

    def choices(self) -> dict[str, Any]:
        return {**super().choices(), "optimiser": self.optimiser, "ema": self.ema}


def run_dropping(settings: Dropping, seed: int) -> dict[str, Any]:
    """Train, sample at each w, and judge.

    The seed chooses the initial weights, the batches, which classes are dropped, and the noise that sampling starts
    from.

    Returns:
        "read as asked by w", "Fréchet distance by w": one number for each of `settings.weights`.
        "training loss": means of the parts of the training.
    """
    _, history = settings.train(seed)
    judge = judge_of(settings.dataset, settings.size, settings.samples)
    y = torch.arange(settings.samples) % len(settings.known().classes)
    x_T = torch.randn(len(y), *settings.known().images.shape[1:], generator=torch.Generator().manual_seed(1000 + seed))
    asked, frechet = [], []
    for w in settings.weights:
        x = guidance.sample_cfg(history.ema, x_T, y, w, ALPHA_BAR, settings.sampling_steps, kind="v").clamp(-1, 1)
        asked.append(judge.asked(x, y))
        frechet.append(judge.frechet(x))
    return {
        "read as asked by w": asked,
        "Fréchet distance by w": frechet,
        "training loss": in_parts(history.losses),
    }


WEIGHTS = (-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
JUDGES = ("recogniser-flowers", "oracle-flowers")
JUDGED = ("guided-flowers", *JUDGES)

STUDIES = [
    Study(
        "cfg_weight",
        lesson="12",
        says="samples of one class-conditional model by the weight of guidance",
        variants={f"w = {w:g}": Guided(strength=w) for w in WEIGHTS},
        run=run_guided,
        weights=JUDGED,
    ),
    Study(
        "cfg_interval",
        lesson="12",
        says="guidance with w = 4 on a part of the way",
        variants={
            "everywhere": Guided(strength=4.0),
            "not at the start": Guided(strength=4.0, high=700),
            "not at the end": Guided(strength=4.0, low=300),
            "in the middle": Guided(strength=4.0, low=300, high=700),
        },
        run=run_guided,
        weights=JUDGED,
    ),
    Study(
        "cfg_every",
        lesson="12",
        says="the unconditional noise, with w = 2, asked for at every k-th of 20 steps, and fewer steps instead",
        variants={
            "every step": Guided(strength=2.0, steps=20),
            "every 2nd": Guided(strength=2.0, steps=20, every=2),
            "15 steps": Guided(strength=2.0, steps=15),
        },
        run=run_guided,
        weights=JUDGED,
    ),
    Study(
        "guidance_budget",
        lesson="12",
        says="guidance without and with a classifier, for about the same time: 10 steps and 15",
        variants={
            **{f"free, w = {w:g}": Guided(strength=w) for w in (0.5, 1.0, 2.0, 4.0)},
            **{
                f"classifier, scale {s:g}": Guided(method="classifier", strength=s, steps=15)
                for s in (2.0, 8.0, 16.0, 32.0)
            },
        },
        seeds=range(6),
        run=run_guided,
        weights=JUDGED,
    ),
    Study(
        "implicit_classifier",
        lesson="12",
        says="held-out images read by the diffusion model itself, and by a classifier trained on noisy images",
        variants={by: Reading(by=by) for by in ("implicit", "trained")},
        run=run_reading,
        weights=("guided-flowers",),
    ),
    Study(
        "p_uncond",
        lesson="12",
        says="short trainings by the share of images whose class is dropped",
        variants={f"p = {p:g}": Dropping(p_uncond=p) for p in (0.0, 0.1, 0.2, 0.5)},
        seeds=range(6),
        run=run_dropping,
        weights=JUDGES,
    ),
]

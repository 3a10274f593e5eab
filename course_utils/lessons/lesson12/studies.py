"""What lesson 12 measures: the weight of guidance, where and how often it is applied, how often a class is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import data, guidance
from course_utils.diffusion import alpha_bars, cosine_schedule, middle_heavy_times
from course_utils.lessons.lesson12.guided import Guided, Reading, run_guided, run_reading
from course_utils.metrics import Judge
from course_utils.models import UNet
from course_utils.studies.study import Study
from course_utils.studies.trial import in_parts
from course_utils.training import Shuffled, fit

T = 1000


@dataclass(frozen=True)
class Dropping:
    """A short training of a class-conditional network, and what guidance makes of it.

    Attributes:
        p_uncond: the share of images whose class is dropped.
        dataset, size, pool, width, steps, batch, optimiser, learning_rate, ema: of the training.
        middle: of the steps that are practised (see `middle_heavy_times`).
        weights: the w's that are tried, -1 for the unconditional images.
        sampling_steps, samples: how images are drawn, and how many are judged.
    """

    p_uncond: float = 0.1
    dataset: str = "flowers"
    size: int = 16
    pool: int = 4096
    width: int = 16
    steps: int = 1000
    batch: int = 32
    optimiser: str = "muon"
    learning_rate: float = 5e-3
    ema: float = 0.99
    middle: float = -0.6
    weights: tuple[float, ...] = (-1.0, 0.0, 3.0)
    sampling_steps: int = 10
    samples: int = 100


def run_dropping(settings: Dropping, seed: int) -> dict[str, Any]:
    """Train, sample at each w, and judge.

    The seed chooses the initial weights, the batches, which classes are dropped, and the noise that sampling starts
    from.

    Returns:
        "read as asked by w", "Fréchet distance by w": one number for each of `settings.weights`.
        "training loss": means of the parts of the training.
    """
    alpha_bar = alpha_bars(cosine_schedule(T))
    known = data.load(settings.dataset, n=settings.pool if settings.dataset == "flowers" else None, size=settings.size)
    x0, labels, null = known.images[: settings.pool], known.labels[: settings.pool], len(known.classes)

    def practise(x0: Tensor, labels: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        t, eps = middle_heavy_times(len(x0), T, generator, settings.middle), torch.randn(x0.shape, generator=generator)
        return x0, labels, t, eps, guidance.bernoulli_mask(len(x0), settings.p_uncond, generator)

    def loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        x0, labels, t, eps, mask = batch
        return guidance.cfg_loss(model, x0, labels, t, alpha_bar, eps, mask, null)

    with torch.random.fork_rng(devices=[]):  # initial weights come from the global generator: leave it as it was
        torch.manual_seed(seed)
        net = UNet(x0.shape[1], width=settings.width, classes=null)
    batches = Shuffled(x0, labels, size=settings.batch, seed=seed, make=practise)
    history = fit(
        net,
        batches,
        loss,
        settings.steps,
        optimiser=settings.optimiser,
        learning_rate=settings.learning_rate,
        ema=settings.ema,
    )
    judge = _judge(settings.dataset, settings.size, settings.samples)
    y = torch.arange(settings.samples) % null
    x_T = torch.randn(len(y), *x0.shape[1:], generator=torch.Generator().manual_seed(1000 + seed))
    asked, frechet = [], []
    for w in settings.weights:
        x = guidance.sample_cfg(history.ema, x_T, y, w, alpha_bar, settings.sampling_steps, kind="v").clamp(-1, 1)
        asked.append(judge.asked(x, y))
        frechet.append(judge.frechet(x))
    return {
        "read as asked by w": asked,
        "Fréchet distance by w": frechet,
        "training loss": in_parts(history.losses),
    }


@lru_cache(maxsize=2)
def _judge(dataset: str, size: int, n: int) -> Judge:
    return Judge(dataset, size, n=n)


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

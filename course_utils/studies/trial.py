"""Train one arm with one seed, and measure it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import models
from course_utils.diffusion import diffusion_loss, hybrid_loss, middle_heavy_times, uniform_times
from course_utils.studies.arm import Arm
from course_utils.studies.figures import loss_by_level, scores
from course_utils.studies.forward import Forward, make_forward
from course_utils.training import Fit, Shuffled, fit, initialised

CURVE = 50  # points of a training curve

Figures = dict[str, Any]  # name -> a number, or a list of numbers for a curve


def run_arm(arm: Arm, seed: int) -> Figures:
    """Train an arm and judge it. Arms that differ in their judgement alone share the training.

    The seed chooses the initial weights, the batches, the noise and the noise that sampling starts from.

    Returns:
        "loss": held-out, the mean of the curve that follows.
        "loss by level": mean |eps - eps_hat|^2 at each of `LEVELS`, whatever the model predicts.
        "Fréchet distance", "kernel distance": of the samples from held-out images, as the recogniser sees them.
        "sure of a species" ("sure of a class" for other data): the share of samples that it names with certainty.
        "... by steps": each of the three last at every one of `arm.by_steps`.
        "training loss", "gradient norm": means of CURVE parts of the training.
        The first two are missing for forward="all at once", which knows a single level.

    Raises:
        CourseError: the training diverged.
    """
    trained = _train(arm.training(), seed)
    model = trained.average if arm.average else trained.model
    found: Figures = {}
    if arm.forward != "all at once":
        levels = loss_by_level(arm, trained.forward, model)
        found |= {"loss": sum(levels) / len(levels), "loss by level": levels}
    found |= scores(arm, trained.forward, model, arm.sampling_steps, seed)
    each = [scores(arm, trained.forward, model, steps, seed) for steps in arm.by_steps]
    for name in each[0] if each else ():
        found[f"{name} by steps"] = [one[name] for one in each]
    found["training loss"] = in_parts(trained.history.losses)
    found["gradient norm"] = in_parts(trained.history.norms)
    return found


@dataclass(frozen=True)
class Trained:
    """What a training left."""

    model: nn.Module
    average: nn.Module
    forward: Forward
    history: Fit


@lru_cache(maxsize=4)
def _train(arm: Arm, seed: int) -> Trained:
    x0 = arm.known().images
    forward = make_forward(arm)
    model = initialised(lambda: make_network(arm, x0.shape[1]), seed)

    def practise(x0: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        return x0, draw_times(arm, len(x0), generator), torch.randn(x0.shape, generator=generator)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x0, t, eps = batch
        if arm.variance == "learned":
            return hybrid_loss(model, x0, t, forward.alpha_bar, eps)
        seen = forward.seen_by(model)
        return diffusion_loss(seen, x0, t, forward.alpha_bar, eps, kind=arm.kind, distance=arm.distance)

    history = fit(
        model,
        Shuffled(x0, size=arm.batch, seed=seed, make=practise),
        loss,
        arm.steps,
        optimiser=arm.optimiser,
        learning_rate=arm.learning_rate,
        hold=None if arm.decay else 1.0,
        clip=arm.clip,
        ema=arm.ema,
        title="this run",
    )
    assert history.ema is not None
    return Trained(model, history.ema, forward, history)


def make_network(arm: Arm, channels: int) -> models.UNet:
    """The arm's U-Net, with initial weights from PyTorch's global generator."""
    outputs = 2 * channels if arm.variance == "learned" else channels
    return models.UNet(channels, width=arm.width, outputs=outputs, embed=EMBEDS[arm.time])


def draw_times(arm: Arm, count: int, generator: Generator) -> Tensor:
    """The steps that a batch practises, (count,) int64."""
    if arm.forward == "all at once":
        return torch.full((count,), arm.T)
    return (uniform_times if arm.times == "uniform" else middle_heavy_times)(count, arm.T, generator)


class EightSinusoids(models.TimeMLP):
    """A mistake seen in public code: t is divided by T before an embedding made for whole steps, of 8 features.

    All but the fastest of its waves hardly move between 0 and 1, so that nearly all it says is one number.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__(8, hidden)

    def encode(self, t: Tensor) -> Tensor:
        return models.sinusoidal_embedding(t / 1000, self.features)


EMBEDS = {
    "sinusoidal": models.TimeMLP,
    "raw": models.RawTime,
    "learned": models.LearnedTime,
    "fourier": models.FourierTime,
    "none": models.NoTime,
    "t/T in 8 sinusoids": EightSinusoids,
}


def in_parts(values: list[float], parts: int = CURVE) -> list[float]:
    """The means of `parts` neighbouring groups of values, of as many as there are if these are fewer."""
    parts = min(parts, len(values))
    edges = [k * len(values) // parts for k in range(parts + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]

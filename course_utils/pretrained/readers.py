"""The classifier of lesson 11, which steers a diffusion model, and its recipe.

It has to know the noise of the model that it steers, so it is trained on that model's schedule. The lesson trains one
itself; `course train noisy-classifier-flowers` makes the one that lectures load, for `ddpm("flowers")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils import data, weights
from course_utils.diffusion import model_time, q_sample
from course_utils.errors import CourseError
from course_utils.guidance import Classifier, noisy_classifier_loss
from course_utils.models import NoisyClassifier
from course_utils.pretrained.diffusion import DiffusionTraining
from course_utils.pretrained.recipes import ddpm
from course_utils.training import PoolTraining, Recipe, Shuffled, Teachable

TIMES = (0, 50, 100, 150, 200, 300, 400, 500, 600, 800, 1000)  # where a classifier is judged
HELD_OUT = 500


@dataclass(frozen=True)
class Reader(PoolTraining, Teachable):
    """A classifier and its training.

    Attributes:
        pool: how many pictures there are to learn from (all, of a data set that has fewer).
        width: of the `NoisyClassifier`.
        clean: show it no noise at all, and tell it t = 0: what the lesson compares with.
        steers: the training of the diffusion model whose noise it has to know.
    """

    pool: int = 16384
    width: int = 24
    clean: bool = False
    steps: int = 3000
    batch: int = 64
    learning_rate: float = 4e-3
    steers: DiffusionTraining = field(default_factory=DiffusionTraining)

    def network(self) -> NoisyClassifier:
        known = self.known()
        return NoisyClassifier(known.images.shape[1], len(known.classes), self.width)

    def batches(self, seed: int, device: torch.device | str = "cpu") -> Shuffled:
        known, T = self.known(), self.steers.T
        return reading_batches(
            known.images, known.labels, T, size=self.batch, seed=seed, clean=self.clean, device=device
        )

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        x0, y, t, eps = batch
        return noisy_classifier_loss(model, x0, y, t, self.steers.alpha_bar(), eps)


def readable_times(n: int, T: int, generator: Generator) -> Tensor:
    """n steps from 1 to T, half of them in the first quarter: t / T is the square of an evenly drawn number.

    Near pure noise there is nothing to read, and a classifier that practises there most of the time learns slowly.

    Returns:
        (n,), int64, on the generator's device.
    """
    u = torch.rand(n, generator=generator, device=generator.device)
    return (u**2 * T).ceil().long().clamp(1, T)


def reading_batches(
    images: Tensor,
    labels: Tensor,
    T: int,
    *,
    size: int = 64,
    seed: int = 0,
    clean: bool = False,
    device: torch.device | str = "cpu",
) -> Shuffled:
    """Training batches without end: x0 (B, C, H, W), y (B,), t (B,), eps (B, C, H, W).

    Args:
        images, labels: to choose from.
        T: steps of the schedule.
        size: B.
        seed: for the choice, the steps and the noise.
        clean: every t is 0.
        device: where the batches are wanted.
    """

    def draw(x0: Tensor, y: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        t = readable_times(len(x0), T, generator)
        eps = torch.randn(x0.shape, generator=generator)
        return x0.to(device), y.to(device), (torch.zeros_like(t) if clean else t).to(device), eps.to(device)

    return Shuffled(images, labels, size=size, seed=seed, make=draw)


@torch.no_grad()
def accuracy_by_time(
    classifier: Classifier, x0: Tensor, y: Tensor, times: Sequence[int], alpha_bar: Tensor, seed: int = 0
) -> list[float]:
    """The share of pictures whose class a classifier names, 0 to 1, at each step of `times`.

    Args:
        classifier: `classifier(x, t)` gives scores (B, K); t on the scale 0 to 1000.
        x0, y: clean pictures (B, C, H, W) and their classes (B,).
        times: steps, 0 to T.
        alpha_bar: (T + 1,).
        seed: of the noise.
    """
    generator, found = torch.Generator().manual_seed(seed), []
    for step in times:
        t = torch.full((len(x0),), step)
        x_t = q_sample(x0, t, alpha_bar, torch.randn(x0.shape, generator=generator).to(x0))
        read = classifier(x_t, model_time(t, len(alpha_bar) - 1)).argmax(dim=1)
        found.append((read == y).float().mean().item())
    return found


def steering_recipe(dataset: str) -> Recipe:
    """How the classifier that steers `ddpm(dataset)` is made."""
    reader = Reader(dataset, steers=_steered(dataset))

    def about() -> dict[str, Any]:
        return {
            "classes": list(data.load(dataset, n=1).classes),
            "schedule": _schedule(dataset),
            "network": f"NoisyClassifier, width {reader.width}",
            "size": reader.size,
            "learning_rate": reader.learning_rate,
        }

    return Recipe(
        name=_name(dataset),
        what=f"names the class of a noisy picture of {dataset}, {reader.size} px, and is told the time",
        lesson="11",
        training=reader,
        minutes=round(reader.steps / 1500),
        judge=_judge,
        data=f"{dataset}, split train, the first {reader.pool}, or all if there are fewer",
        about=about,
    )


def _judge(net: NoisyClassifier, reader: Reader, device: torch.device | str) -> dict[str, Any]:
    held_out = data.load(reader.dataset, n=HELD_OUT, size=reader.size, split="test")
    shares = accuracy_by_time(net.cpu(), held_out.images, held_out.labels, TIMES, reader.steers.alpha_bar())
    return {
        "held_out_images": len(held_out),
        "accuracy_by_step": {str(t): round(share, 4) for t, share in zip(TIMES, shares, strict=True)},
    }


def noisy_classifier(dataset: str, device: torch.device | str = "cpu") -> NoisyClassifier:
    """The classifier trained ahead for the noise of `ddpm(dataset)`, in evaluation mode.

    Raises:
        CourseError: there is none, it was damaged, or the diffusion model has another schedule by now.
    """
    name = _name(dataset)
    card = weights.card(name)
    if card["schedule"] != _schedule(dataset):
        raise CourseError(
            f"The weights {name!r} know the noise of another schedule than ddpm-{dataset} has: make them anew with "
            f"`course train {name}`."
        )
    net = NoisyClassifier(_steered(dataset).channels, len(card["classes"])).to(device)
    weights.load(name, net)
    return net.eval()


def available_noisy_classifier(dataset: str) -> bool:
    """True if there are weights, and they fit the schedule of `ddpm(dataset)`."""
    name = _name(dataset)
    return weights.available(name) and weights.card(name)["schedule"] == _schedule(dataset)


def _name(dataset: str) -> str:
    return f"noisy-classifier-{dataset}"


def _schedule(dataset: str) -> str:
    """The schedule of the model that is steered, as its card says it."""
    return str(_steered(dataset).describe()["schedule"])


def _steered(dataset: str) -> DiffusionTraining:
    """The training of `ddpm(dataset)`."""
    trainings = {recipe.name: recipe.training for recipe in ddpm.RECIPES}
    if f"ddpm-{dataset}" not in trainings:
        raise CourseError(f"There is no diffusion model ddpm-{dataset} to steer, only {', '.join(trainings)}.")
    return trainings[f"ddpm-{dataset}"]  # type: ignore[return-value]

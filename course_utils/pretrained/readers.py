"""The classifier of lesson 11, which steers a diffusion model, and its recipe.

It has to know the noise of the model that it steers, so it is trained on the schedule of `ddpm(dataset)`. The lesson
trains one itself; `course train noisy-classifier-flowers` makes the one that lectures load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import data, weights
from course_utils.diffusion import alpha_bars, linear_schedule, model_time, q_sample
from course_utils.errors import CourseError
from course_utils.guidance import Classifier, noisy_classifier_loss
from course_utils.metrics.recogniser_training import fingerprint
from course_utils.models import NoisyClassifier
from course_utils.pretrained.plans import PLANS
from course_utils.training import Clock, Fit, Shuffled, fit, round_to_16_bits, training_card

TIMES = (0, 50, 100, 150, 200, 300, 400, 500, 600, 800, 1000)  # where a classifier is judged
HELD_OUT = 500


@dataclass(frozen=True)
class Reader:
    """A classifier and its training.

    Attributes:
        dataset, size: the pictures, `size` px wide and high.
        pool: how many of them there are to learn from (all, of a data set that has fewer).
        width: of the `NoisyClassifier`.
        clean: show it no noise at all, and tell it t = 0: what the lesson compares with.
        steps, batch, learning_rate: of the training.
    """

    dataset: str = "flowers"
    size: int = 16
    pool: int = 16384
    width: int = 24
    clean: bool = False
    steps: int = 3000
    batch: int = 64
    learning_rate: float = 4e-3


def readable_times(n: int, T: int, generator: Generator) -> Tensor:
    """n steps from 1 to T, half of them in the first quarter: t / T is the square of an evenly drawn number.

    Near pure noise there is nothing to read, and a classifier that practises there most of the time learns slowly.

    Returns:
        (n,), int64, on the generator's device.
    """
    u = torch.rand(n, generator=generator, device=generator.device)
    return (u**2 * T).ceil().long().clamp(1, T)


def reading_batches(
    images: Tensor, labels: Tensor, T: int, *, size: int = 64, seed: int = 0, clean: bool = False
) -> Shuffled:
    """Training batches without end: x0 (B, C, H, W), y (B,), t (B,), eps (B, C, H, W).

    Args:
        images, labels: to choose from.
        T: steps of the schedule.
        size: B.
        seed: for the choice, the steps and the noise.
        clean: every t is 0.
    """

    def draw(x0: Tensor, y: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        t = readable_times(len(x0), T, generator)
        return x0, y, torch.zeros_like(t) if clean else t, torch.randn(x0.shape, generator=generator)

    return Shuffled(images, labels, size=size, seed=seed, make=draw)


def train_reader(
    plan: Reader,
    alpha_bar: Tensor,
    seed: int = 0,
    *,
    device: torch.device | str = "cpu",
    quiet: bool = True,
    title: str = "classifier",
) -> tuple[NoisyClassifier, Fit]:
    """Train a classifier on pictures noised by a schedule.

    Args:
        plan: of the network and of the training.
        alpha_bar: (T + 1,).
        seed: for the initial weights, the choice of pictures, the steps and the noise.
        device: where to train.
        quiet: no progress bar.
        title: stands before the progress bar.
    """
    count = plan.pool if plan.dataset == "flowers" else None
    whole = data.load(plan.dataset, n=count, size=plan.size, split="train")
    with torch.random.fork_rng(devices=[]):  # the initial weights come from the global generator: leave it as it was
        torch.manual_seed(seed)
        net = NoisyClassifier(whole.images.shape[1], len(whole.classes), plan.width).to(device)
    batches = reading_batches(
        whole.images[: plan.pool],
        whole.labels[: plan.pool],
        len(alpha_bar) - 1,
        size=plan.batch,
        seed=seed,
        clean=plan.clean,
    )

    def loss(net: Any, batch: tuple[Tensor, ...]) -> Tensor:
        x0, y, t, eps = (part.to(device) for part in batch)
        return noisy_classifier_loss(net, x0, y, t, alpha_bar, eps)

    history = fit(net, batches, loss, plan.steps, learning_rate=plan.learning_rate, quiet=quiet, title=title)
    return net, history


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


def train_noisy_classifier(
    dataset: str,
    *,
    steps: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train the classifier that steers `ddpm(dataset)`, round to 16 bits, judge, and store it with its card.

    Args:
        dataset: such as "flowers".
        steps: batches; by default those of `Reader`.
        seed: as for `train_reader`.
        device: where to train.
        folder: where to store; by default the checkout's `weights/`.
        quiet: no progress bar.

    Returns:
        the card, as stored.

    Raises:
        CourseError: no data, a training that failed, or a folder that cannot be written to.
    """
    plan, name = Reader(dataset, steps=steps or Reader().steps), _name(dataset)
    weights.check_writable(folder)  # before the work, not after it
    alpha_bar, clock = _alpha_bar(dataset), Clock()
    net, history = train_reader(plan, alpha_bar, seed, device=device, quiet=quiet, title=name)
    seconds = clock.seconds()
    round_to_16_bits(net.cpu())
    held_out = data.load(dataset, n=HELD_OUT, size=plan.size, split="test")
    shares = accuracy_by_time(net, held_out.images, held_out.labels, TIMES, alpha_bar)
    card = {
        "recipe": name,
        "what": f"names the class of a noisy picture of {dataset}, {plan.size} px, and is told the time",
        "data": f"{dataset}, split train, the first {plan.pool}, or all if there are fewer",
        "fingerprint": fingerprint(dataset),
        "classes": list(held_out.classes),
        "schedule": _schedule(dataset),
        "network": f"NoisyClassifier, width {plan.width}",
        "size": plan.size,
        "learning_rate": plan.learning_rate,
        **training_card(plan.steps, plan.batch, seed, seconds, device),
        "loss": round(history.last_loss, 5),
        "metrics": {
            "held_out_images": len(held_out),
            "accuracy_by_step": {str(t): round(share, 4) for t, share in zip(TIMES, shares, strict=True)},
        },
    }
    weights.save(name, net, card, half=True, folder=folder)
    return weights.card(name, folder=folder)


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
    channels = PLANS[f"ddpm-{dataset}"].channels
    net = NoisyClassifier(channels, len(card["classes"])).to(device)
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
    plan = PLANS.get(f"ddpm-{dataset}")
    return str(plan.describe()["schedule"]) if plan else "linear, T = 1000"


def _alpha_bar(dataset: str) -> Tensor:
    plan = PLANS.get(f"ddpm-{dataset}")
    return plan.alpha_bar() if plan else alpha_bars(linear_schedule(1000))

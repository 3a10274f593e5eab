"""The denoiser of lesson 02: one network, told nothing of the time, that guesses the clean image in one go.

`course train denoiser-flowers` makes the one that lectures load; the study of skip connections trains the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import data, weights
from course_utils.diffusion import alpha_bars, cosine_schedule, denoising_loss, q_sample, uniform_times
from course_utils.metrics.recogniser_training import fingerprint
from course_utils.models import plain
from course_utils.training import Clock, Fit, Shuffled, fit, round_to_16_bits, training_card

TIMES = (20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 850, 900, 950, 1000)  # where a denoiser is judged
HELD_OUT = 256


@dataclass(frozen=True)
class OneShot:
    """A denoiser and its training.

    Attributes:
        dataset, size: the images, `size` px wide and high.
        pool: how many of them there are to learn from (all, of a data set that has fewer).
        width, skips: of the `plain.UNet`.
        T: steps of the cosine schedule.
        steps, batch, learning_rate: of the training.
    """

    dataset: str = "flowers"
    size: int = 16
    pool: int = 4096
    width: int = 24
    skips: bool = True
    T: int = 1000
    steps: int = 7000
    batch: int = 32
    learning_rate: float = 3e-3

    def alpha_bar(self) -> Tensor:
        """(T + 1,), float64."""
        return alpha_bars(cosine_schedule(self.T))


def pool(dataset: str, size: int, n: int) -> Tensor:
    """The first n training images, (n, C, size, size); all of them where there are fewer."""
    whole = data.load(dataset, n=None if dataset == "digits" else n, size=size, split="train")
    return whole.images[:n]


def train_one_shot(
    plan: OneShot, seed: int = 0, *, device: torch.device | str = "cpu", quiet: bool = True, title: str = "denoiser"
) -> tuple[plain.UNet, Fit]:
    """Train a denoiser: a random image, a random step, noise; the network's guess; the mean squared error.

    Args:
        plan: of the network and of the training.
        seed: for the initial weights, the choice of images, the steps and the noise.
        device: where to train.
        quiet: no progress bar.
        title: stands before the progress bar.
    """
    x0, alpha_bar = pool(plan.dataset, plan.size, plan.pool), plan.alpha_bar()
    with torch.random.fork_rng(devices=[]):  # the initial weights come from the global generator: leave it as it was
        torch.manual_seed(seed)
        net = plain.UNet(x0.shape[1], width=plan.width, skips=plan.skips).to(device)

    def draw(x0: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        t = uniform_times(len(x0), plan.T, generator)
        eps = torch.randn(x0.shape, generator=generator)
        return x0.to(device), t.to(device), eps.to(device)

    history = fit(
        net,
        Shuffled(x0, size=plan.batch, seed=seed, make=draw),
        lambda net, batch: denoising_loss(net, batch[0], batch[1], alpha_bar, batch[2]),
        plan.steps,
        learning_rate=plan.learning_rate,
        quiet=quiet,
        title=title,
    )
    return net, history


@torch.no_grad()
def rms_errors(
    denoise: Callable[[Tensor, Tensor], Tensor], x0: Tensor, times: Sequence[int], alpha_bar: Tensor, seed: int = 0
) -> list[float]:
    """How far a denoiser's guesses are off, at each step of `times`: the root of the mean squared error.

    Args:
        denoise: `denoise(x_t, t)` guesses x0; t is (B,), int64, on the schedule's own steps.
        x0: clean images, (B, C, H, W).
        times: steps, 0 to T.
        alpha_bar: (T + 1,).
        seed: of the noise.
    """
    generator, errors = torch.Generator().manual_seed(seed), []
    for step in times:
        t = torch.full((len(x0),), step)
        x_t = q_sample(x0, t, alpha_bar, torch.randn(x0.shape, generator=generator))
        errors.append((denoise(x_t, t) - x0).square().mean().sqrt().item())
    return errors


def train_denoiser(
    dataset: str,
    *,
    steps: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train lesson 02's denoiser for a data set, round to 16 bits, judge, and store the weights with their card.

    Args:
        dataset: a name that `course_utils.data.load` knows.
        steps: batches; by default those of `OneShot`.
        seed: as for `train_one_shot`.
        device: where to train.
        folder: where to store; by default the checkout's `weights/`.
        quiet: no progress bar.

    Returns:
        the card, as stored.

    Raises:
        CourseError: no data, a training that failed, or a folder that cannot be written to.
    """
    plan, name = OneShot(dataset=dataset), f"denoiser-{dataset}"
    plan = OneShot(dataset=dataset, steps=steps or plan.steps)
    weights.check_writable(folder)  # before the work, not after it
    clock = Clock()
    net, history = train_one_shot(plan, seed, device=device, quiet=quiet, title=name)
    seconds = clock.seconds()
    round_to_16_bits(net.cpu())
    held_out = data.load(dataset, n=HELD_OUT, size=plan.size, split="test").images
    errors = rms_errors(lambda x_t, t: net(x_t), held_out, TIMES, plan.alpha_bar())
    card = {
        "recipe": name,
        "what": f"guesses the clean image of a noisy one of {dataset}, {plan.size} px, in one go",
        "data": f"{dataset}, split train, the first {plan.pool}, or all if there are fewer",
        "fingerprint": fingerprint(dataset),
        "schedule": f"cosine, T = {plan.T}",
        "predicts": "x0, without being told the time",
        "network": f"plain U-Net, width {plan.width}",
        "size": plan.size,
        "learning_rate": plan.learning_rate,
        **training_card(plan.steps, plan.batch, seed, seconds, device),
        "loss": round(history.last_loss, 5),
        "metrics": {
            "held_out_images": HELD_OUT,
            "root_mean_squared_error": {str(t): round(e, 4) for t, e in zip(TIMES, errors, strict=True)},
        },
    }
    weights.save(name, net, card, half=True, folder=folder)
    return weights.card(name, folder=folder)

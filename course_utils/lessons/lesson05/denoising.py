"""Small trainings without a diffusion model, for lesson 05: what one part of a network is worth.

`denoise` trains a denoiser and judges its pictures, `reconstruct` one that squeezes pictures and draws them again,
`wear_out` takes a few steps that are too large, and counts the units that did not survive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from course_utils import data, metrics
from course_utils.lessons.lesson05.ablation import Denoiser, Parts, Reconstructor, Stack
from course_utils.studies.trial import in_parts
from course_utils.training import Fit, Shuffled, Training, fit, initialised

#: alpha_bar of the noise under which pictures are judged, from much noise to little
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
PARTS = 25  # points of a training curve
POOL, HELD_OUT, HELD_OUT_SEED = 2048, 512, 7
DEAD = 0.01  # a unit whose slope is below this for everything that it sees, passes practically no gradient

Figures = dict[str, Any]


@dataclass(frozen=True)
class Denoising(Training):
    """One training of a `Denoiser`. The defaults are the baseline, with which a variant differs in one field.

    Attributes:
        norm, activation, pool, lift, residual, blocks, width: the network's `Parts`.
    """

    norm: str = "GroupNorm"
    activation: str = "GELU"
    pool: str = "rearrange"
    lift: str = "resize, then 3 x 3"
    residual: bool = True
    blocks: int = 1
    steps: int = 200
    learning_rate: float = 2e-3

    @property
    def parts(self) -> Parts:
        return Parts(self.norm, self.activation, self.pool, self.lift, self.residual, self.blocks, self.width)


def denoise(settings: Denoising, seed: int) -> Figures:
    """Train with one seed, and judge.

    Returns:
        the figures of `judge_denoiser`, and "training loss": means of `PARTS` parts of the training, a curve.
    """
    net, history = train_denoiser(settings, seed)
    return {**judge_denoiser(net, settings), "training loss": in_parts(history.losses, PARTS)}


def train_denoiser(
    settings: Denoising, seed: int, norm: Callable[[int], nn.Module] | None = None, quiet: bool = True
) -> tuple[nn.Module, Fit]:
    """A network that was taught to guess x0 from x_t under every amount of noise, and how its training went.

    The network is left in evaluation mode.

    Args:
        settings: of the network and of the training.
        seed: of the initial weights, the batches and the noise.
        norm: makes the norms, instead of `settings.norm`.
        quiet: no progress bar.
    """
    x0 = _pictures(settings.dataset, settings.size, "train")
    net = initialised(lambda: Denoiser(x0.shape[1], settings.parts, norm), seed)

    def practise(x0: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        alpha_bar = 0.01 + 0.98 * torch.rand(len(x0), generator=generator)
        return x0, add_noise(x0, alpha_bar, generator)

    history = fit(
        net,
        Shuffled(x0, size=settings.batch, seed=seed, make=practise),
        lambda net, batch: F.mse_loss(net(batch[1]), batch[0]),
        settings.steps,
        learning_rate=settings.learning_rate,
        quiet=quiet,
        title="denoiser",
    )
    return net, history


@torch.no_grad()
def judge_denoiser(net: nn.Module, settings: Denoising) -> Figures:
    """Figures of a denoiser on held-out pictures, at each of `LEVELS`.

    Returns:
        "error": mean |x0_hat - x0|^2, the mean of the curve that follows.
        "error by level": the same at each level.
        "colour error": of a picture's mean colour, root mean square over pictures, colours and levels.
        "colour shift": of the mean colour of all pictures together, mean over colours and levels. Errors of single
            pictures cancel here; what is left is the tint that all of them share.
    """
    x0 = _pictures(settings.dataset, settings.size, "test")
    generator = torch.Generator().manual_seed(HELD_OUT_SEED)
    errors, colours, shifts = [], [], []
    for level in LEVELS:
        guess = net(add_noise(x0, torch.full((len(x0),), level), generator))
        colour = (guess - x0).mean(dim=(2, 3))  # (N, C)
        errors.append((guess - x0).square().mean().item())
        colours.append(colour.square().mean().item())
        shifts.append(colour.mean(dim=0).abs().mean().item())
    return {
        "error": sum(errors) / len(LEVELS),
        "error by level": errors,
        "colour error": (sum(colours) / len(LEVELS)) ** 0.5,
        "colour shift": sum(shifts) / len(LEVELS),
    }


def add_noise(x0: Tensor, alpha_bar: Tensor, generator: Generator) -> Tensor:
    """sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) eps, with alpha_bar (B,), one for each picture."""
    a = alpha_bar.reshape(-1, 1, 1, 1)
    return a.sqrt() * x0 + (1 - a).sqrt() * torch.randn(x0.shape, generator=generator)


def reconstruct(settings: dict[str, Any], seed: int) -> Figures:
    """Train a `Reconstructor` with `settings["lift"]`, and look for the checkerboard before and after.

    Returns:
        "checkerboard before", "checkerboard after": in the pictures it makes, in multiples of what white noise has.
        "checkerboard of the mistakes": likewise, in its pictures minus the true ones, after training.
        "error": mean |x_hat - x|^2 on held-out pictures.
    """
    x, held_out = (_pictures(settings["dataset"], settings["size"], split) for split in ("train", "test"))
    net = initialised(lambda: Reconstructor(x.shape[1], settings["lift"]), seed)
    with torch.no_grad():
        before = net(held_out)
    fit(
        net,
        Shuffled(x, size=settings["batch"], seed=seed),
        lambda net, x: F.mse_loss(net(x), x),
        settings["steps"],
        learning_rate=settings["learning_rate"],
        quiet=True,
    )
    with torch.no_grad():
        after = net(held_out)
    return {
        "checkerboard before": checkerboard(before),
        "checkerboard after": checkerboard(after),
        "checkerboard of the mistakes": checkerboard(after - held_out),
        "error": (after - held_out).square().mean().item(),
    }


def checkerboard(x: Tensor) -> float:
    """`metrics.checkerboard_share` of all pictures, (B, C, H, W), in multiples of what white noise has."""
    return metrics.checkerboard_share(x.double()).nanmean().item() * (x.shape[2] * x.shape[3] - 1) / 3


def wear_out(settings: dict[str, Any], seed: int) -> Figures:
    """Count the dead units of a `Stack` before any training, and after a few steps with a large learning rate.

    Returns:
        "dead before", "dead after": shares of all units.
        "dead by layer": after the training, from the first layer to the last.
        "error": mean |x0_hat - x0|^2 of the last steps.
    """
    x0 = _pictures(settings["dataset"], settings["size"], "train")
    norm = settings.get("norm", "none")
    net = initialised(lambda: Stack(x0.shape[1], settings["depth"], settings["activation"], norm), seed)
    half = torch.full((64,), 0.5)
    seen = add_noise(_pictures(settings["dataset"], settings["size"], "test")[:64], half, _generator(HELD_OUT_SEED))
    before = dead_units(net, seen)

    def practise(x0: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        return x0, add_noise(x0, 0.01 + 0.98 * torch.rand(len(x0), generator=generator), generator)

    history = fit(
        net,
        Shuffled(x0, size=settings["batch"], seed=seed, make=practise),
        lambda net, batch: F.mse_loss(net(batch[1]), batch[0]),
        settings["steps"],
        learning_rate=settings["learning_rate"],
        quiet=True,
    )
    after = dead_units(net, seen)
    return {
        "dead before": before.mean().item(),
        "dead after": after.mean().item(),
        "dead by layer": after.tolist(),
        "error": sum(history.losses[-10:]) / 10,
    }


def dead_units(net: Stack, x: Tensor) -> Tensor:
    """The share of dead units in each layer, (depth,): those whose slope stays below `DEAD` for all of x."""
    return (net.largest_slopes(x) < DEAD).float().mean(dim=1)


def _generator(seed: int) -> Generator:
    return torch.Generator().manual_seed(seed)


def _pictures(dataset: str, size: int, split: str) -> Tensor:
    """(N, C, size, size): the ones to learn from, or the held-out ones; as many as there are of a small set."""
    wanted, seed = (POOL, 0) if split == "train" else (HELD_OUT, HELD_OUT_SEED)
    if dataset == "flowers":
        return data.load(dataset, n=wanted, size=size, split=split, seed=seed).images
    return data.load(dataset, size=size, split=split, seed=seed).images[:wanted]

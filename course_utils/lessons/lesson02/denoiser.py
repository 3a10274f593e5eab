"""The denoiser of lesson 02: one network, told nothing of the time, that guesses the clean image in one go.

`course train denoiser-flowers` makes the one that lectures load (`recipes`); the study of skip connections trains the
same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from course_utils.diffusion import alpha_bars, cosine_schedule, denoising_loss, q_sample, uniform_times
from course_utils.models import plain
from course_utils.training import PoolTraining, Shuffled, Teachable

TIMES = (20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 850, 900, 950, 1000)  # where a denoiser is judged
HELD_OUT = 256


@dataclass(frozen=True)
class OneShot(PoolTraining, Teachable):
    """A denoiser and its training: a random image, a random step, noise; the guess; the mean squared error.

    Attributes:
        width, skips: of the `plain.UNet`.
        T: steps of the cosine schedule.
    """

    width: int = 24
    skips: bool = True
    T: int = 1000
    steps: int = 7000

    def alpha_bar(self) -> Tensor:
        """(T + 1,), float64."""
        return alpha_bars(cosine_schedule(self.T))

    def network(self) -> plain.UNet:
        return plain.UNet(self.known().images.shape[1], width=self.width, skips=self.skips)

    def batches(self, seed: int, device: torch.device | str = "cpu") -> Shuffled:
        def draw(x0: Tensor, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
            t = uniform_times(len(x0), self.T, generator)
            eps = torch.randn(x0.shape, generator=generator)
            return x0.to(device), t.to(device), eps.to(device)

        return Shuffled(self.known().images, size=self.batch, seed=seed, make=draw)

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x0, t, eps = batch
        return denoising_loss(model, x0, t, self.alpha_bar(), eps)


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

"""What lesson 02 measures ahead: a U-Net with its skip connections and without."""

from __future__ import annotations

from typing import Any

import torch

from course_utils import data
from course_utils.lessons.lesson02.denoiser import HELD_OUT, TIMES, OneShot, rms_errors
from course_utils.studies.study import Study


def one_shot(plan: OneShot, seed: int) -> dict[str, Any]:
    """Train with one seed, and judge on held-out images.

    Returns:
        "error by step": root mean squared error of the guess, at each of `denoiser.TIMES`.
        "error at t = 50", "error at t = 800": two of them.
        "spread from noise": of the guesses from pure noise, their standard deviation from guess to guess, root mean
            square over pixels and channels.
        "distance from noise to the mean": of the same guesses to the mean training image, root mean square.
    """
    net, _ = plan.train(seed, quiet=True)
    held_out = data.load(plan.dataset, n=HELD_OUT, size=plan.size, split="test").images
    errors = rms_errors(lambda x_t, t: net(x_t), held_out, TIMES, plan.alpha_bar())
    noise = torch.randn(held_out.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        guesses = net(noise)
    mean = plan.known().images.mean(0)
    return {
        "error by step": errors,
        "error at t = 50": errors[TIMES.index(50)],
        "error at t = 800": errors[TIMES.index(800)],
        "spread from noise": guesses.var(0).mean().sqrt().item(),
        "distance from noise to the mean": (guesses - mean).square().mean().sqrt().item(),
    }


STUDIES = [
    Study(
        "skips",
        lesson="02",
        says="skip connections on and off in a one-shot denoiser",
        variants={
            "with skips": OneShot(width=16, steps=800, skips=True),
            "without skips": OneShot(width=16, steps=800, skips=False),
        },
        run=one_shot,
    )
]

"""How the weights that only lesson 02 loads were made: a denoiser for each data set."""

from __future__ import annotations

from typing import Any

import torch

from course_utils import data
from course_utils.lessons.lesson02.denoiser import HELD_OUT, TIMES, OneShot, rms_errors
from course_utils.models import plain
from course_utils.training import Recipe


def denoiser_recipe(dataset: str) -> Recipe:
    """How the denoiser for a data set is made."""
    plan = OneShot(dataset)
    return Recipe(
        name=f"denoiser-{dataset}",
        what=f"guesses the clean image of a noisy one of {dataset}, {plan.size} px, in one go",
        lesson="02",
        training=plan,
        minutes=round(plan.steps / 1500),
        judge=judge,
        data=f"{dataset}, split train, the first {plan.pool}, or all if there are fewer",
        about=lambda: {
            "schedule": f"cosine, T = {plan.T}",
            "predicts": "x0, without being told the time",
            "network": f"plain U-Net, width {plan.width}",
            "size": plan.size,
            "learning_rate": plan.learning_rate,
        },
    )


def judge(net: plain.UNet, plan: OneShot, device: torch.device | str) -> dict[str, Any]:
    """How far its guesses of held-out images are off, at each of `TIMES`."""
    net.cpu()
    held_out = data.load(plan.dataset, n=HELD_OUT, size=plan.size, split="test").images
    errors = rms_errors(lambda x_t, t: net(x_t), held_out, TIMES, plan.alpha_bar())
    return {
        "held_out_images": HELD_OUT,
        "root_mean_squared_error": {str(t): round(e, 4) for t, e in zip(TIMES, errors, strict=True)},
    }


RECIPES = tuple(denoiser_recipe(dataset) for dataset in data.NAMES)

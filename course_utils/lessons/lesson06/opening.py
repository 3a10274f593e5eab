"""Lesson 06's opening picture: the same noises with more and more steps, DDIM above, DDPM below."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import pretrained, samplers
from course_utils.plots.sheet import sheet


def picture() -> Image.Image:
    """Three noises with each sampler, a column for each number of steps."""
    model = pretrained.ddpm("flowers")
    noises = model.noise(3, torch.Generator().manual_seed(5))
    counts = (2, 3, 5, 10, 20, 50, 100, 250)
    ddim = [samplers.sample_ddim(model.predict, noises, model.alpha_bar, steps, clip=True) for steps in counts]
    ddpm = [
        samplers.sample_ddpm(
            model.predict, noises, model.alpha_bar, torch.Generator().manual_seed(6), steps=steps, clip=True
        )
        for steps in counts
    ]
    rows = [torch.stack([x[i] for x in drawn]) for drawn in (ddim, ddpm) for i in range(len(noises))]
    return sheet(rows, scale=6)

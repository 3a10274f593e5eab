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
    settings = {"predict": model.predict, "x_T": noises, "alpha_bar": model.alpha_bar, "clip": True}
    rows = []
    for sampler in ("DDIM", "DDPM"):
        drawn = []
        for steps in counts:
            if sampler == "DDIM":
                drawn.append(samplers.sample_ddim(steps=steps, **settings))
            else:
                drawn.append(samplers.sample_ddpm(steps=steps, generator=torch.Generator().manual_seed(6), **settings))
        rows += [torch.stack([x[i] for x in drawn]) for i in range(len(noises))]
    return sheet(rows, scale=6)

"""Lesson 02's opening picture: flowers under more and more noise, and below each what a network makes of it."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import data, weights
from course_utils.diffusion import alpha_bars, cosine_schedule, q_sample
from course_utils.models import plain
from course_utils.plots.sheet import sheet


def picture() -> Image.Image:
    """Nine flowers under more and more noise, and the single guess of the network that was trained ahead."""
    net = plain.UNet(3, width=24)
    weights.load("denoiser-flowers", net)
    times = torch.tensor([50, 200, 350, 500, 650, 800, 900, 950, 1000])
    flowers = data.load("flowers", n=len(times), size=16, split="test", seed=2).images
    eps = torch.randn(flowers.shape, generator=torch.Generator().manual_seed(2))
    x_t = q_sample(flowers, times, alpha_bars(cosine_schedule(1000)), eps)
    with torch.no_grad():
        guess = net.eval()(x_t)
    return sheet([x_t, guess], scale=6)

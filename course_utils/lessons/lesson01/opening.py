"""Lesson 01's opening picture: flowers drown in noise, from left to right."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import data
from course_utils.diffusion import alpha_bars, cosine_schedule, q_sample
from course_utils.plots.sheet import sheet


def picture() -> Image.Image:
    """Five flowers, one a row, at nine steps of the cosine schedule."""
    flowers = data.load("flowers", n=5, size=32, split="test", seed=1).images
    alpha_bar = alpha_bars(cosine_schedule(1000))
    times = torch.tensor([0, 60, 140, 240, 350, 470, 600, 750, 1000])
    generator = torch.Generator().manual_seed(0)
    rows = []
    for flower in flowers:
        x0 = flower.expand(len(times), -1, -1, -1)
        rows.append(q_sample(x0, times, alpha_bar, torch.randn(x0.shape, generator=generator)))
    return sheet(rows, scale=3)

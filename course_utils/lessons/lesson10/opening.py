"""Lesson 10's opening picture: real flowers, and noise in which the recogniser sees those very flowers."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import data, metrics
from course_utils.lessons.lesson10.damages import fooling
from course_utils.plots.sheet import sheet


def picture() -> Image.Image:
    """Nine flowers, and below each a noise that was moved until its features are the flower's."""
    real, reader = data.load("flowers", n=9, size=16, seed=5).images, metrics.recogniser("flowers")
    start = 0.6 * torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    fooled = fooling(reader.net.features, reader.features(real), start, steps=100)
    return sheet([real, fooled], scale=6)

"""Lesson 03's opening picture: 64 features of every step as waves, and which steps they liken to which."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils.lessons.lesson03.maps import paint
from course_utils.models import sinusoidal_embedding
from course_utils.models.timed import similarity_map
from course_utils.plots.sheet import GAP, PAPER


def picture() -> Image.Image:
    """The embedding of steps 0 to 1000 to the left, a row a feature, and its similarity map to the right."""
    steps, side = torch.linspace(0, 1000, 640), 320
    waves = sinusoidal_embedding(steps, 64)  # (640, 64)
    left = Image.fromarray(paint(waves.T)).resize((640, side), Image.Resampling.NEAREST)
    right = Image.fromarray(paint(similarity_map(waves[::2])))  # (320, 320)
    paper = Image.new("RGB", (640 + 4 * GAP + side, side), (PAPER,) * 3)
    paper.paste(left, (0, 0))
    paper.paste(right, (640 + 4 * GAP, 0))
    return paper.quantize(64)

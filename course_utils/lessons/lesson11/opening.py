"""Lesson 11's opening picture: the same noises, pushed harder and harder towards the species above each column."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import data, pretrained
from course_utils.guidance import sample_guided
from course_utils.plots.images import to_uint8
from course_utils.samplers import sample_ddim
from course_utils.widgets.brush import Brush

SCALES = (0.0, 1.0, 3.0, 10.0)
LEFT, TOP, SIDE, PITCH = 120, 46, 96, 106  # pixels: where the pictures begin, their side, from one to the next


def picture() -> Image.Image:
    """Ten noises, one a species; a row without guidance and one for each scale."""
    model, classifier = pretrained.ddpm("flowers"), pretrained.noisy_classifier("flowers")
    names = [str(name) for name in data.flowers.CHOICES["species"]]
    noises, asked = model.noise(len(names), torch.Generator().manual_seed(2)), torch.arange(len(names))
    brush = Brush(LEFT + PITCH * len(names) + 10, TOP + PITCH * len(SCALES) + 10, 1)
    for k, name in enumerate(names):
        brush.text(LEFT + PITCH * k + SIDE / 2, 30, name, size=15, anchor="ms")
    for row, scale in enumerate(SCALES):
        if scale == 0:
            drawn = sample_ddim(model.predict, noises, model.alpha_bar, 50, clip=True)
        else:
            drawn = sample_guided(model.predict, classifier, noises, asked, model.alpha_bar, 50, scale, clip=True)
        y = TOP + PITCH * row
        brush.text(106, y + 54, f"scale {scale:g}" if scale else "unasked", size=17, bold=True, anchor="rs")
        for k, flower in enumerate(to_uint8(drawn.clamp(-1, 1))):
            brush.pixels(LEFT + PITCH * k, y, SIDE, flower)
    return brush.image

"""Lesson 04's opening picture: the model that was trained ahead, at work."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import pretrained, samplers
from course_utils.lessons.lesson04.film import Film
from course_utils.plots.sheet import sheet


def picture() -> Image.Image:
    """Four walks from noise to a flower, from left to right."""
    ready = pretrained.ddpm("flowers")
    film, generator = Film(), torch.Generator().manual_seed(4)
    x_T = ready.noise(4, generator)
    film.end(samplers.sample_ddpm(ready.predict, x_T, ready.alpha_bar, generator, clip=True, watch=film.watch))
    frames = [film.nearest(t) for t in (1000, 600, 450, 350, 250, 170, 100, 40, 0)]
    return sheet([torch.stack([film.x_t[k][walk] for k in frames]) for walk in range(4)], scale=6)

"""Lesson 12's opening picture: one species and one noise a row, and a guidance weight that rises."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import pretrained
from course_utils.guidance import sample_cfg
from course_utils.plots.sheet import sheet

WEIGHTS = (-2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0)
SPECIES = (0, 1, 2, 4, 5, 7)


def picture() -> Image.Image:
    """Six species, one a row; from left to right w rises from -2 to 8."""
    model = pretrained.guided("flowers")
    x_T, asked = model.noise(len(SPECIES), torch.Generator().manual_seed(12)), torch.tensor(SPECIES)
    columns = [
        sample_cfg(model.model, x_T, asked, w, model.alpha_bar, 30, kind=model.kind).clamp(-1, 1) for w in WEIGHTS
    ]
    return sheet([torch.stack([x[i] for x in columns]) for i in range(len(SPECIES))], scale=5)

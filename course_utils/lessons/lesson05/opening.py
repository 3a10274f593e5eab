"""Lesson 05's opening picture: one flower in seven batches of two, as two norms hand it on."""

from __future__ import annotations

import torch
from PIL import Image

from course_utils import data
from course_utils.plots.sheet import sheet


def picture() -> Image.Image:
    """The same flower beside seven others: BatchNorm above, GroupNorm below."""
    flowers = data.load("flowers", n=9, size=32, split="test").images
    watched, company = flowers[0], flowers[1:8]
    pairs = [torch.stack([watched, other]) for other in company]
    batch = torch.stack([torch.nn.functional.batch_norm(pair, None, None, training=True)[0] for pair in pairs])
    group = torch.stack([torch.nn.functional.group_norm(pair, 1)[0] for pair in pairs])
    return sheet([0.6 * batch, 0.6 * group], scale=3)

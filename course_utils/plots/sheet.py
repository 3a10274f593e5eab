"""Rows of pictures on white paper, pixel for pixel: what the openings of lessons are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from course_utils.plots.images import to_uint8

PAPER, GAP = 255, 4  # white, and the pixels of it around each picture


def sheet(rows: Sequence[Tensor], scale: int = 1) -> Image.Image:
    """Rows of pictures on a sheet of white paper.

    Args:
        rows: (N, 3, H, W) each, in [-1, 1], all of one shape.
        scale: how many pixels of the sheet each pixel becomes, in width and in height.

    Returns:
        A picture in RGB, with len(rows) rows of N pictures.
    """
    strips = []
    for row in rows:
        tiles = to_uint8(row).repeat(scale, axis=1).repeat(scale, axis=2)  # (N, H, W, C)
        padded = np.pad(tiles, ((0, 0), (GAP, GAP), (GAP, GAP), (0, 0)), constant_values=PAPER)
        strips.append(np.concatenate(list(padded), axis=1))
    return Image.fromarray(np.concatenate(strips))

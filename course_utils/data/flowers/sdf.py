"""Signed distance functions: how far a point is from the edge of a shape, negative inside.

A pixel's share of a shape follows from the distance at its centre alone, which is what makes the
drawing smooth, quick and the same at every size. Everything here is elementwise on tensors of shape (B, H, W).
The functions are from, or in the manner of, Inigo Quilez, "2D distance functions".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def coverage(distance: Tensor, pixel: Tensor | float) -> Tensor:
    """How much of a pixel a shape covers, 0 to 1, from its distance and the pixel's width."""
    return (0.5 - distance / pixel).clamp_(0.0, 1.0)


def ellipse(x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """Distance to the ellipse with semi-axes a and b about the origin (first order: exact on the edge)."""
    p, q = x / a, y / b
    k1 = torch.hypot(p, q)
    k2 = torch.hypot(p / a, q / b).clamp_(min=1e-6)
    return k1 * (k1 - 1.0) / k2


def lens(along: Tensor, across: Tensor, length: Tensor | float, width: Tensor | float, skew: float = 0.0) -> Tensor:
    """Distance to a pointed petal from (0, 0) to (length, 0), at most `width` to each side.

    skew = 0 is widest in the middle; towards 1 it is widest near the tip, towards -1 near the base.
    """
    s = (along / length).clamp_(-0.5, 1.5)
    profile = 4.0 * s * (1.0 - s) * (1.0 + skew * (2.0 * s - 1.0))
    return (across.abs() - width * profile) * 0.85  # 0.85: the typical cosine of the edge's slope


def fold(angle: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Fold a full turn into `count` equal sectors.

    Returns the angle from the middle of the sector, in [-pi/count, pi/count], and the sector's number. One
    petal drawn in the folded plane appears `count` times, for the price of one.
    """
    step = 2.0 * math.pi / count
    number = torch.round(angle / step)
    return angle - number * step, number


def bump(x: Tensor, width: Tensor | float) -> Tensor:
    """1 at x = 0, falling smoothly to 0 at |x| = width."""
    t = (1.0 - (x / width).square()).clamp_(min=0.0)
    return t * t


def rotate(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """The coordinates of a point in axes turned by `angle` (radians, anticlockwise)."""
    c, s = torch.cos(angle), torch.sin(angle)
    return c * x + s * y, c * y - s * x

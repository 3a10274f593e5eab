"""Everything in the picture but the flower's head: sky, stars, hills, stem and leaves.

A picture is a canvas (B, 3, H, W) in sRGB from 0 to 1, painted from back to front. Its coordinates go from -1
to 1 in both directions, y upwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.data.flowers import palette, sdf

_SKIES = palette.table(list(palette.SKIES.values()))  # (K, 5, 3)
_LIGHT = torch.tensor(list(palette.LIGHT.values()))  # (K, 3)
_NIGHT = list(palette.SKIES).index("night")
_STARS = 10
Colour = tuple[Tensor, Tensor, Tensor]


@dataclass
class Brush:
    """The canvas of a batch of B flowers and what is needed to paint on it.

    `numbers` has what differs from flower to flower, each (B, 1, 1). `vary(name)` is a number in [0, 1) that is the
    flower's own. A colour is the three coefficients of its ramp: see `palette.quadratic`.
    """

    canvas: Tensor  # (B, 3, H, W)
    x: Tensor  # (1, 1, W)
    y: Tensor  # (1, H, 1)
    pixel: float
    numbers: dict[str, Tensor]
    petal_colour: Colour
    centre_colour: Colour
    leaf_colour: Colour

    def __post_init__(self) -> None:
        self.rows, self.columns = slice(None), slice(None)  # the part of the canvas that is being painted
        self.cx, self.cy, self.radius = (self.numbers[name] for name in ("cx", "cy", "radius"))
        self.petals, self.leaves = self.numbers["petals"], self.numbers["leaves"]

    def vary(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * self.numbers[name]

    def below(self, top: float) -> Tensor:
        """Paint on the rows under the height `top` from now on. Returns their heights, (1, h, 1)."""
        first = int((0.5 - 0.5 * top) * self.y.shape[1])
        self.rows = slice(first, None)
        return self.y[:, first:]

    def paint(self, alpha: Tensor, shade: Tensor, colour: Colour) -> None:
        """Lay a shape on the part: `alpha` its coverage, `shade` the place on the colour's ramp, both (B, h, w)."""
        c0, c1, c2 = colour
        t = shade.clamp(0.0, 1.0)[:, None]
        tone = torch.addcmul(c1, t, c2).mul_(t).add_(c0)  # (B, 3, h, w)
        self.canvas[:, :, self.rows, self.columns].lerp_(tone, alpha[:, None])


VARIATIONS = ("bend", "hill", "hill2", "lean", "rise", "side", "spread", "tilt", "turn", "phase", "squash", "sway")


def light(stops: Tensor, sky: Tensor, exposure: Tensor) -> Tensor:
    """Stops (B, 3, 3) as they look under each sky; `exposure` (B, 1, 1) makes a flower slightly lighter or darker."""
    return (stops * _LIGHT[sky][:, None] * exposure).clamp(0.0, 1.0)


def background(sky: Tensor, x: Tensor, y: Tensor, pixel: float, numbers: dict[str, Tensor]) -> Tensor:
    """The sky with its glow or stars, a far hill and a near meadow: a new canvas (B, 3, H, W)."""
    colours = _SKIES[sky]  # (B, 5, 3)
    low = ((y[:, None] + 0.75) / 1.75).clamp(0.0, 1.0)  # (1, 1, H, 1), 0 at the horizon
    top, middle, bottom = colours[:, 0], colours[:, 1], colours[:, 2]
    c0, c1, c2 = palette.quadratic(torch.stack([bottom, middle, top], dim=1))
    column = c0 + low * (c1 + low * c2)  # (B, 3, H, 1)
    canvas = column.expand(-1, -1, -1, x.shape[-1]).clone()
    night = torch.nonzero(sky == _NIGHT).flatten()
    if len(night):
        canvas[night] += _stars(numbers["phase"][night], numbers["turn"][night], x, y, pixel)[:, None]
    for name, base, height, tone in (("hill", -0.70, 0.10, 3), ("hill2", -0.83, 0.07, 4)):
        edge = base + height * torch.sin(2.2 * x + 6.283 * numbers[name])  # (B, 1, W)
        first = int((0.5 - 0.5 * (base + height + pixel)) * y.shape[1])  # the rows above have no hill
        alpha = sdf.coverage(y[:, first:] - edge, pixel)
        shaded = colours[:, tone, :, None, None] * (1.0 + 0.35 * (y[:, None, first:] - base))
        view = canvas[:, :, first:]
        view.lerp_(shaded.expand_as(view), alpha[:, None])
    return canvas


def _stars(across: Tensor, up: Tensor, x: Tensor, y: Tensor, pixel: float) -> Tensor:
    """Soft points of light, (B, H, W), each averaged exactly over its pixels so that every size shows the same sky."""
    i = torch.arange(_STARS, dtype=torch.float32)
    # Two irrational steps spread the points evenly, from a start that differs by flower.
    sx = 2.0 * torch.frac(across[:, 0] + i * 0.7548777) - 1.0  # (B, S)
    sy = 1.3 * torch.frac(up[:, 0] + i * 0.5698403) - 0.3
    sigma = 0.018 + 0.014 * torch.frac(i * 0.618)

    def share(axis: Tensor, centre: Tensor) -> Tensor:  # (B, S, length): the part of a star in each pixel
        scale = 1.0 / (sigma * 2**0.5)[None, :, None]
        d = axis.reshape(1, 1, -1) - centre[..., None]
        return torch.erf((d + pixel / 2) * scale) - torch.erf((d - pixel / 2) * scale)

    strength = (0.9 * 3.1416 * sigma.square() / (2 * pixel**2))[None, :, None]
    return torch.einsum("bsh,bsw->bhw", share(y, sy) * strength, share(x, sx)).clamp_(max=0.8)


def stem(b: Brush) -> None:
    """A bowed stem from the head to the lower edge."""
    y = b.below(0.45)
    middle = b.cx + b.vary("bend", -0.13, 0.13) * (y - b.cy).square()
    d = (b.x - middle).abs() - (0.035 + 0.022 * b.radius)
    alpha = sdf.coverage(d, b.pixel) * sdf.coverage(y - b.cy, b.pixel)
    b.paint(alpha, 0.42 - 4.0 * (b.x - middle), b.leaf_colour)


def leaves(b: Brush) -> None:
    """No leaf, one on either side, or two."""
    y = b.below(-0.10)
    for side, name in ((1.0, "spread"), (-1.0, "lean")):
        other_side = (b.vary("side") < 0.5) if side > 0 else (b.vary("side") >= 0.5)
        there = (b.leaves >= 2) | ((b.leaves == 1) & other_side)
        foot = -0.90 + 0.10 * b.vary("rise" if side > 0 else "sway")
        foot_x = b.cx + b.vary("bend", -0.13, 0.13) * (foot - b.cy).square()
        u, v = sdf.rotate(side * (b.x - foot_x), y - foot, b.vary(name, 0.38, 0.70))
        v = v + 0.16 * (u - 0.35).square() - 0.02  # the leaf bows towards its tip
        d = sdf.lens(u, v, 0.82, 0.135, skew=-0.15)
        shade = 0.52 + 0.5 * (u - 0.4) + 1.4 * v - 0.30 * sdf.bump(v, 0.035)
        b.paint(sdf.coverage(d, b.pixel) * there, shade, b.leaf_colour)

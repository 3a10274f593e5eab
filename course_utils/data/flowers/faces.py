"""The heads that look at you: daisy, sunflower, rose, poppy, lily, pansy and primrose.

Each function paints one head on the canvas of a `Brush`. `p` holds the head's own coordinates: the origin is its
centre, and its outermost petal ends near radius 1. All are tensors (B, H, W), so a batch costs one pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.data.flowers import sdf
from course_utils.data.flowers.scene import Brush


@dataclass
class Plane:
    """Coordinates about the head's centre in units of its radius; `pixel` is a pixel's width in them."""

    x: Tensor
    y: Tensor
    pixel: Tensor  # (B, 1, 1)


def polar(p: Plane) -> tuple[Tensor, Tensor]:
    return torch.hypot(p.x, p.y), torch.atan2(p.y, p.x)


def lit(p: Plane) -> Tensor:
    """More towards the upper left, where the light comes from."""
    return 0.10 * (p.y - p.x)


def disc(b: Brush, p: Plane, r: Tensor, angle: Tensor, radius: float, grain: float = 0.22) -> None:
    """The round centre: a lit dome with the two families of spirals that florets form."""
    d = r - radius
    fine = (1.0 - 2.2 * p.pixel / radius).clamp(0.0, 1.0)  # the grain fades out before it is finer than a pixel
    spirals = torch.cos(8.0 * angle + 9.0 * r / radius) * torch.cos(5.0 * angle - 11.0 * r / radius)
    shade = 0.62 + 0.30 * (p.y - p.x) / radius - 0.42 * (r / radius).square() + grain * fine * spirals
    b.paint(sdf.coverage(d, p.pixel), shade, b.centre_colour)


def daisy(b: Brush, p: Plane) -> None:
    """Long, blunt, separate petals about a small centre."""
    r, angle = polar(p)
    n = b.petals
    phi, number = sdf.fold(angle - b.vary("turn", 0, 6.283), n)
    u, v = r * torch.cos(phi), r * torch.sin(phi)
    width = 0.60 * torch.tan(math.pi / n) * 0.86
    d = sdf.ellipse(u - 0.60, v, 0.40, width)
    shade = 0.30 + 0.42 * u + lit(p) + 0.07 * torch.cos(2.4 * number) - 0.16 * sdf.bump(v, 0.30 * width)
    shade = shade - 0.22 * sdf.bump(d, 0.07) - 0.35 * sdf.bump(r - 0.25, 0.22)
    b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)
    disc(b, p, r, angle, 0.29)


def sunflower(b: Brush, p: Plane) -> None:
    """A broad, grained centre with a crown of short pointed rays, a second crown behind them."""
    r, angle = polar(p)
    n = b.petals
    turn = b.vary("turn", 0, 6.283)
    width = 0.62 * torch.tan(math.pi / n)
    for offset, tone, length in ((0.5, -0.46, 0.58), (0.0, 0.0, 0.74)):
        phi, number = sdf.fold(angle - turn + offset * 2 * math.pi / n, n)
        u, v = r * torch.cos(phi), r * torch.sin(phi)
        d = sdf.lens(u - 0.28, v, length, width, skew=-0.15)
        shade = 0.62 + tone + 0.5 * (u - 0.7) + lit(p) + 0.06 * torch.cos(2.4 * number)
        shade = shade - 0.2 * sdf.bump(v, 0.05) - 0.25 * sdf.bump(d, 0.06) - 0.3 * sdf.bump(r - 0.5, 0.16)
        b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)
    disc(b, p, r, angle, 0.47, grain=0.34)
    ring = 0.24 * sdf.bump(r - 0.28, 0.10)
    b.paint(ring, torch.zeros_like(r), b.centre_colour)


def rose(b: Brush, p: Plane) -> None:
    """Whorls of rounded petals, fewer and fewer, each with a bright rim over the dark fold of the one outside it."""
    turn = b.vary("turn", 0, 6.283)
    three = torch.tensor(3.0)
    whorls = ((1.0, b.petals, 0.26), (0.70, b.petals - 1.0, 0.16), (0.52, three, 0.22))
    for layer, (size, count, dent) in enumerate(whorls):
        q = Plane(p.x, p.y - 0.035 * layer, p.pixel)
        r, angle = polar(q)
        phi, number = sdf.fold(angle - turn - 1.9 * layer, count)
        c = phi * (count / math.pi)  # -1 to 1 across a petal
        edge = size * (1.0 - dent * c.square() * c.square())
        inside = ((r - edge) / 0.24 + 1.0).clamp(-0.5, 1.0)  # 0 in the fold, 1 on the rim
        shade = 0.24 + 0.05 * layer + 0.50 * inside + 0.15 * c + 1.4 * lit(q) + 0.04 * torch.cos(2.4 * number)
        if layer == 0:  # the folds between the outermost petals, which one counts
            shade = shade - 0.55 * sdf.bump((c.abs() - 1.0) * r, 0.14)
        d = (r - edge) * 0.95
        b.paint(sdf.coverage(d, p.pixel), shade - 0.25 * sdf.bump(d, 0.05), b.petal_colour)
    # The innermost petal is rolled: its rim runs in a spiral round the core.
    r, angle = polar(Plane(p.x, p.y - 0.10, p.pixel))
    rolled = torch.cos(angle - turn - 17.0 * r)
    d = r - 0.34
    b.paint(sdf.coverage(d, p.pixel), 0.42 + 0.34 * rolled - 0.2 * sdf.bump(d, 0.05), b.petal_colour)
    d = r - 0.18
    b.paint(sdf.coverage(d, p.pixel), 0.62 + 2.0 * lit(p) - 0.3 * sdf.bump(d, 0.08), b.centre_colour)


def poppy(b: Brush, p: Plane) -> None:
    """A few broad crinkled petals that overlap into a bowl; a dark fringe of stamens about a pale pod."""
    r, angle = polar(p)
    n = b.petals
    turn = b.vary("turn", 0, 6.283)
    phi, number = sdf.fold(angle - turn, n)
    c = phi * n / math.pi
    crinkle = 0.020 * torch.cos(9.0 * angle + 6.0 * turn) + 0.012 * torch.cos(14.0 * angle)
    edge = 0.99 - 0.30 * c.square() * c.square() * c.square() + crinkle
    d = (r - edge) * 0.92
    shade = 0.16 + 0.58 * r + 0.20 * c + lit(p) + 0.05 * torch.cos(2.4 * number)
    shade = shade + 0.05 * torch.cos(30.0 * phi) - 0.30 * sdf.bump(d, 0.05)
    shade = shade - 0.65 * sdf.bump((c.abs() - 1.0) * r, 0.14)  # the fold between two petals
    b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)
    dark = (b.petal_colour[0] * 0.16, b.petal_colour[1] * 0.0, b.petal_colour[2] * 0.0)
    fine = (1.0 - 4.0 * p.pixel).clamp(0.0, 1.0)
    fringe = r - 0.40 - 0.09 * fine * torch.cos(18.0 * angle)
    b.paint(0.94 * sdf.coverage(fringe * 0.6, p.pixel), torch.zeros_like(r), dark)
    rays = 0.16 * fine * torch.cos(8.0 * angle - turn)
    b.paint(sdf.coverage(r - 0.24, p.pixel), 0.66 + rays + 2 * lit(p) - 0.3 * r / 0.24, b.centre_colour)


def lily(b: Brush, p: Plane) -> None:
    """A star of long pointed petals with a pale midrib, and stamens that end in the centre's colour."""
    r, angle = polar(p)
    n = b.petals
    phi, number = sdf.fold(angle - b.vary("turn", 0, 6.283), n)
    u, v = r * torch.cos(phi), r * torch.sin(phi)
    width = 0.47 * torch.tan(math.pi / n)
    d = sdf.lens(u, v, 1.06, width, skew=-0.18)
    shade = 0.22 + 0.40 * u + lit(p) + 0.05 * torch.cos(2.4 * number) + 0.42 * sdf.bump(v, 0.30 * width)
    shade = shade - 0.22 * sdf.bump(d, 0.06)
    freckles = sdf.bump(torch.hypot(u - 0.36, v.abs() - 0.06), 0.045) + sdf.bump(torch.hypot(u - 0.48, v), 0.04)
    b.paint(sdf.coverage(d, p.pixel), shade - 0.35 * freckles, b.petal_colour)
    # The stamens stand over the gaps between the petals: fold again, half a sector further.
    half = math.pi / n
    psi = phi - torch.where(phi > 0, half, -half)
    u, v = r * torch.cos(psi), r * torch.sin(psi)
    thread = torch.maximum(v.abs() - 0.022, u - 0.40)
    b.paint(0.8 * sdf.coverage(thread, p.pixel), torch.full_like(r, 0.85), b.leaf_colour)
    anther = torch.minimum(sdf.ellipse(u - 0.42, v, 0.065, 0.09), r - 0.15)
    b.paint(sdf.coverage(anther, p.pixel), 0.55 + 2.0 * lit(p), b.centre_colour)


_PANSY = (  # x, y, half-width, half-height, turn, tone: from back to front
    (0.36, 0.42, 0.50, 0.52, -0.5, -0.24),
    (-0.36, 0.42, 0.50, 0.52, 0.5, -0.20),
    (0.52, -0.10, 0.47, 0.42, 0.35, 0.06),
    (-0.52, -0.10, 0.47, 0.42, -0.35, 0.10),
    (0.0, -0.50, 0.56, 0.47, 0.0, 0.14),
)


def pansy(b: Brush, p: Plane) -> None:
    """A face: two petals behind, two at the sides, a broad lower one, and dark whiskers about an eye."""
    x, y = sdf.rotate(p.x, p.y, b.vary("turn", -0.16, 0.16))
    dark = (b.petal_colour[0] * 0.30, b.petal_colour[1] * 0.0, b.petal_colour[2] * 0.0)
    r, angle = torch.hypot(x, y + 0.10), torch.atan2(y + 0.10, x)
    whiskers = 0.40 + 0.10 * torch.cos(9.0 * angle + 1.57)
    face = sdf.coverage((r - whiskers) * 0.8, p.pixel.clamp(min=0.05))
    for px, py, a, h, turn, tone in _PANSY:
        u, v = sdf.rotate(x - px, y - py, torch.tensor(turn))
        d = sdf.ellipse(u, v, a, h)
        alpha = sdf.coverage(d, p.pixel)
        shade = 0.46 + tone + 0.30 * torch.hypot(u, v) + lit(p) - 0.32 * sdf.bump(d, 0.07)
        b.paint(alpha, shade, b.petal_colour)
        if py < 0:  # the upper two have no whiskers
            b.paint(0.9 * face * alpha, torch.zeros_like(r), dark)
    eye = sdf.ellipse(x, y + 0.08, 0.17, 0.14)
    b.paint(sdf.coverage(eye, p.pixel), 0.62 + 2.0 * lit(p), b.centre_colour)


def primrose(b: Brush, p: Plane) -> None:
    """Separate heart-shaped petals, each notched at its tip, about a star and a small eye."""
    r, angle = polar(p)
    n = b.petals
    phi, number = sdf.fold(angle - b.vary("turn", 0, 6.283), n)
    u, v = r * torch.cos(phi), (r * torch.sin(phi)).abs()
    slope = torch.tan(math.pi / n)
    at = 1.0 / (1.0 + 0.44 * slope)  # the two lobes of a heart are circles about (at, +-off)
    off, size = at * slope * 0.37, at * slope * 0.42
    lobe = torch.hypot(u - at, v - off) - size
    lean = torch.atan(off / at) + torch.asin(size / torch.hypot(off, at))
    lean = 0.93 * lean
    wedge = torch.maximum(v * torch.cos(lean) - u * torch.sin(lean), u - at)
    d = torch.minimum(lobe, wedge)
    shade = 0.26 + 0.45 * u + lit(p) + 0.06 * torch.cos(2.4 * number)
    shade = shade - 0.26 * sdf.bump(d, 0.07)
    b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)
    star = r - 0.36 * (1.0 - 0.45 * (phi * n / math.pi).abs())
    b.paint(0.75 * sdf.coverage(star * 0.8, p.pixel), 0.95 + 0 * r, b.petal_colour)
    b.paint(sdf.coverage(r - 0.20, p.pixel), 0.60 + 2.5 * lit(p) - 0.25 * r / 0.2, b.centre_colour)

"""The heads seen from the side: tulip, bellflower and lotus. See `faces` for the conventions."""

from __future__ import annotations

import math

import torch

from course_utils.data.flowers import sdf
from course_utils.data.flowers.faces import Plane, lit
from course_utils.data.flowers.scene import Brush


def tulip(b: Brush, p: Plane) -> None:
    """An upright cup of pointed petals; anthers peep out between their tips."""
    x, y = sdf.rotate(p.x, p.y, b.vary("turn", -0.14, 0.14))
    y = y + 0.86  # from the foot of the cup
    n = b.petals
    spread = 0.13 + 0.055 * n  # the outermost petals lean this far, in radians
    gap = 2.0 * spread / (n - 1.0)
    # Anthers, at the height of the valleys between the tips.
    a = torch.atan2(x, y)
    place = (torch.round(a / gap - 0.5 * (n % 2)) + 0.5 * (n % 2)) * gap
    place = place.clamp(-1, 1) if False else torch.minimum(torch.maximum(place, -spread + gap / 2), spread - gap / 2)
    u, v = sdf.rotate(y, -x, -place) if False else (x * torch.sin(place) + y * torch.cos(place), x * torch.cos(place) - y * torch.sin(place))
    anther = sdf.ellipse(u - 1.50, v, 0.17, 0.085)
    b.paint(sdf.coverage(anther, p.pixel), 0.6 + lit(p), b.centre_colour)
    for step in (2.0, 1.5, 1.0, 0.5, 0.0):  # from the outermost petals, behind, to the innermost, in front
        for sign in (1.0, -1.0):
            if step == 0.0 and sign < 0:
                continue
            lean = sign * step * gap
            there = ((step * 2) % 2 == (n + 1) % 2) & (step <= (n - 1) / 2 + 0.01)
            u = x * torch.sin(lean) + y * torch.cos(lean)
            v = x * torch.cos(lean) - y * torch.sin(lean)
            d = sdf.lens(u, v, 1.80 - 0.06 * step, 0.50 - 0.035 * (n - 3), skew=-0.42)
            shade = 0.60 - 0.17 * step + 0.22 * (u - 0.9) - 0.10 * sign * (step > 0) + lit(p)
            shade = shade + 0.20 * sdf.bump(v, 0.12) - 0.30 * sdf.bump(d, 0.07)
            b.paint(sdf.coverage(d, p.pixel) * there, shade, b.petal_colour)


def bellflower(b: Brush, p: Plane) -> None:
    """A bell that hangs from a crooked stem, its mouth cut into pointed lobes, its clapper below."""
    side = torch.where(b.vary("side") < 0.5, -1.0, 1.0)
    # The stem goes up beside the bell and over it in half a circle.
    bow, top = 0.40, 0.68
    up = torch.maximum((p.x - side * 2 * bow).abs() - 0.055, p.y - top)
    arc = torch.maximum((torch.hypot(p.x - side * bow, p.y - top) - bow).abs() - 0.055, top - p.y)
    d = torch.minimum(up, arc)
    b.paint(sdf.coverage(d, p.pixel), 0.45 + lit(p), b.leaf_colour)
    x, y = sdf.rotate(p.x, p.y - top, b.vary("turn", -0.12, 0.12))
    n = b.petals
    clapper = torch.minimum(sdf.ellipse(x, y + 1.56, 0.13, 0.14), torch.maximum(x.abs() - 0.03, -1.5 - y))
    s = (-y / 1.30).clamp(0.0, 1.1)  # 0 at the top of the bell, 1 at its mouth
    half = 0.56 * (1.0 - (1.0 - s).clamp(min=0).square()).clamp(min=0).sqrt() * (0.82 + 0.18 * s) + 0.30 * s.pow(5)
    across = x / 0.86  # -1 to 1 over the mouth
    k = (across * 0.5 + 0.5) * n
    lobe = (torch.frac(k.clamp(min=0)) - 0.5).abs() * 2.0  # 0 on a point, 1 between two
    mouth = -1.16 - 0.34 * (1.0 - lobe.square() * 0.9) * 1.0 + 0.16 * across.square()
    d = torch.maximum((x.abs() - half) * 0.85, (mouth - y) * 0.75)
    d = torch.maximum(d, y)
    b.paint(sdf.coverage(clapper, p.pixel), 0.6 + lit(p), b.centre_colour)
    shade = 0.42 + 0.30 * (s - 0.4) - 0.45 * x * side * 0 + 0.34 * sdf.bump(x + 0.22, 0.42) - 0.22 * (x / half.clamp(min=0.1)).square()
    shade = shade - 0.26 * sdf.bump(lobe - 1.0, 0.30) * s - 0.24 * sdf.bump(d, 0.07)
    b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)
    cap = sdf.ellipse(x, y + 0.02, 0.20, 0.12)
    b.paint(sdf.coverage(cap, p.pixel), 0.5 + lit(p), b.leaf_colour)


def lotus(b: Brush, p: Plane) -> None:
    """A wide fan of pointed petals, a second row behind, a cup of short ones in front of a golden pod."""
    x, y = sdf.rotate(p.x, p.y + 0.62, b.vary("turn", -0.08, 0.08))
    n = b.petals
    r, angle = torch.hypot(x, y), torch.atan2(x, y)  # 0 is straight up
    gap = 2.0 * 1.36 / (n - 1.0)

    def row(count: torch.Tensor, length: float, wide: float, tone: float) -> None:
        odd = torch.remainder(count, 2.0)
        last = (count - 1.0) / 2.0
        k = torch.round(angle / gap - 0.5 * (1 - odd)) + 0.5 * (1 - odd)
        k = torch.minimum(torch.maximum(k, -last), last)
        phi = angle - k * gap
        u, v = r * torch.cos(phi), r * torch.sin(phi)
        long = length * (1.0 - 0.10 * (k * gap).square() / 1.85)
        d = sdf.lens(u, v, long, wide * 0.62 * torch.tan(gap / 2) * long, skew=0.12)
        shade = 0.30 + tone + 0.50 * u / length + lit(p) + 0.16 * sdf.bump(v, 0.07) - 0.30 * sdf.bump(d, 0.07)
        b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)

    row(n - 1.0, 1.42, 1.10, -0.26)
    row(n, 1.30, 1.12, 0.02)
    pod = sdf.ellipse(x, y - 0.62, 0.26, 0.15)
    b.paint(sdf.coverage(pod, p.pixel), 0.6 + 2.0 * (y - 0.62), b.centre_colour)
    row(n - 2.0, 0.74, 1.25, 0.16)
    _ = math

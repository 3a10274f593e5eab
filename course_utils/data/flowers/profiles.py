"""The heads seen from the side: tulip, bellflower and lotus. See `faces` for the conventions."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.data.flowers import sdf
from course_utils.data.flowers.faces import Plane, lit
from course_utils.data.flowers.scene import Brush


def tulip(b: Brush, p: Plane) -> None:
    """An upright cup of pointed petals; anthers peep out between their tips."""
    x, y = sdf.rotate(p.x, p.y, b.vary("turn", -0.14, 0.14))
    y = y + 0.86  # from the foot of the cup
    n = b.petals
    spread = 0.21 + 0.055 * n  # the outermost petals lean this far, in radians
    gap = 2.0 * spread / (n - 1.0)

    def lean(angle: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates along and across an axis from the foot, leaning by `angle` to the right."""
        s, c = torch.sin(angle), torch.cos(angle)
        return x * s + y * c, x * c - y * s

    # One anther over each valley between two tips.
    shift = 0.5 * torch.remainder(n, 2.0)
    valley = (torch.round(torch.atan2(x, y) / gap - shift) + shift) * gap
    u, v = lean(torch.minimum(torch.maximum(valley, gap / 2 - spread), spread - gap / 2))
    anther = sdf.ellipse(u - 1.52, v, 0.22, 0.12)
    b.paint(sdf.coverage(anther, p.pixel), 0.6 + lit(p), b.centre_colour)
    for step in (2.0, 1.5, 1.0, 0.5, 0.0):  # from the outermost petals, behind, to the innermost, in front
        there = (torch.remainder(2 * step + n, 2.0) == 1.0) & (step <= (n - 1.0) / 2)
        if not bool(there.any()):
            continue
        for sign in (1.0, -1.0) if step else (0.0,):
            u, v = lean(sign * step * gap)
            d = sdf.lens(u, v, 1.80, 0.46 - 0.055 * (n - 3.0), skew=-0.45)
            shade = 0.62 - 0.20 * step + 0.22 * (u - 0.9) - 0.10 * sign + lit(p)
            shade = shade + 0.20 * sdf.bump(v, 0.12) - 0.30 * sdf.bump(d, 0.07)
            b.paint(sdf.coverage(d, p.pixel) * there, shade, b.petal_colour)


def bellflower(b: Brush, p: Plane) -> None:
    """A bell that hangs from a crooked stem, its mouth cut into pointed lobes, its clapper below."""
    side = torch.where(b.vary("side") < 0.5, -1.0, 1.0)
    # The stem goes up beside the bell and over it in half a circle.
    bow, top = 0.38, 0.62
    up = torch.maximum((p.x - side * 2 * bow).abs() - 0.06, p.y - top)
    arc = torch.maximum((torch.hypot(p.x - side * bow, p.y - top) - bow).abs() - 0.06, top - p.y)
    b.paint(sdf.coverage(torch.minimum(up, arc), p.pixel), 0.50 + lit(p), b.leaf_colour)
    x, y = sdf.rotate(p.x, p.y - top, b.vary("turn", -0.12, 0.12))
    clapper = sdf.ellipse(x, y + 1.54, 0.17, 0.19)
    b.paint(sdf.coverage(clapper, p.pixel), 0.6 + lit(p), b.centre_colour)
    s = (-y / 1.30).clamp(0.0, 1.1)  # 0 at the top of the bell, 1 at its mouth
    dome = (1.0 - (1.0 - s).clamp(min=0.0).square()).clamp(min=0.0).sqrt()
    half = 0.56 * dome * (0.82 + 0.18 * s) + 0.30 * s.pow(5)  # half its width: a dome, then a flare
    across = x / 0.86  # -1 to 1 over the mouth
    lobe = 2.0 * (torch.frac((across * 0.5 + 0.5).clamp(min=0.0) * b.petals) - 0.5).abs()  # 0 on a point, 1 between
    mouth = -1.53 + 0.40 * lobe.square() + 0.16 * across.square()
    d = torch.maximum((x.abs() - half) * 0.85, (mouth - y) * 0.75).maximum(y)
    round_ = (x / half.clamp(min=0.1)).square()
    shade = 0.42 + 0.30 * (s - 0.4) + 0.34 * sdf.bump(x + 0.22, 0.42) - 0.22 * round_
    shade = shade - 0.42 * sdf.bump(lobe - 1.0, 0.35) * s - 0.24 * sdf.bump(d, 0.07)
    b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)
    b.paint(sdf.coverage(sdf.ellipse(x, y + 0.02, 0.22, 0.13), p.pixel), 0.5 + lit(p), b.leaf_colour)


def lotus(b: Brush, p: Plane) -> None:
    """A wide fan of pointed petals, a second row behind, a cup of short ones in front of a golden pod."""
    x, y = sdf.rotate(p.x, p.y + 0.62, b.vary("turn", -0.08, 0.08))
    n = b.petals
    r, angle = torch.hypot(x, y), torch.atan2(x, y)  # 0 is straight up
    gap = 2.0 * 1.28 / (n - 1.0)

    def row(count: Tensor, length: float, wide: float, tone: float) -> None:
        odd = torch.remainder(count, 2.0)
        last = (count - 1.0) / 2.0
        k = torch.round(angle / gap - 0.5 * (1 - odd)) + 0.5 * (1 - odd)
        k = torch.minimum(torch.maximum(k, -last), last)
        phi = angle - k * gap
        u, v = r * torch.cos(phi), r * torch.sin(phi)
        long = length * (1.0 - 0.10 * (k * gap).square())
        d = sdf.lens(u, v, long, wide * 0.58 * torch.tan(gap / 2) * long, skew=0.10)
        shade = 0.30 + tone + 0.50 * u / length + lit(p) + 0.16 * sdf.bump(v, 0.07) - 0.30 * sdf.bump(d, 0.07)
        shade = shade - 0.40 * sdf.bump(r * (phi.abs() - gap / 2), 0.09) * (r < long)  # where two petals meet
        b.paint(sdf.coverage(d, p.pixel), shade, b.petal_colour)

    row(n - 1.0, 1.36, 1.10, -0.36)
    row(n, 1.42, 1.45, 0.04)
    pod = sdf.ellipse(x, y - 0.62, 0.27, 0.18)
    b.paint(sdf.coverage(pod, p.pixel), 0.6 + 2.0 * (y - 0.62), b.centre_colour)
    row(n - 2.0, 0.66, 1.25, 0.18)

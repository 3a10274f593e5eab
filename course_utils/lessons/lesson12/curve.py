"""The curve beside the guidance slider: how often what was asked for is read, against diversity, for a few weights."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.patheffects import withStroke
from PIL import Image
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.guidance import sample_cfg
from course_utils.lessons.lesson12.grid import Read
from course_utils.metrics import mean_pairwise_distance
from course_utils.plots.output import new_figure
from course_utils.plots.style import BLUE, GREY, INK, PAPER, PIXELS_PER_INCH, SOFT_INK, settings

WS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
NAMED = (0.0, 2.0, -1.0, 8.0, 1.0, 4.0, -2.0)  # numbers that stand on the curve if there is room, the first ones first
BATCH = 100
ROOM = 15  # points between two of them


@dataclass(frozen=True)
class GuidanceCurve:
    """Fidelity and diversity by weight, measured ahead.

    Attributes:
        w: the weights, rising.
        asked: the share of pictures in which the class asked for is read, 0 to 1, for each weight.
        diversity: the other figure for each weight; the more the more diverse.
        name: what the other figure is, for the axis.
        steps, low, high, n: the setting under which it was measured, and on how many pictures.
        real: (diversity, asked) of real pictures, or None.
    """

    w: Sequence[float]
    asked: Sequence[float]
    diversity: Sequence[float]
    name: str = "recall"
    steps: int = 10
    low: float = 0.0
    high: float = 1000.0
    n: int = 0
    real: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not len(self.w) == len(self.asked) == len(self.diversity) >= 2:
            raise CourseError("A curve has one share and one diversity for each weight, and two weights or more.")
        if any(later <= earlier for earlier, later in pairwise(self.w)):
            raise CourseError("The weights of a curve rise: sort them, each once.")

    def at(self, w: float) -> tuple[float, float]:
        """(diversity, asked) at any weight, by straight lines between those measured; beyond them, the last one's."""
        return float(np.interp(w, self.w, self.diversity)), float(np.interp(w, self.w, self.asked))


def measure_curve(
    model: Any,
    alpha_bar: Tensor,
    read: Read,
    features: Callable[[Tensor], Tensor],
    *,
    classes: int,
    shape: Sequence[int],
    kind: str = "eps",
    real: tuple[Tensor, Tensor] | None = None,
    diversity: Callable[[Tensor], float] | None = None,
    name: str = "recall",
    ws: Sequence[float] = WS,
    n: int = 200,
    steps: int = 10,
    seed: int = 0,
) -> GuidanceCurve:
    """Measure a curve now: n pictures for every weight, each class as often as the others, from the same noises.

    Unless another figure is given, diversity is how far apart two pictures of the same class are in a recogniser's
    features, on average.

    Args:
        model, alpha_bar, kind: as for `guidance.sample_cfg`.
        read: pictures (B, C, H, W) -> the class read in each, (B,).
        features: pictures (B, C, H, W) -> (B, D).
        classes: how many there are; they are asked for in turn.
        shape: (C, H, W) of a picture.
        real: real pictures and their classes: a star on the chart. With them, the distance is a share of theirs.
        diversity, name: another figure of diversity for all pictures together, (B, C, H, W) -> a number, such as
            `Judge.recall`, and its name.
        ws, n, steps, seed: the weights, pictures for each, steps of the sampler, and the seed of the noises.
    """
    cond = torch.arange(n) % classes
    x_T = torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))
    if n < 2 * classes:
        raise CourseError(f"Diversity within a class wants two pictures of each: make n {2 * classes} or more.")

    def judged(x: Tensor, y: Tensor) -> tuple[float, float]:
        asked = (read(x).cpu() == y).float().mean().item()
        if diversity is not None:
            return diversity(x), asked
        f = features(x)
        return sum(mean_pairwise_distance(f[y == k]) for k in range(classes)) / classes, asked

    found = []
    for w in ws:
        parts = zip(x_T.split(BATCH), cond.split(BATCH), strict=True)
        x = torch.cat([sample_cfg(model, x, y, w, alpha_bar, steps, kind=kind) for x, y in parts])
        found.append(judged(x.clamp(-1, 1), cond))
    of_real = judged(*real) if real is not None else None
    unit = of_real[0] if of_real is not None and diversity is None else 1.0
    if diversity is None:
        name = "distance within a class" + (" / real" if real is not None else "")
    return GuidanceCurve(
        tuple(ws),
        tuple(asked for _, asked in found),
        tuple(figure / unit for figure, _ in found),
        name=name,
        steps=steps,
        n=n,
        real=None if of_real is None else (of_real[0] / unit, of_real[1]),
    )


class CurveChart:
    """A curve as a picture, drawn once by matplotlib, and where a weight lies on it.

    Args:
        size: (width, height) in CSS pixels.
        scale: device pixels for a CSS pixel.
    """

    def __init__(self, curve: GuidanceCurve, size: tuple[int, int], scale: float) -> None:
        self.curve, self._height = curve, size[1] * scale
        with mpl.rc_context({**settings(), "axes.labelsize": 10.5, "xtick.labelsize": 9.5, "ytick.labelsize": 9.5}):
            figure = new_figure(*size)
            figure.set_layout_engine("none")
            figure.set_dpi(PIXELS_PER_INCH * scale)
            axes = figure.add_axes((56 / size[0], 52 / size[1], 1 - 72 / size[0], 1 - 62 / size[1]))
            self._draw(axes)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH * scale, facecolor=figure.get_facecolor())
            self.picture = Image.open(buffer).convert("RGB")
            self._transform: Any = axes.transData.frozen()

    def place(self, w: float) -> tuple[float, float]:
        """Device pixels (x, y), from the picture's upper left corner."""
        x, y = self._transform.transform(self.curve.at(w))
        return float(x), self._height - float(y)

    def _draw(self, axes: Any) -> None:
        w, x, y = (np.asarray(v, dtype=float) for v in (self.curve.w, self.curve.diversity, self.curve.asked))
        far = [self.curve.real[0]] if self.curve.real else []
        room = 0.12 * max(np.ptp([*x, *far]), 1e-3)
        axes.set_xlim(min([*x, *far]) - room, max([*x, *far]) + room)
        axes.set_ylim(-0.09, 1.1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        below, above = w <= 0, w >= 0
        axes.plot(x[below], y[below], color=GREY, linewidth=2.2, linestyle=(0, (4, 1.6)), zorder=2)
        axes.plot(x[above], y[above], color=BLUE, linewidth=3, zorder=3)
        axes.scatter(x, y, s=22, c=[BLUE if v >= 0 else GREY for v in w], zorder=4, linewidths=0)
        if self.curve.real:
            axes.scatter(*self.curve.real, marker="*", s=150, color=INK, zorder=5, linewidths=0)
            axes.annotate("real", self.curve.real, (9, 0), textcoords="offset points", va="center", size=10)
        self._name_points(axes, w, x, y)
        axes.set_xlabel(f"diversity: {self.curve.name} →")
        axes.set_ylabel("fidelity: read as asked →")

    def _name_points(self, axes: Any, w: Any, x: Any, y: Any) -> None:
        """Numbers beside the curve, at a right angle to it; none where another one stands already."""
        at = axes.transData.transform(np.stack([x, y], axis=1)) * 72 / axes.figure.dpi  # in points
        line = np.concatenate([np.linspace(a, b, 30) for a, b in pairwise(at)])
        taken: list[Any] = []
        for k in (int(np.argmax(w == number)) for number in NAMED if number in w):
            along = at[min(k + 1, len(at) - 1)] - at[max(k - 1, 0)]
            across = np.array([-along[1], along[0]]) / (np.hypot(*along) or 1.0) * 13
            free = [np.hypot(*(line - at[k] - side).T).min() for side in (across, -across)]
            aside = across if free[0] >= free[1] - 1 else -across  # the side that is farther from the curve
            if any(np.hypot(*(at[k] + aside - other)) < ROOM for other in taken):
                continue
            taken.append(at[k] + aside)
            look: Any = {"ha": "center", "va": "center", "size": 10, "weight": "bold", "zorder": 6}
            name, ink = f"{w[k]:g}".replace("-", "−"), BLUE if w[k] >= 0 else SOFT_INK
            note = axes.annotate(name, (x[k], y[k]), tuple(aside), textcoords="offset points", color=ink, **look)
            note.set_path_effects([withStroke(linewidth=2.5, foreground=PAPER)])

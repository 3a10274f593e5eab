"""The two curves below lesson 01's explorer: alpha_bar and log-SNR against the step, for all schedules.

matplotlib draws them once for each chosen schedule; afterwards only the dot moves.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

from course_utils.plots.output import new_figure
from course_utils.plots.style import DASHES, INK, PIXELS_PER_INCH, SOFT_INK, colour, settings

LOG_SNR_LIMIT = 12.0  # beyond it neither eye nor network sees a difference; at t = 0 the value is infinite


def log_snr(alpha_bar: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """log(alpha_bar / (1 - alpha_bar)), natural logarithm; infinite where alpha_bar is 1 or 0."""
    with np.errstate(divide="ignore"):
        return np.log(alpha_bar) - np.log1p(-alpha_bar)


def schedule_colours(names: list[str]) -> dict[str, str]:
    """A colour for each schedule: the course's own where it has one."""
    chosen: dict[str, str] = {}
    for name in names:
        chosen[name] = colour(name, taken=[*chosen.values(), *(colour(n) for n in ("linear", "cosine", "sigmoid"))])
    return chosen


@dataclass
class Charts:
    """Both charts as a picture of `size` device pixels, and where a value lies on it.

    Attributes:
        schedules: from a name to alpha_bar (T + 1,).
        size: (width, height) in CSS pixels.
        scale: device pixels for a CSS pixel.
    """

    schedules: Mapping[str, np.ndarray[Any, Any]]
    size: tuple[int, int]
    scale: float

    def __post_init__(self) -> None:
        self.colours = schedule_colours(list(self.schedules))
        self.same_length = len({len(bar) for bar in self.schedules.values()}) == 1
        finite = np.concatenate([log_snr(bar)[np.isfinite(log_snr(bar))] for bar in self.schedules.values()] or [[0]])
        low, high = (finite.min(), finite.max()) if len(finite) else (-1.0, 1.0)
        self.limits = (max(low, -LOG_SNR_LIMIT) - 1, min(high, LOG_SNR_LIMIT) + 1)
        self._pictures: dict[str, Image.Image] = {}
        self._places: dict[str, Any] = {}

    def x_of(self, name: str, t: int) -> float:
        """Where step t of a schedule lies on the horizontal axis: t itself, or t / T where the lengths differ."""
        return float(t) if self.same_length else t / (len(self.schedules[name]) - 1)

    def picture(self, name: str) -> Image.Image:
        """The charts with one schedule in bold."""
        if name not in self._pictures:
            self._pictures[name] = self._draw(name)
        return self._pictures[name]

    def place(self, name: str, t: int) -> dict[str, tuple[float, float]]:
        """Device pixels (x, y), from the upper left corner, of step t on "alpha_bar" and on "log_snr".

        A log-SNR outside of the chart lies on its edge.
        """
        self.picture(name)
        bar = self.schedules[name][t : t + 1]
        level = float(np.clip(log_snr(bar)[0], *self.limits))
        height = self.size[1] * self.scale
        places = {}
        for chart, y in (("alpha_bar", float(bar[0])), ("log_snr", level)):
            px, py = self._places[chart].transform((self.x_of(name, t), y))
            places[chart] = (float(px), height - float(py))
        return places

    def _draw(self, name: str) -> Image.Image:
        with mpl.rc_context({**settings(), "axes.titlesize": 11.5, "axes.labelsize": 10, "axes.titlepad": 8}):
            figure = new_figure(*self.size)
            figure.set_layout_engine("none")
            figure.set_dpi(PIXELS_PER_INCH * self.scale)
            boxes = ((0.062, 0.18, 0.415, 0.6), (0.565, 0.18, 0.415, 0.6))
            left, right = figure.add_axes(boxes[0]), figure.add_axes(boxes[1])
            for i, (other, bar) in enumerate(self.schedules.items()):
                steps = [self.x_of(other, t) for t in range(len(bar))]
                look: dict[str, Any] = {
                    "color": self.colours[other],
                    "linestyle": "-" if other == name else DASHES[i % len(DASHES)],
                    "linewidth": 3.2 if other == name else 1.5,
                    "alpha": 1.0 if other == name else 0.55,
                    "zorder": 3 if other == name else 2,
                }
                left.plot(steps, bar, label=other, **look)
                right.plot(steps, np.clip(log_snr(bar), -1e3, 1e3), **look)
            left.set_ylim(-0.04, 1.06)
            right.set_ylim(*self.limits)
            left.set_title("alpha_bar: how much of the image is left")
            right.set_title("log-SNR: signal against noise")
            right.axhline(0, color=SOFT_INK, linewidth=1, linestyle=(0, (2, 2)))
            note: Any = {"fontsize": 9, "color": SOFT_INK, "ha": "right", "va": "top", "transform": right.transAxes}
            right.text(0.99, 0.96, "dotted: as much noise as signal", **note)
            for axes in (left, right):
                axes.set_xlabel("step t" if self.same_length else "t / T, share of the way from data to noise")
                axes.margins(x=0.02)
            # Above the charts, where it can hide no curve.
            place: Any = {"loc": "upper left", "bbox_to_anchor": (0.055, 1.0), "borderaxespad": 0}
            legend = figure.legend(*left.get_legend_handles_labels(), ncols=5, fontsize=9.5, columnspacing=1.4, **place)
            for text in legend.get_texts():
                text.set_fontweight("bold" if text.get_text() == name else "normal")
                text.set_color(INK)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH * self.scale, facecolor=figure.get_facecolor())
            # Axes do not move from schedule to schedule: their limits and boxes are the same.
            self._places = {"alpha_bar": left.transData.frozen(), "log_snr": right.transData.frozen()}
        return Image.open(buffer).convert("RGB")

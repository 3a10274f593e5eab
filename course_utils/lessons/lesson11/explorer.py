"""Lesson 11's explorer: what the same noises become when a classifier steers them, by class and by scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.guidance import Classifier, sample_guided
from course_utils.plots.images import to_uint8
from course_utils.plots.style import BLUE, ORANGE, RULE, SOFT_INK, WIDTH
from course_utils.samplers import Predict
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import choice, stops
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5  # device pixels for a CSS pixel: sharp enough on a fine screen, and quick to encode
LEFT, GAP = 112, 6  # CSS pixels: room for the names of the rows, and between two pictures
LARGEST_SIDE = 112
TOP, NAME_ROOM = 14, 30  # NAME_ROOM: below each row, for what is read in its pictures
CHART_HEIGHT, CHART_ROOM = 84, 150


class SteeringExplorer(Explorer):
    """Choose a class and a scale; the upper row is what a few noises become, the lower the same without guidance.

    Below each picture stands what a judge reads in it; the bars say, for every scale, how many are read as asked and
    how different the pictures still are. All settings are computed when the explorer is made, all scales of a class in
    one batch, so that a draw only pastes.

    Args:
        predict: `predict(x, t)` gives the noise in x, without a class; t is (B,) on the scale 0 to 1000.
        classifier: `classifier(x, t)` gives scores (B, K).
        read: from pictures (B, C, H, W) in [-1, 1] to the class read in each, (B,) int64; such as `Judge.read`.
        noises: (N, C, H, W), standard normal: where each picture begins. Up to 8 fit in a row.
        alpha_bar: (T + 1,).
        classes: the K names.
        asked: which classes can be chosen; all of them by default.
        start: the class that is chosen first; by default the first of them.
        scales: the scales to choose from, from 0, rising.
        steps: of DDIM.

    Raises:
        CourseError: scales that do not rise from 0, or too many pictures.
    """

    def __init__(
        self,
        predict: Predict,
        classifier: Classifier,
        read: Callable[[Tensor], Tensor],
        noises: Tensor,
        alpha_bar: Tensor,
        *,
        classes: Sequence[str],
        asked: Sequence[int] | None = None,
        start: int | None = None,
        scales: Sequence[float] = (0.0, 1.0, 3.0, 10.0),
        steps: int = 20,
    ) -> None:
        if noises.ndim != 4 or not 2 <= len(noises) <= 8:
            raise CourseError(
                f"The explorer shows 2 to 8 pictures: give noises of shape (N, C, H, W), not {tuple(noises.shape)}."
            )
        if len(scales) < 2 or scales[0] != 0 or any(later <= earlier for earlier, later in pairwise(scales)):
            raise CourseError("The explorer's scales rise from 0, and there are two or more: sort them.")
        self.classes, self.scales = tuple(classes), tuple(scales)
        asked = range(len(classes)) if asked is None else asked
        self.pictures: dict[tuple[int, float], Any] = {}
        self.names: dict[tuple[int, float], list[str]] = {}
        self.right: dict[tuple[int, float], float] = {}
        self.apart: dict[tuple[int, float], float] = {}
        for y in asked:
            for scale, x in zip(
                scales, _all_scales(predict, classifier, noises, alpha_bar, y, scales, steps), strict=True
            ):
                found = read(x)
                self.pictures[y, scale] = to_uint8(x)
                self.names[y, scale] = [self.classes[k] for k in found.tolist()]
                self.right[y, scale] = (found == y).double().mean().item()
                self.apart[y, scale] = pixel_distance(x)
        n = len(noises)
        self._side = min(LARGEST_SIDE, (WIDTH - LEFT - GAP) // n - GAP)
        self._height = TOP + 2 * (self._side + NAME_ROOM) + CHART_ROOM
        self._farthest = max(self.apart.values()) or 1.0
        super().__init__(
            self._paint,
            name="Steering explorer",
            alt="A row of pictures made from a few noises, steered to the chosen class with the chosen scale, and what "
            "a judge reads in each; below it the same noises without guidance; below that, bars for every scale: the "
            "share read as asked, and how different the pictures are.",
            say=self._in_words,
            width=WIDTH,
            wanted=choice({self.classes[y]: y for y in asked}, start=start, label="class"),
            scale=stops({f"{scale:g}": scale for scale in scales}, start=scales[len(scales) // 2], label="scale"),
        )

    # ---- the picture

    def _paint(self, state: State) -> Any:
        brush = Brush(WIDTH, self._height, SCALE)
        rows = ((state.scale, f"scale {state.scale:g}", True), (0.0, "scale 0", False))
        for k, (scale, name, bold) in enumerate(rows):
            y = TOP + k * (self._side + NAME_ROOM)
            brush.text(LEFT - 14, y + self._side / 2 + 5, name, size=15, bold=bold, anchor="rs")
            key = (state.wanted, scale)
            for i, (picture, read) in enumerate(zip(self.pictures[key], self.names[key], strict=True)):
                x = LEFT + i * (self._side + GAP)
                brush.pixels(x, y, self._side, picture)
                right = read == self.classes[state.wanted]
                brush.text(x + self._side / 2, y + self._side + 15, read, size=12, bold=right, anchor="ms")
        self._paint_bars(brush, TOP + 2 * (self._side + NAME_ROOM), state)
        return brush.image

    def _paint_bars(self, brush: Brush, y: float, state: State) -> None:
        """For every scale a bar for the share read as asked, and one for how far the pictures are from each other."""
        width, floor = WIDTH - LEFT - 24, y + 34 + CHART_HEIGHT
        brush.bar(LEFT, y + 6, 12, 12, BLUE)
        brush.text(LEFT + 18, y + 17, "share read as asked (full height: 1)")
        brush.bar(LEFT + 310, y + 6, 12, 12, ORANGE)
        brush.text(LEFT + 328, y + 17, f"distance between pictures (full height: {self._farthest:.2f})")
        brush.bar(LEFT, floor - CHART_HEIGHT, width, 1, RULE)
        brush.bar(LEFT, floor, width, 1.5, SOFT_INK)
        room = width / len(self.scales)
        for k, scale in enumerate(self.scales):
            middle, key = LEFT + (k + 0.5) * room, (state.wanted, scale)
            high = (self.right[key], self.apart[key] / self._farthest)
            for side, (share, fill) in enumerate(zip(high, (BLUE, ORANGE), strict=True)):
                tall = CHART_HEIGHT * share
                if tall >= 1:
                    brush.bar(middle - 20 + 22 * side, floor - tall, 18, tall, fill)
            chosen = scale == state.scale
            brush.text(middle, floor + 18, f"{scale:g}", size=14 if chosen else 13, bold=chosen, anchor="ms")
        brush.text(LEFT - 14, floor + 18, "scale", fill=SOFT_INK, anchor="rs")

    def _in_words(self, state: State) -> str:
        here, plain = (state.wanted, state.scale), (state.wanted, 0.0)
        n, name = len(self.names[here]), self.classes[state.wanted]
        return (
            f"Asked for {name}, scale {state.scale:g}: {round(n * self.right[here])} of {n} pictures are read as "
            f"{name} (without guidance {round(n * self.right[plain])}). Two of them differ by {self.apart[here]:.2f} "
            f"on average (without guidance {self.apart[plain]:.2f}), root mean square, where black to white is 2."
        )


def pixel_distance(x: Tensor) -> float:
    """The mean over all pairs of pictures (N, C, H, W) of their root mean square difference."""
    return float(torch.pdist(x.flatten(1).double()).mean() / np.sqrt(x[0].numel()))


@torch.no_grad()
def _all_scales(
    predict: Predict,
    classifier: Classifier,
    noises: Tensor,
    alpha_bar: Tensor,
    y: int,
    scales: Sequence[float],
    steps: int,
) -> Tensor:
    """The results for every scale, (scales, N, C, H, W), in one batch from the same noises."""
    n = len(noises)
    x_T = noises.repeat(len(scales), *[1] * (noises.ndim - 1))  # (scales * N, C, H, W)
    scale = torch.tensor(scales, dtype=torch.float64).repeat_interleave(n)
    wanted = torch.full((len(x_T),), y)
    x = sample_guided(predict, classifier, x_T, wanted, alpha_bar, steps, scale, clip=True)
    return x.clamp(-1, 1).reshape(len(scales), *noises.shape)

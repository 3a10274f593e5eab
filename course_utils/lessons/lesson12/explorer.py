"""Lesson 12's explorer: one row a class, one column a noise, and a hand on the guidance weight."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from course_utils.environment import SCREEN_VARIABLE
from course_utils.errors import CourseError
from course_utils.lessons.lesson12.curve import CurveChart, GuidanceCurve
from course_utils.lessons.lesson12.grid import GuidedGrid, Read, Setting
from course_utils.lessons.lesson12.idle import Idle
from course_utils.plots.style import BLUE, COLOURS, GREY, INK, PAPER, RULE, SOFT_INK, VERMILLION, WIDTH
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import between, real, stops
from course_utils.widgets.explorer import Explorer, State

LOWEST, HIGHEST, W_STEP, T_STEP = -2.0, 8.0, 0.25, 50
NAMES, GAP = 104, 5  # CSS pixels: room for the names of the rows, and between two pictures
TOP, LARGEST_SIDE, GRID_HEIGHT = 64, 128, 532
CHART_LEFT, STRIP_HEIGHT = 30, 118  # right of the grid; the strip of guided times below the curve
MOST = 40  # pictures


class GuidanceExplorer(Explorer):
    """Choose the guidance weight w, the number of steps and the guided times; the grid is what the model draws there.

    Every picture is exactly what `guidance.sample_cfg` gives for the setting on show. The first time a setting is
    asked for it is computed, which takes about a fifth of a second for twelve pictures of 16 px in ten steps on two
    cores; in idle moments the kernel computes what the hand may ask for next.

    Args:
        model: `model(x, t, cond)` with a null class, such as `models.UNet(classes=K)`.
        alpha_bar: (T + 1,).
        noises: (N, C, H, W), standard normal: one for each column.
        kind: what the model predicts: "eps", "x0" or "v".
        classes: the names of all classes, in the model's order.
        rows: which classes have a row, by name or number; by default the first four.
        null: the class that means nothing; by default `model.classes`.
        read: names the class in finished pictures, (B, C, H, W) -> (B,), such as `Judge.read`. With it, what is read
            stands on each picture that is not read as asked.
        curve: fidelity against diversity by weight, measured ahead (see `measure_curve`); without one the place
            beside the grid holds the guided times only.
        steps: the numbers of steps to choose from, rising.
        start: (w, steps) to begin with.

    Raises:
        CourseError: no null class, a row that is no class, or more than 40 pictures.
    """

    def __init__(
        self,
        model: Any,
        alpha_bar: Tensor,
        noises: Tensor,
        *,
        kind: str = "eps",
        classes: Sequence[str],
        rows: Sequence[str | int] | None = None,
        null: int | None = None,
        read: Read | None = None,
        curve: GuidanceCurve | None = None,
        steps: Sequence[int] = (3, 5, 10, 15, 20),
        start: tuple[float, int] = (2.0, 10),
    ) -> None:
        self.classes = [str(name) for name in classes]
        self.rows = [self._number(row) for row in (range(min(4, len(classes))) if rows is None else rows)]
        if len(self.rows) * len(noises) > MOST:
            raise CourseError(f"The explorer shows up to {MOST} pictures: give fewer rows or noises.")
        self.grid = GuidedGrid(model, alpha_bar, noises, self.rows, kind=kind, null=null, read=read)
        self.curve, self._steps = curve, list(steps)
        self._scale = 2.0 if os.environ.get(SCREEN_VARIABLE) == "large" else 1.5  # device pixels for a CSS pixel
        across = WIDTH - NAMES - 360
        self._side = min(LARGEST_SIDE, across // len(noises) - GAP, GRID_HEIGHT // len(self.rows) - GAP)
        self._right = NAMES + len(noises) * (self._side + GAP) + CHART_LEFT
        self._height = TOP + max(len(self.rows) * (self._side + GAP), 380 if curve else STRIP_HEIGHT) + 8
        self._chart = self._make_chart()
        self._idle, self._direction = Idle(self._ahead), W_STEP  # and where w went last
        count = start[1] if start[1] in self._steps else self._steps[len(self._steps) // 2]
        super().__init__(
            self._paint,
            name="Guidance explorer",
            alt="A grid of pictures, one row for each class that is asked for and one column for each noise, drawn "
            "with the chosen guidance weight; beside it how often what was asked for is read, against diversity, with "
            "a dot at this weight; below that, at which times the sampler is guided.",
            say=self._in_words,
            width=WIDTH,
            w=real(LOWEST, HIGHEST, start=start[0], label="weight w", step=W_STEP),
            steps=stops(self._steps, start=count, label="steps"),
            times=between(0, 1000, label="guided from t", step=T_STEP),
        )

    def setting(self, state: State) -> Setting:
        """What the grid is asked for at a position of the sliders."""
        return Setting(round(state.w, 4), state.steps, *(float(t) for t in state.times))

    def close(self) -> None:
        """Take the explorer off the page and let its memory go."""
        self._idle.stop()
        super().close()

    # ---- in idle moments

    def _on_change(self, change: Any) -> None:
        self._idle.stop()
        if change["owner"] is self.widgets["w"]:
            self._direction = W_STEP if change["new"] > change["old"] else -W_STEP
        super()._on_change(change)

    def _update(self) -> None:
        self._idle.stop()
        super()._update()
        self._idle.begin()

    def _ahead(self) -> Iterator[None]:
        """What the hand may ask for next: the neighbours of this position, then all weights from here outwards."""
        here = self.setting(self.state)
        k, d = self._steps.index(here.steps), self._direction
        near = [here._replace(w=here.w + step) for step in (d, 2 * d, -d)]
        near += [here._replace(high=here.high + step) for step in (-T_STEP, T_STEP) if here.low <= here.high + step]
        near += [here._replace(low=here.low + step) for step in (T_STEP, -T_STEP) if here.low + step <= here.high]
        near += [here._replace(steps=self._steps[j]) for j in (k + 1, k - 1) if 0 <= j < len(self._steps)]
        weights = [LOWEST + W_STEP * i for i in range(round((HIGHEST - LOWEST) / W_STEP) + 1)]
        near += [here._replace(w=w) for w in sorted(weights, key=lambda w: abs(w - here.w))]
        for setting in near:
            if LOWEST <= setting.w <= HIGHEST and setting.low >= 0 and setting.high <= 1000:
                yield from self.grid.slices(setting)

    # ---- the picture

    def _number(self, row: str | int) -> int:
        if isinstance(row, str) and row in self.classes:
            return self.classes.index(row)
        if isinstance(row, int) and 0 <= row < len(self.classes):
            return row
        raise CourseError(f"There is no class {row!r}: choose rows from {', '.join(self.classes)}.")

    def _make_chart(self) -> CurveChart | None:
        if self.curve is None:
            return None
        return CurveChart(self.curve, (WIDTH - self._right, self._height - TOP - STRIP_HEIGHT), self._scale)

    def _paint(self, state: State) -> Image.Image:
        setting = self.setting(state)
        pictures, reads = self.grid.pictures(setting), self.grid.reads(setting)
        brush = Brush(WIDTH, self._height, self._scale)
        brush.text(NAMES, 38, f"w = {_number(setting.w)}", size=27, bold=True, fill=_colour(setting.w))
        wide = brush.text_width(f"w = {_number(setting.w)}", 27, True)
        brush.text(NAMES + wide + 16, 38, _meaning(setting.w), size=15, fill=SOFT_INK)
        for i, row in enumerate(self.rows):
            y = TOP + i * (self._side + GAP)
            brush.text(NAMES - 14, y + self._side / 2 + 5, self.classes[row], size=14.5, bold=True, anchor="rs")
            for j in range(self.grid.shape[1]):
                x = NAMES + j * (self._side + GAP)
                brush.pixels(x, y, self._side, pictures[i, j])
                if reads is not None and reads[i, j] != row:
                    self._paint_misread(brush, x, y + self._side, self.classes[int(reads[i, j])])
        if self._chart is not None:
            self._paint_curve(brush, self._chart, setting)
        self._paint_times(brush, self._height - STRIP_HEIGHT, setting)
        return brush.image

    def _paint_misread(self, brush: Brush, x: float, floor: float, word: str) -> None:
        """What is read instead, on a label in the lower left corner."""
        wide = brush.text_width(word, 10.5)
        brush.bar(x, floor - 17, wide + 12, 17, PAPER)
        brush.text(x + 6, floor - 5, word, size=10.5, fill=VERMILLION)

    def _paint_curve(self, brush: Brush, chart: CurveChart, setting: Setting) -> None:
        """The curve, and on it this weight: a full dot where it was measured as here, else a pale one."""
        x, y = chart.place(setting.w)
        brush.paste(self._right, TOP - 6, chart.picture)
        brush.text(self._right + 8, 38, "Fidelity against diversity", size=15, bold=True)
        here = self._as_measured(setting)
        x, y = x + round(self._right * self._scale), y + round((TOP - 6) * self._scale)
        brush.dot(x, y, COLOURS["yours"] if here else RULE, radius=9)

    def _paint_times(self, brush: Brush, y: float, setting: Setting) -> None:
        """From noise on the left to data on the right: each step's place, and where it is guided."""
        left, width, axis = self._right + 8, WIDTH - self._right - 32, y + 62
        guided, calls = self.grid.calls(setting)
        brush.text(left, y + 22, f"{guided} of {setting.steps} steps guided", size=13, bold=True)
        brush.text(left + width, y + 22, f"{calls} looks of the network", size=11.5, fill=SOFT_INK, anchor="rs")
        ends = [left + width * (1 - t / 1000) for t in (setting.high, setting.low)]
        if setting.w != 0:
            brush.bar(ends[0] - 1, axis - 26, ends[1] - ends[0] + 2, 26, "#DCE6EA" if setting.w > 0 else "#E8E4DB")
        brush.bar(left, axis, width, 1.5, SOFT_INK)
        for t in self.grid.times(setting.steps)[:-1]:
            inside = setting.w != 0 and setting.low <= t <= setting.high
            high = 18 if inside else 8
            brush.bar(left + width * (1 - t / 1000) - 1.5, axis - high, 3, high, _colour(setting.w) if inside else GREY)
        brush.text(left, axis + 20, "t = 1000, noise", size=11.5, fill=SOFT_INK)
        brush.text(left + width, axis + 20, "t = 0, data", size=11.5, fill=SOFT_INK, anchor="rs")

    # ---- in words

    def _as_measured(self, setting: Setting) -> bool:
        curve = self.curve
        return curve is not None and (curve.steps, curve.low, curve.high) == setting[1:]

    def _in_words(self, state: State) -> str:
        setting = self.setting(state)
        guided, calls = self.grid.calls(setting)
        words = (
            f"w = {_number(setting.w)}, {_meaning(setting.w)}. {guided} of {setting.steps} steps are guided, from "
            f"t = {setting.low:.0f} to {setting.high:.0f}; the network looks {calls} times at each picture."
        )
        reads = self.grid.reads(setting)
        if reads is not None:
            right = sum(int(r == row) for line, row in zip(reads, self.rows, strict=True) for r in line)
            words += f" Read as asked here: {right} of {reads.size}."
        if self.curve is not None:
            diversity, asked = self.curve.at(setting.w)
            words += f" On the curve ({self.curve.n} pictures, {self.curve.steps} steps, guided from "
            words += f"t = {self.curve.low:.0f} to {self.curve.high:.0f}): {100 * asked:.0f} % as asked, "
            words += f"diversity {diversity:.2f}."
        return words


def _number(w: float) -> str:
    return f"{w:g}".replace("-", "−")


def _colour(w: float) -> str:
    return BLUE if w > 0 else INK if w == 0 else SOFT_INK


def _meaning(w: float) -> str:
    """What a range of weights does, in a few words."""
    if w == 0:
        return "conditional, no guidance"
    if w == -1:
        return "unconditional: the class is not used"
    if w < -1:
        return "away from the class"
    return "guided: beyond the conditional" if w > 0 else "between unconditional and conditional"

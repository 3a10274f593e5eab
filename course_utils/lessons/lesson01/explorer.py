"""Lesson 01's explorer: an image under more and more noise, and what a recogniser still makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.diffusion import q_sample
from course_utils.errors import CourseError
from course_utils.lessons.lesson01.charts import Charts, log_snr
from course_utils.plots.images import to_uint8
from course_utils.plots.style import COLOURS, RULE, SOFT_INK, WIDTH
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import choice, whole
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5  # device pixels for a CSS pixel: sharp enough on a fine screen, and quick to encode
HEIGHT, CHARTS_HEIGHT = 512, 286
SIDE, TOP = 152, 40  # of an image: CSS pixels, and where it begins
IMAGES_AT = (80, 322, 504)  # x0, eps, x_t
BARS_AT, BARS_WIDTH, BARS = 682, 204, 5


class NoisingExplorer(Explorer):
    """Choose a schedule, a step t and an image; see x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) eps.

    The noise of an image is drawn once, so that the picture changes smoothly along the slider.

    Args:
        images: (N, C, H, W) in [-1, 1]: the clean images to choose from.
        labels: (N,) int64, the true classes; needs a recogniser, whose class names are shown.
        schedules: from a name to alpha_bar (T + 1,), with alpha_bar[0] = 1. T may differ: the charts then share
            the axis t / T, and changing the schedule keeps the share of the way.
        recogniser: anything with `probabilities(x) -> (B, K)` and `classes`; without one its place stays empty.
        seed: of the noise.

    Raises:
        CourseError: if the images, labels or schedules do not fit the above.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | Sequence[int] | None = None,
        *,
        schedules: Mapping[str, Tensor],
        recogniser: Any = None,
        seed: int = 0,
    ) -> None:
        self._bytes = to_uint8(images)
        self.images = images.detach().cpu().float()
        self.labels = None if labels is None else [int(label) for label in labels]
        if self.labels is not None and len(self.labels) != len(images):
            raise CourseError(f"There are {len(images)} images and {len(self.labels)} labels: give one to each image.")
        self.schedules = {name: _checked(name, bar) for name, bar in schedules.items()}
        if not self.schedules:
            raise CourseError("The explorer wants at least one schedule: a dict from a name to alpha_bar.")
        self.recogniser = recogniser
        self._read: tuple[Any, list[tuple[str, float, bool]]] | None = None
        self.eps = torch.randn(self.images.shape, generator=torch.Generator().manual_seed(seed))
        self.charts = Charts({n: bar.numpy() for n, bar in self.schedules.items()}, (WIDTH, CHARTS_HEIGHT), SCALE)
        first = next(iter(self.schedules))
        last = len(self.schedules[first]) - 1
        t = whole(0, last, start=round(0.3 * last), label="step t")
        which = choice({n: n for n in self.schedules}, label="schedule")
        which.observe(self._on_schedule, names="value")  # before the base's: the slider moves first
        super().__init__(
            self._paint,
            name="Noising explorer",
            alt="An image, noise, and their mixture at the chosen step; the step's place on the curves of alpha_bar "
            "and of log-SNR; how sure a recogniser is of each class.",
            say=self._in_words,
            width=WIDTH,
            t=t,
            schedule=which,
            image=whole(1, len(images), label="image") if len(images) > 1 else _only_one(),
        )

    def _on_schedule(self, change: Any) -> None:
        """Another schedule may have another length: keep the share of the way."""
        slider, old = self.widgets["t"], self.widgets["t"].max
        new = len(self.schedules[change["new"]]) - 1
        if new != old:
            t = round(slider.value * new / old)
            with slider.hold_sync():
                slider.max = new
                slider.value = t

    def x_t(self, state: State) -> Tensor:
        """The noised image (1, C, H, W) for a state with `t`, `schedule` and `image` (counted from 1)."""
        i = state.image - 1
        steps = torch.tensor([state.t])
        return q_sample(self.images[i : i + 1], steps, self.schedules[state.schedule], self.eps[i : i + 1])

    def ranking(self, state: State) -> list[tuple[str, float, bool]]:
        """The recogniser's likeliest classes: (name, probability, whether it is the true one), likeliest first.

        The true class is always among them.
        """
        if self.recogniser is None:
            return []
        key = (state.t, state.schedule, state.image)
        if self._read is None or self._read[0] != key:  # the picture and the sentence below both ask
            self._read = (key, self._rank(state))
        return self._read[1]

    def _rank(self, state: State) -> list[tuple[str, float, bool]]:
        p = self.recogniser.probabilities(self.x_t(state))[0].tolist()
        truth = None if self.labels is None else self.labels[state.image - 1]
        order = sorted(range(len(p)), key=lambda k: -p[k])
        shown = order[:BARS]
        if truth is not None and truth not in shown:
            shown[-1] = truth
        return [(str(self.recogniser.classes[k]), p[k], k == truth) for k in shown]

    # ---- the picture

    def _paint(self, state: State) -> Any:
        brush = Brush(WIDTH, HEIGHT, SCALE)
        brush.paste(0, HEIGHT - CHARTS_HEIGHT, self.charts.picture(state.schedule))
        self._paint_sum(brush, state)
        self._paint_bars(brush, state)
        self._paint_dots(brush, state)
        return brush.image

    def _paint_sum(self, brush: Brush, state: State) -> None:
        """The formula in pictures: a number times x0, plus a number times eps, is x_t."""
        bar = float(self.schedules[state.schedule][state.t])
        i = state.image - 1
        pictures = (self._bytes[i], to_uint8(self.eps[i : i + 1])[0], to_uint8(self.x_t(state))[0])
        captions = ("clean image x0", "noise eps", f"x_t at t = {state.t}")
        for x, picture, caption in zip(IMAGES_AT, pictures, captions, strict=True):
            brush.pixels(x, TOP, SIDE, picture)
            brush.text(x + SIDE / 2, TOP - 12, caption, bold=caption.startswith("x_t"), anchor="ms")
        middle = TOP + SIDE / 2
        signs = (f"{math.sqrt(bar):.2f} ×", f"+ {math.sqrt(1 - bar):.2f} ×", "=")
        for x, sign in zip(IMAGES_AT, signs, strict=True):
            brush.text(x - 9, middle, sign, size=15, bold=True, anchor="rm")
        terms = (f"√alpha_bar = {math.sqrt(bar):.2f}", f"√(1 − alpha_bar) = {math.sqrt(1 - bar):.2f}")
        for x, term in zip(IMAGES_AT, terms, strict=False):
            brush.text(x + SIDE / 2, TOP + SIDE + 18, term, size=11.5, fill=SOFT_INK, anchor="ms")

    def _paint_bars(self, brush: Brush, state: State) -> None:
        ranking = self.ranking(state)
        if not ranking:
            return
        brush.text(BARS_AT, TOP - 12, "What a recogniser reads", bold=True)
        for row, (name, p, true) in enumerate(ranking):
            y = TOP + 1 + row * 31
            note = " (true class)" if true else ""
            brush.text(BARS_AT, y + 12, name + note, size=12, bold=true)
            brush.text(BARS_AT + BARS_WIDTH, y + 12, f"{100 * p:.0f} %", size=12, bold=true, anchor="rs")
            brush.bar(BARS_AT, y + 17, BARS_WIDTH, 7, RULE)
            brush.bar(BARS_AT, y + 17, BARS_WIDTH * p, 7, COLOURS["data"] if true else COLOURS["chance"])

    def _paint_dots(self, brush: Brush, state: State) -> None:
        bar = float(self.schedules[state.schedule][state.t])
        values = {"alpha_bar": f"{bar:.2f}", "log_snr": _signed(float(log_snr(np.array([bar]))[0]))}
        for chart, (x, y) in self.dots(state).items():
            brush.dot(x, y, self.charts.colours[state.schedule])
            x, y = x / SCALE, y / SCALE
            # The curves fall, so there is room above and to the right of a dot.
            near_edge = x > (WIDTH / 2 if chart == "alpha_bar" else WIDTH) - 80
            x, y = (x + 10, y - 19) if near_edge else (x + 12, y - 12)
            y = max(y, HEIGHT - CHARTS_HEIGHT + 66)
            brush.text(x, y, values[chart], bold=True, anchor="rm" if near_edge else "lm", halo=3)

    def dots(self, state: State) -> dict[str, tuple[float, float]]:
        """Where the dots of "alpha_bar" and "log_snr" are on the picture, in device pixels."""
        top = round((HEIGHT - CHARTS_HEIGHT) * SCALE)
        places = self.charts.place(state.schedule, state.t)
        return {chart: (x, y + top) for chart, (x, y) in places.items()}

    def _in_words(self, state: State) -> str:
        bar = float(self.schedules[state.schedule][state.t])
        last = len(self.schedules[state.schedule]) - 1
        level = _signed(float(log_snr(np.array([bar]))[0]))
        words = f"Step {state.t} of {last} of the schedule {state.schedule}: alpha_bar {bar:.3f}, log-SNR {level}."
        ranking = self.ranking(state)
        if not ranking:
            return words
        name, p, true = ranking[0]
        verdict = "" if self.labels is None else (", and is right" if true else ", and is wrong")
        return f"{words} The recogniser says {name} with {100 * p:.0f} %{verdict}."


def _only_one() -> Any:
    return choice({"1": 1}, label="image")


def _signed(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:+.1f}".replace("-", "−")


def _checked(name: str, bar: Any) -> Tensor:
    """alpha_bar as float64 (T + 1,) on the CPU, or a sentence that says what is wrong with it."""
    bar = torch.as_tensor(bar).detach().cpu().double()
    if bar.ndim != 1 or len(bar) < 2:
        raise CourseError(f"The schedule {name!r} has shape {tuple(bar.shape)}: alpha_bar has shape (T + 1,).")
    if not torch.isfinite(bar).all() or bar.min() < 0 or bar.max() > 1 + 1e-9:
        raise CourseError(f"The schedule {name!r} leaves [0, 1]: pass alpha_bar, the product of 1 - beta, not betas.")
    if abs(float(bar[0]) - 1) > 1e-6:
        raise CourseError(f"The schedule {name!r} starts at {float(bar[0]):.4f}: alpha_bar[0] is 1, the clean image.")
    return bar.clamp(0, 1)

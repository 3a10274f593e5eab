"""Lesson 05's explorer: one picture, its company in the batch, and what two norms make of its colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.plots.images import to_uint8
from course_utils.plots.style import BLUE, GREEN, INK, RULE, SOFT_INK, VERMILLION, WIDTH
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import choice, whole
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5  # device pixels for a CSS pixel: sharp enough on a fine screen, and quick to encode
HEIGHT = 484
SIDE, TOP = 160, 40  # of a large picture: CSS pixels, and where it begins
PICTURES_AT = (16, 196, 376)
COMPANY_AT, CELL, COLUMNS = 576, 38, 8
CHART = (70, 282, 466, 150)  # left, top, width, height
LARGEST = 64  # pictures in a batch
SHOWN = 0.6  # a normalised value is shown at this share: 0 is middle grey, and little is cut off
LIMIT = 2.2  # of the chart's vertical axis
EPS = 1e-5
CHANNELS = {3: (("red", VERMILLION), ("green", GREEN), ("blue", BLUE)), 1: (("grey", INK),)}
COMPANY = ("mixed", "bright", "dark", "like it")


class NormExplorer(Explorer):
    """Choose a picture, how many others share its batch, and what they are like; see it after each norm.

    BatchNorm takes the mean and the variance of each colour over the whole batch, GroupNorm over the picture alone.

    Args:
        images: (N, C, H, W) in [-1, 1], C = 1 or 3 and N at least 65. The first `watched` can be chosen, all others
            can be company.
        watched: how many pictures to choose from.
        seed: of the draws of company.

    Raises:
        CourseError: too few images, or not a batch of images.
    """

    def __init__(self, images: Tensor, *, watched: int = 8, seed: int = 0) -> None:
        self._bytes = to_uint8(images)
        if len(images) < watched + LARGEST - 1:
            raise CourseError(
                f"The explorer wants {watched + LARGEST - 1} images or more, to fill a batch of {LARGEST}; "
                f"these are {len(images)}."
            )
        self.images = images.detach().cpu().numpy().astype(np.float64)
        self.watched, self.seed = watched, seed
        self._thumbnails: dict[int, Image.Image] = {}
        self._means = self.images.mean(axis=(2, 3))  # (N, C)
        self._squares = (self.images**2).mean(axis=(2, 3))  # (N, C)
        channels = self.images.shape[1]
        groups = {"1 group of 3 colours": 1, "3 groups of 1": 3} if channels == 3 else {"1 group": 1}
        super().__init__(
            self._paint,
            name="Norm explorer",
            alt="A picture, the same after BatchNorm and after GroupNorm, the other pictures of its batch, and a chart "
            "of its mean colour after each norm against the size of the batch.",
            say=self._in_words,
            width=WIDTH,
            batch=whole(1, LARGEST, start=4, label="batch size"),
            company=choice(COMPANY, label="company"),
            drawn=whole(1, 20, label="draw of company"),
            image=whole(1, watched, label="picture"),
            groups=choice(groups, label="GroupNorm"),
        )

    def members(self, state: State) -> np.ndarray[Any, Any]:
        """Indices of a full batch of LARGEST: the watched picture first, then its company in the order it arrives."""
        me = state.image - 1
        others = np.arange(self.watched, len(self.images))
        brightness = self._means[others].mean(axis=1)
        distance = ((self._means[others] - self._means[me]) ** 2).sum(axis=1)
        order = {"bright": -brightness, "dark": brightness, "like it": distance}.get(state.company)
        if order is not None:  # of the more suitable ones, any
            others = others[np.argsort(order, kind="stable")[: max(LARGEST - 1, len(others) // 4)]]
        who = np.random.default_rng([self.seed, state.drawn]).permutation(others)
        return np.concatenate([[me], who[: LARGEST - 1]])

    def batch_statistics(self, state: State) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Mean and variance of each channel over the first 1, 2 ... LARGEST pictures, each (LARGEST, C)."""
        who = self.members(state)
        count = np.arange(1, LARGEST + 1)[:, None]
        mean = self._means[who].cumsum(axis=0) / count
        return mean, self._squares[who].cumsum(axis=0) / count - mean**2

    def after_batch_norm(self, state: State) -> np.ndarray[Any, Any]:
        """The watched picture (C, H, W) as BatchNorm hands it on while training, without weight and bias."""
        mean, variance = (s[state.batch - 1][:, None, None] for s in self.batch_statistics(state))
        return (self.images[state.image - 1] - mean) / np.sqrt(variance + EPS)

    def after_group_norm(self, state: State) -> np.ndarray[Any, Any]:
        """The watched picture (C, H, W) after GroupNorm, without weight and bias."""
        x = torch.from_numpy(self.images[state.image - 1 : state.image])
        return torch.nn.functional.group_norm(x, state.groups, eps=EPS)[0].numpy()

    def colour_by_batch(self, state: State) -> np.ndarray[Any, Any]:
        """The watched picture's mean colour after BatchNorm, for each batch size from 1: (LARGEST, C)."""
        mean, variance = self.batch_statistics(state)
        return (self._means[state.image - 1] - mean) / np.sqrt(variance + EPS)

    # ---- the picture

    def _paint(self, state: State) -> Any:
        brush = Brush(WIDTH, HEIGHT, SCALE)
        batch, group = self.after_batch_norm(state), self.after_group_norm(state)
        own = self._bytes[state.image - 1]
        shown = (own, *(to_uint8(x[None] * SHOWN)[0] for x in (batch, group)))
        captions = ("the picture", "after BatchNorm", "after GroupNorm")
        for x, picture, caption in zip(PICTURES_AT, shown, captions, strict=True):
            brush.pixels(x, TOP, SIDE, picture)
            brush.text(x + SIDE / 2, TOP - 12, caption, bold=True, anchor="ms")
        for x, values in zip(PICTURES_AT, (self.images[state.image - 1], batch, group), strict=True):
            text = "mean " + "  ".join(_signed(v) for v in values.mean(axis=(1, 2)))
            brush.text(x + SIDE / 2, TOP + SIDE + 18, text, size=11.5, fill=SOFT_INK, anchor="ms")
        self._paint_company(brush, state)
        self._paint_chart(brush, state, group.mean(axis=(1, 2)))
        return brush.image

    def _paint_company(self, brush: Brush, state: State) -> None:
        brush.text(COMPANY_AT, TOP - 12, f"its batch: {state.batch} of {LARGEST}", bold=True)
        s = brush.scale
        for k, index in enumerate(self.members(state)[: state.batch]):
            x, y = COMPANY_AT + CELL * (k % COLUMNS), TOP + CELL * (k // COLUMNS)
            brush.paste(x, y, self._thumbnail(index))
            if k == 0:
                frame = ((x - 2) * s, (y - 2) * s, (x + CELL - 2) * s, (y + CELL - 2) * s)
                brush.draw.rectangle(frame, outline=VERMILLION, width=round(2 * s))

    def _thumbnail(self, index: int) -> Image.Image:
        """A member of the batch, smoothed to the size of its place."""
        if index not in self._thumbnails:
            picture = self._bytes[index]
            small = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
            side = round((CELL - 4) * SCALE)
            self._thumbnails[index] = small.resize((side, side), Image.Resampling.BICUBIC)
        return self._thumbnails[index]

    def _paint_chart(self, brush: Brush, state: State, group_mean: np.ndarray[Any, Any]) -> None:
        left, top, width, height = CHART
        brush.text(left - 54, top - 22, "its mean colour after the norm, by batch size", bold=True)
        for value in (-2, -1, 0, 1, 2):
            y = self._y(value)
            brush.bar(left, y, width, 1, RULE)
            brush.text(left - 8, y, _signed(value, 0) if value else "0", size=11, fill=SOFT_INK, anchor="rm")
        for size in (1, 2, 4, 8, 16, 32, 64):
            brush.text(self._x(size), top + height + 16, str(size), size=11, fill=SOFT_INK, anchor="ms")
        brush.text(left + width, top + height + 34, "pictures in the batch", size=11, fill=SOFT_INK, anchor="rs")
        brush.text(left, top + height + 34, "line: BatchNorm    dots: GroupNorm", size=11, fill=SOFT_INK)
        names = CHANNELS[self.images.shape[1]]
        colours = self.colour_by_batch(state)
        s = brush.scale
        for c, (_, shade) in enumerate(names):
            line = [(self._x(b) * s, self._y(colours[b - 1, c]) * s) for b in range(1, LARGEST + 1)]
            brush.draw.line(line, fill=shade, width=round(2 * s), joint="curve")
            for x in np.arange(left, left + width, 9.0):
                brush.bar(x, self._y(group_mean[c]) - 1, 3, 2, shade)
        # the labels of the lines, kept apart
        ends = sorted((self._y(colours[-1, c]), name, shade) for c, (name, shade) in enumerate(names))
        lowest = top - 100.0
        for y, name, shade in ends:
            lowest = max(y, lowest + 14)
            brush.text(left + width + 10, lowest, name, size=11.5, fill=shade, anchor="lm")
        for c, (_, shade) in enumerate(names):
            x, y = self.dot(state, c)
            brush.dot(x, y, shade, radius=5)

    def dot(self, state: State, channel: int) -> tuple[float, float]:
        """Where the dot of a colour channel is on the picture, in device pixels."""
        value = self.colour_by_batch(state)[state.batch - 1, channel]
        return self._x(state.batch) * SCALE, self._y(value) * SCALE

    def _x(self, batch: float) -> float:
        left, _, width, _ = CHART
        return left + width * float(np.log2(batch) / np.log2(LARGEST))

    def _y(self, value: float) -> float:
        _, top, _, height = CHART
        return top + height * (0.5 - 0.5 * float(np.clip(value, -LIMIT, LIMIT)) / LIMIT)

    def _in_words(self, state: State) -> str:
        names = [name for name, _ in CHANNELS[self.images.shape[1]]]
        batch, group = (f(state).mean(axis=(1, 2)) for f in (self.after_batch_norm, self.after_group_norm))

        def words(values: np.ndarray[Any, Any]) -> str:
            return ", ".join(f"{name} {_signed(value)}" for name, value in zip(names, values, strict=True))

        others = state.batch - 1
        with_whom = (
            "alone" if not others else f"with {others} other{'s' if others > 1 else ''} (company: {state.company})"
        )
        return (
            f"Picture {state.image} {with_whom}. Mean after BatchNorm: {words(batch)}. "
            f"Mean after GroupNorm, whatever the company: {words(group)}."
        )


def _signed(value: float, digits: int = 2) -> str:
    return f"{value + 0.0:+.{digits}f}".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00")

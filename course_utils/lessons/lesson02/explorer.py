"""Lesson 02's explorer: one noisy image, several denoisers, and how far off each of their guesses is."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_utils.diffusion import q_sample
from course_utils.errors import CourseError
from course_utils.plots.images import to_uint8
from course_utils.plots.output import new_figure
from course_utils.plots.style import DASHES, PIXELS_PER_INCH, RULE, SOFT_INK, WIDTH, colour, settings
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import choice, whole
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5  # device pixels for a CSS pixel
HEIGHT, CHART_HEIGHT = 500, 264
SIDE, TOP = 168, 38  # of an image: CSS pixels, and where it begins
IMAGES_AT = (14, 214, 414)  # x_t, the guess, x0
BARS_AT, BARS_WIDTH, ROW = 620, 264, 32
FULL_BAR = 1.0  # an error as long as the whole bar


class DenoisingExplorer(Explorer):
    """Choose a noise level, a denoiser and an image; see what the denoiser makes of it.

    Every guess is made when the explorer is, so that the picture follows the slider at once. The noise of an image is
    drawn once; matplotlib draws the curves once for each denoiser and group.

    Args:
        images: from the name of a group ("in the garden", "never seen") to its clean images, (N, C, H, W) in [-1, 1].
        alpha_bar: (T + 1,), the schedule.
        denoisers: from a name to `denoise(x_t, t)`, which guesses x0; t is (B,), int64, on the schedule's own steps.
        positions: how many noise levels the slider has, evenly spaced, the last of them T.
        start: the first t, rounded to a position.
        seed: of the noise.

    Raises:
        CourseError: no images or no denoisers, or a denoiser whose guess is no image batch.
    """

    def __init__(
        self,
        images: Mapping[str, Tensor],
        *,
        alpha_bar: Tensor,
        denoisers: Mapping[str, Callable[[Tensor, Tensor], Tensor]],
        positions: int = 50,
        start: float = 0.3,
        seed: int = 0,
    ) -> None:
        if not images or not denoisers:
            raise CourseError("The explorer wants at least one group of images and one denoiser.")
        T = len(alpha_bar) - 1
        step = max(1, T // positions)
        self.times = list(range(step, T + 1, step))
        self.groups = [name for name, batch in images.items() for _ in range(len(batch))]
        self.x0 = torch.cat([batch.detach().cpu().float() for batch in images.values()])  # (N, C, H, W)
        generator = torch.Generator().manual_seed(seed)
        eps = torch.randn(self.x0.shape, generator=generator)
        each = [torch.full((len(self.x0),), t) for t in self.times]
        noisy = [q_sample(self.x0, t, alpha_bar, eps) for t in each]
        self._clean, self._noisy = to_uint8(self.x0), np.stack([to_uint8(x) for x in noisy])  # (times, N, H, W, C)
        self._guesses: dict[str, Any] = {}
        self.errors: dict[str, np.ndarray[Any, Any]] = {}  # name -> (times, N), root mean square
        for name, denoise in denoisers.items():
            with torch.no_grad():
                guesses = [self._checked(name, denoise(x, t)) for x, t in zip(noisy, each, strict=True)]
            self._guesses[name] = np.stack([to_uint8(guess.clamp(-20, 20)) for guess in guesses])
            off = torch.stack([(guess - self.x0).square().flatten(1).mean(1).sqrt() for guess in guesses])
            self.errors[name] = off.numpy()
        self.colours: dict[str, str] = {}
        for name in denoisers:
            self.colours[name] = colour(name, taken=self.colours.values())
        self._charts: dict[tuple[str, str], tuple[Image.Image, Any]] = {}
        first = self.times[max(0, round(start * len(self.times)) - 1)]
        super().__init__(
            self._paint,
            name="Denoising explorer",
            alt="A noisy image, a denoiser's guess and the clean image; how far off every denoiser is, as bars for "
            "this image and as curves over the noise level.",
            say=self._in_words,
            width=WIDTH,
            t=whole(self.times[0], self.times[-1], start=first, label="noise level t", step=step),
            denoiser=choice(list(denoisers), label="denoiser"),
            image=whole(1, len(self.x0), label="image") if len(self.x0) > 1 else choice({"1": 1}, label="image"),
        )

    def _checked(self, name: str, guess: Any) -> Tensor:
        if not isinstance(guess, Tensor) or guess.shape != self.x0.shape:
            what = f"shape {tuple(guess.shape)}" if isinstance(guess, Tensor) else type(guess).__name__
            raise CourseError(f"The denoiser {name!r} gives {what}: it should give {tuple(self.x0.shape)}, like x_t.")
        return guess.detach().cpu().float()

    # ---- what a state means

    def off_by(self, state: State, name: str | None = None) -> float:
        """How far a guess is off: the root of its mean squared error."""
        return float(self.errors[name or state.denoiser][self._at(state), state.image - 1])

    def _at(self, state: State) -> int:
        """The position whose t is nearest."""
        return min(range(len(self.times)), key=lambda k: abs(self.times[k] - state.t))

    def curve(self, name: str, group: str) -> np.ndarray[Any, Any]:
        """(times,): the root of the mean squared error over the images of a group."""
        inside = np.array([g == group for g in self.groups])
        mean: np.ndarray[Any, Any] = np.sqrt((self.errors[name][:, inside] ** 2).mean(1))
        return mean

    def dot(self, state: State) -> tuple[float, float]:
        """Where the dot is on the picture, in device pixels."""
        group = self.groups[state.image - 1]
        k, (_, place) = self._at(state), self._chart(state.denoiser, group)
        x, y = place.transform((self.times[k], min(self.curve(state.denoiser, group)[k], 1.0)))
        return float(x), HEIGHT * SCALE - float(y)

    # ---- the picture

    def _paint(self, state: State) -> Image.Image:
        brush = Brush(WIDTH, HEIGHT, SCALE)
        k, i = self._at(state), state.image - 1
        group = self.groups[i]
        shown = (self._noisy[k, i], self._guesses[state.denoiser][k, i], self._clean[i])
        captions = (f"x_t at t = {self.times[k]}", f"guess: {state.denoiser}", f"clean x0, {group}")
        for x, picture, caption in zip(IMAGES_AT, shown, captions, strict=True):
            brush.pixels(x, TOP, SIDE, picture)
            brush.text(x + SIDE / 2, TOP - 12, caption, bold=caption.startswith("guess"), anchor="ms")
        brush.text(BARS_AT, TOP - 12, "How far off, for this image", bold=True)
        for row, name in enumerate(self.errors):
            y, off, chosen = TOP + 1 + row * ROW, self.off_by(state, name), name == state.denoiser
            brush.text(BARS_AT, y + 12, name, size=12, bold=chosen)
            brush.text(BARS_AT + BARS_WIDTH, y + 12, f"{off:.3f}", size=12, bold=chosen, anchor="rs")
            brush.bar(BARS_AT, y + 17, BARS_WIDTH, 7, RULE)
            brush.bar(BARS_AT, y + 17, BARS_WIDTH * min(off / FULL_BAR, 1), 7, self.colours[name])
        brush.paste(0, HEIGHT - CHART_HEIGHT, self._chart(state.denoiser, group)[0])
        brush.dot(*self.dot(state), fill=self.colours[state.denoiser])
        return brush.image

    def _chart(self, chosen: str, group: str) -> tuple[Image.Image, Any]:
        """The curves of one group with one denoiser in bold, and where a point lies on them; drawn when first asked."""
        if (chosen, group) not in self._charts:
            self._charts[chosen, group] = self._drawn(chosen, group)
        return self._charts[chosen, group]

    def _drawn(self, chosen: str, group: str) -> tuple[Image.Image, Any]:
        with mpl.rc_context({**settings(), "axes.titlesize": 11.5, "axes.labelsize": 10, "axes.titlepad": 8}):
            figure = new_figure(WIDTH, CHART_HEIGHT)
            figure.set_layout_engine("none")
            figure.set_dpi(PIXELS_PER_INCH * SCALE)
            axes = figure.add_axes((0.062, 0.18, 0.69, 0.68))
            for number, name in enumerate(self.errors):
                bold = name == chosen
                look: dict[str, Any] = {
                    "color": self.colours[name],
                    "linestyle": DASHES[number % len(DASHES)],
                    "linewidth": 3.2 if bold else 1.6,
                    "alpha": 1.0 if bold else 0.6,
                    "zorder": 3 if bold else 2,
                }
                axes.plot(self.times, self.curve(name, group), label=name, **look)
            axes.set(xlabel="noise level t", ylabel="error of the guess", ylim=(-0.03, 1.03))
            axes.set_title(f"Root mean squared error, images {group}")
            axes.margins(x=0.02)
            legend = axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.02), fontsize=9.5)
            for text in legend.get_texts():
                text.set_fontweight("bold" if text.get_text() == chosen else "normal")
                text.set_color(SOFT_INK)
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH * SCALE, facecolor=figure.get_facecolor())
            return Image.open(buffer).convert("RGB"), axes.transData.frozen()

    def _in_words(self, state: State) -> str:
        off = self.off_by(state)
        k = self._at(state)
        best = min(self.errors, key=lambda name: self.off_by(state, name))
        psnr = "∞" if off < 1e-6 else f"{20 * math.log10(2 / off):.0f}"
        return (
            f"Noise level {self.times[k]} of {self.times[-1]}, image {state.image} ({self.groups[state.image - 1]}): "
            f"the guess of {state.denoiser} is off by {off:.3f} ({psnr} dB). Best here: {best}, "
            f"{self.off_by(state, best):.3f}."
        )

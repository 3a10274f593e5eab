"""Lesson 04's explorer: a scrubber through denoising, x_t above and below it the picture that is expected of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from PIL import Image

from course_utils.errors import CourseError
from course_utils.lessons.lesson04.film import Film
from course_utils.plots.images import to_uint8
from course_utils.plots.output import new_figure
from course_utils.plots.style import COLOURS, GREY, PIXELS_PER_INCH, SOFT_INK, WIDTH, settings
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import choice, whole
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5  # device pixels for a CSS pixel
MOST = 6  # walks side by side
LEFT, SIDE, GAP = 104, 122, 10  # where the pictures begin, their side, the space between them; CSS pixels
ROWS_AT = (34, 176)  # the upper edges of both rows
CHART_AT, CHART_HEIGHT = 330, 190
HEIGHT = CHART_AT + CHART_HEIGHT


class TrajectoryExplorer(Explorer):
    """Move through the steps of a sampler: several walks at once, the noised pictures and the predicted ones.

    Everything is computed ahead; a position is a look-up.

    Args:
        films: a film, or several to choose from by name: what a sampler's `watch` saw, from t = T to 0, with up to
            six walks (more are left out). All have the same number of walks, steps and the same size.
        recogniser: anything with `probabilities(x) -> (B, K)` and `classes`; what it reads in each predicted picture
            stands below it. Without one the place stays empty.

    Raises:
        CourseError: a film that is empty or has no end, or films that do not fit together.
    """

    def __init__(self, films: Film | Mapping[str, Film], recogniser: Any = None) -> None:
        named = {"walk": films} if isinstance(films, Film) else dict(films)
        if not named:
            raise CourseError("The explorer wants at least one film: pass what a sampler's watch has seen.")
        self.films = named
        self._check()
        first = next(iter(named.values()))
        self.times = first.times
        self.count = min(MOST, len(first.x_t[0]))
        self._bytes = {name: self._as_bytes(film) for name, film in named.items()}
        self._reads = {name: self._read(film, recogniser) for name, film in named.items()}
        self.distance = {name: film.still_to_change()[:, : self.count] for name, film in named.items()}
        self._charts: dict[str, tuple[Image.Image, Any]] = {}
        for name in named:
            self._chart(name)
        last = len(self.times) - 1
        # A frame is `every` steps of the sampler; the slider counts frames, and the sentence below says t.
        controls: dict[str, Any] = {"frame": whole(0, last, start=round(0.6 * last), label="way back")}
        if len(named) > 1:
            controls["film"] = choice({name: name for name in named}, label="walk")
        super().__init__(
            self._paint,
            name="Trajectory explorer",
            alt="Several walks from noise to pictures at the chosen step: above what the sampler holds, below the "
            "picture that the network expects; and a chart of how far that picture still is from the final one.",
            say=self._in_words,
            width=WIDTH,
            **controls,
        )

    def _check(self) -> None:
        films = list(self.films.values())
        for name, film in self.films.items():
            if not isinstance(film, Film) or len(film) < 2:
                raise CourseError(f"The film {name!r} has fewer than two frames: give its watch to a sampler first.")
            if film.times[-1] != 0:
                raise CourseError(f"The film {name!r} has no end: call film.end(x) with what the sampler returned.")
        if len({(tuple(film.times), tuple(film.x_t[0].shape)) for film in films}) > 1:
            raise CourseError("The films differ in their steps or pictures: let every sampler take the same steps.")

    def _as_bytes(self, film: Film) -> np.ndarray[Any, Any]:
        """(2, frames, N, H, W, C) uint8: x_t, then the predicted x0."""
        kept = [torch.stack(frames)[:, : self.count] for frames in (film.x_t, film.x0_hat)]
        # A network in its first steps may expect anything: what is beyond the range is cut off on the screen anyway.
        both = torch.stack(kept).nan_to_num().clamp(-4, 4)
        return to_uint8(both.flatten(0, 2)).reshape(2, len(film), self.count, *both.shape[-2:], both.shape[-3])

    def _read(self, film: Film, recogniser: Any) -> list[list[tuple[str, float]]] | None:
        """For each frame and walk, the likeliest class in the predicted x0 and its probability."""
        if recogniser is None:
            return None
        x0 = torch.stack(film.x0_hat)[:, : self.count]  # (frames, N, C, H, W)
        p, k = recogniser.probabilities(x0.flatten(0, 1).nan_to_num().clamp(-4, 4)).max(dim=1)
        found = [(str(recogniser.classes[i]), q) for i, q in zip(k.tolist(), p.tolist(), strict=True)]
        return [found[i : i + self.count] for i in range(0, len(found), self.count)]

    # ---- the picture

    def _name(self, state: State) -> str:
        return getattr(state, "film", next(iter(self.films)))

    def _paint(self, state: State) -> Image.Image:
        name = self._name(state)
        brush = Brush(WIDTH, HEIGHT, SCALE)
        chart, _ = self._chart(name)
        brush.paste(0, CHART_AT, chart)
        t = self.times[state.frame]
        brush.text(LEFT, ROWS_AT[0] - 12, f"t = {t}" + (": the pictures" if t == 0 else ""), bold=True)
        for row, words in enumerate((("x_t", "what is there"), ("x0", "expected"))):
            middle = ROWS_AT[row] + SIDE / 2
            brush.text(LEFT - 14, middle - 4, words[0], size=14, bold=True, anchor="rs")
            brush.text(LEFT - 14, middle + 14, words[1], size=11, fill=SOFT_INK, anchor="rs")
            for i in range(self.count):
                x = LEFT + i * (SIDE + GAP)
                brush.pixels(x, ROWS_AT[row], SIDE, self._bytes[name][row, state.frame, i])
        reads = self._reads[name]
        for i in range(self.count if reads else 0):
            assert reads is not None
            word, p = reads[state.frame][i]
            middle, label = LEFT + i * (SIDE + GAP) + SIDE / 2, f"{word} {100 * p:.0f} %"
            brush.text(middle, ROWS_AT[1] + SIDE + 16, label, size=11.5, bold=p > 0.9, anchor="ms", fill=SOFT_INK)
        brush.dot(*self.dot(state), COLOURS["x0"])
        return brush.image

    def dot(self, state: State) -> tuple[float, float]:
        """Where the dot of the chart is on the picture, in device pixels."""
        name = self._name(state)
        _, transform = self._chart(name)
        value = float(self.distance[name][state.frame].mean())
        x, y = transform.transform((self.times[state.frame], value))
        return float(x), round(CHART_AT * SCALE) + CHART_HEIGHT * SCALE - float(y)

    def _chart(self, name: str) -> tuple[Image.Image, Any]:
        """How far the expected pictures are from the final ones, against t: drawn once, and where a value lies."""
        if name in self._charts:
            return self._charts[name]
        distance = self.distance[name]
        with mpl.rc_context({**settings(), "axes.titlesize": 11.5, "axes.labelsize": 10, "axes.titlepad": 7}):
            figure = new_figure(WIDTH, CHART_HEIGHT)
            figure.set_layout_engine("none")
            figure.set_dpi(PIXELS_PER_INCH * SCALE)
            axes = figure.add_axes((LEFT / WIDTH, 0.27, 1 - (LEFT + 20) / WIDTH, 0.55))
            axes.plot(self.times, distance, color=GREY, linewidth=0.9, alpha=0.6)
            axes.plot(self.times, distance.mean(1), color=COLOURS["x0"])
            axes.set(xlim=(self.times[0], 0), ylim=(0, None), xlabel="step t", ylabel="distance")
            axes.set_title("How far the expected picture is from the final one (thin: each walk)")
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", dpi=PIXELS_PER_INCH * SCALE, pil_kwargs={"compress_level": 1})
            picture = Image.open(buffer).convert("RGB")
            self._charts[name] = (picture, axes.transData.frozen())
        return self._charts[name]

    def _in_words(self, state: State) -> str:
        name, t = self._name(state), self.times[state.frame]
        left = float(self.distance[name][state.frame].mean())
        words = f"t = {t} of {self.times[0]}: the expected pictures are {left:.2f} away from the final ones."
        reads = self._reads[name]
        if reads is None:
            return words
        final, now = reads[-1], reads[state.frame]
        agree = sum(a[0] == b[0] for a, b in zip(final, now, strict=True))
        return f"{words} In {agree} of {self.count} the recogniser already reads what it reads in the end."

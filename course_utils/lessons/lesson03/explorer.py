"""Lesson 03's explorer: how many clocks, how slow the slowest, and what they can tell apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from PIL import Image

from course_utils.lessons.lesson03.maps import paint
from course_utils.models.time import sinusoidal_embedding
from course_utils.models.timed import similarity_map, variance_shares
from course_utils.plots.style import INK, PURPLE, RULE, SOFT_INK, WIDTH
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import choice, real, whole
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5  # device pixels for a CSS pixel
POINTS = 226  # steps from 0 to 1000 on a map: two device pixels each
SIDE = round(POINTS * 2 / SCALE)  # CSS pixels of a map, 301
TOP, STRIPES_AT, MAP_AT, NOTES_AT = 40, 54, 398, 726
CURVE_TOP, CURVE_HEIGHT, HEIGHT = 416, 110, 560
RIGHT = 880  # where the curve's axis ends


class EmbeddingExplorer(Explorer):
    """Choose the number of features and the period of a sinusoidal embedding; see it, and which steps it likens.

    To the left the embedding itself, a row for each feature; to the right the cosine similarity of every two steps;
    below, the similarity of one step to all others, a row of that map. Beside them, how much of the variance of the
    embedding over all steps lies in its largest principal components.
    """

    def __init__(self) -> None:
        self.steps = torch.linspace(0, 1000, POINTS, dtype=torch.float64)
        self._made: tuple[Any, dict[str, Any]] | None = None
        super().__init__(
            self._paint,
            name="Embedding explorer",
            alt="The sinusoidal embedding of all steps as stripes, the similarity of every two steps as a map, and "
            "the similarity of the chosen step to all others as a curve.",
            say=self._in_words,
            width=WIDTH,
            features=whole(4, 128, start=64, label="features", step=2),
            period=real(0.5, 6.0, start=4.0, label="max_period = 10^", step=0.1),
            t=whole(0, 1000, start=300, label="step t"),
            told=choice({"t, from 0 to 1000": 1000.0, "t / T, from 0 to 1": 1.0}, label="the clocks get"),
        )

    def embedding(self, state: State) -> torch.Tensor:
        """(POINTS, features), float64: the embedding of steps from 0 to 1000, on the scale that was chosen."""
        return sinusoidal_embedding(self.steps * state.told / 1000, state.features, 10.0**state.period)

    def similarity(self, state: State) -> np.ndarray[Any, Any]:
        """(POINTS,): the cosine similarity of step t to all steps."""
        made = self._prepared(state)
        unit, own = (
            made["unit"],
            sinusoidal_embedding(
                torch.tensor([state.t * state.told / 1000], dtype=torch.float64), state.features, 10.0**state.period
            ),
        )
        return np.asarray(unit @ (own[0] / own[0].norm()))

    def shares(self, state: State) -> np.ndarray[Any, Any]:
        """The largest shares of the variance, four at most."""
        return np.asarray(self._prepared(state)["shares"])

    def _prepared(self, state: State) -> dict[str, Any]:
        """All that does not depend on t, kept until something else is chosen."""
        key = (state.features, state.period, state.told)
        if self._made is None or self._made[0] != key:
            embedding = self.embedding(state)
            likeness = similarity_map(embedding)
            self._made = (
                key,
                {
                    "unit": torch.nn.functional.normalize(embedding, dim=1),
                    "shares": variance_shares(embedding)[:4],
                    "stripes": _picture(embedding.T),
                    "map": _picture(likeness),
                    "lowest": float(likeness.min()),
                },
            )
        return self._made[1]

    # ---- the picture

    def _paint(self, state: State) -> Any:
        brush, made = Brush(WIDTH, HEIGHT, SCALE), self._prepared(state)
        place = state.t / 1000 * SIDE
        for left, what, title, down in (
            (STRIPES_AT, "stripes", "The embedding: a row a feature", "sines, then cosines"),
            (MAP_AT, "map", "Similarity of every two steps", "step t"),
        ):
            brush.text(left, TOP - 12, title, bold=True)
            brush.paste(left, TOP, made[what])
            brush.text(left + SIDE / 2, TOP + SIDE + 18, "step, 0 to 1000", size=11.5, fill=SOFT_INK, anchor="ms")
            self._paint_upright(brush, left - 24, TOP + SIDE / 2, down)
        brush.bar(STRIPES_AT + place - 0.75, TOP, 1.5, SIDE, INK)
        brush.bar(MAP_AT, TOP + place - 0.75, SIDE, 1.5, INK)
        self._paint_notes(brush, state, made)
        self._paint_curve(brush, state)
        return brush.image

    def _paint_upright(self, brush: Brush, x: float, y: float, text: str) -> None:
        """A text that reads upwards, centred at (x, y)."""
        own = Brush(round(brush.text_width(text, 11.5)) + 4, 18, SCALE)
        own.text(2, 13, text, size=11.5, fill=SOFT_INK)
        picture = own.image.transpose(Image.Transpose.ROTATE_90)
        brush.paste(x, y - picture.height / SCALE / 2, picture)

    def _paint_notes(self, brush: Brush, state: State, made: dict[str, Any]) -> None:
        brush.text(NOTES_AT, TOP + 12, "Share of the variance", bold=True)
        for row in range(4):
            y = TOP + 26 + row * 30
            share = float(made["shares"][row]) if row < len(made["shares"]) else 0.0
            brush.text(NOTES_AT, y + 12, f"component {row + 1}", size=11.5, fill=SOFT_INK)
            brush.text(RIGHT, y + 12, f"{100 * share:.0f} %", size=11.5, bold=True, anchor="rs")
            brush.bar(NOTES_AT, y + 17, RIGHT - NOTES_AT, 6, RULE)
            brush.bar(NOTES_AT, y + 17, (RIGHT - NOTES_AT) * share, 6, PURPLE)
        for row, (text, fill) in enumerate(
            (
                ("Colours: blue −1,", SOFT_INK),
                ("paper 0, red +1.", SOFT_INK),
                ("", INK),
                ("Least similar steps:", INK),
                (f"{made['lowest']:+.2f}".replace("-", "−"), INK),
                ("Turns on the way:", INK),
                (f"{self.turns(state)[0]:.3g} to {self.turns(state)[1]:.2g}", INK),
            )
        ):
            brush.text(NOTES_AT, TOP + 172 + row * 20, text, size=11.5, fill=fill)

    def turns(self, state: State) -> tuple[float, float]:
        """How often the fastest and the slowest clock go round from t = 0 to t = 1000."""
        half = state.features // 2
        slowest = 10.0 ** (-state.period * (half - 1) / half)
        return state.told / (2 * math.pi), state.told * slowest / (2 * math.pi)

    def curve(self, state: State) -> list[tuple[float, float]]:
        """Where the curve of similarity runs, in device pixels."""
        wide = RIGHT - STRIPES_AT
        return [
            ((STRIPES_AT + wide * k / (POINTS - 1)) * SCALE, (CURVE_TOP + CURVE_HEIGHT * (1 - value) / 2) * SCALE)
            for k, value in enumerate(self.similarity(state).tolist())
        ]

    def _paint_curve(self, brush: Brush, state: State) -> None:
        wide = RIGHT - STRIPES_AT
        brush.text(STRIPES_AT, CURVE_TOP - 14, f"Similarity of step {state.t} to each step", bold=True)
        for value in (1, 0, -1):
            y = CURVE_TOP + CURVE_HEIGHT * (1 - value) / 2
            brush.bar(STRIPES_AT, y - 0.5, wide, 1, RULE)
            brush.text(STRIPES_AT - 8, y, f"{value}".replace("-", "−"), size=11.5, fill=SOFT_INK, anchor="rm")
        for step in range(0, 1001, 250):
            x = STRIPES_AT + wide * step / 1000
            brush.text(x, CURVE_TOP + CURVE_HEIGHT + 20, str(step), size=11.5, fill=SOFT_INK, anchor="ms")
        brush.draw.line(self.curve(state), fill=PURPLE, width=round(2 * SCALE), joint="curve")
        brush.dot((STRIPES_AT + wide * state.t / 1000) * SCALE, CURVE_TOP * SCALE, PURPLE)

    def _in_words(self, state: State) -> str:
        shares, told = self.shares(state), "t" if state.told == 1000 else "t / T"
        made = self._prepared(state)
        return (
            f"{state.features} features of {told}, max_period {10.0**state.period:,.0f}: the largest component holds "
            f"{100 * float(shares[0]):.0f} % of the variance, and the least similar two steps have similarity "
            f"{made['lowest']:.2f}. Step {state.t} is marked."
        )


def _picture(table: torch.Tensor) -> Image.Image:
    """A map (n, POINTS) with values in [-1, 1] as a square picture of SIDE by SIDE."""
    side = round(SIDE * SCALE)
    return Image.fromarray(paint(table)).resize((side, side), Image.Resampling.NEAREST)

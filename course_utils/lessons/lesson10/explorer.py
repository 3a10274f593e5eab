"""Lesson 10's explorer: damage pictures on purpose, choose how many are judged, and see which figure notices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from course_utils import data
from course_utils.errors import CourseError
from course_utils.lessons.lesson10.damages import blur, repeated, without_classes
from course_utils.metrics import frechet_distance, inception_score, kernel_distance, precision_recall, recogniser
from course_utils.plots.images import to_uint8
from course_utils.plots.style import BLUE, INK, RULE, SOFT_INK, WIDTH
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import choice, stops
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5
LEFT, RIGHT, GAP, SIDE, SHOWN = 160, 90, 6, 84, 8  # CSS pixels; and pictures in the row
TOP, LINE, BAR = 24, 42, 16
DAMAGES = ("blur", "grain", "classes lost", "few pictures")
STRENGTHS = ("none", "slight", "strong", "extreme")
FIGURES = ("Fréchet distance", "kernel distance", "inception score", "precision", "recall")


class JudgingExplorer(Explorer):
    """Choose a damage, how strong it is, and how many pictures are judged; each figure stands beside its floor.

    The floor is the same figure for other real pictures, with as many of them. All is computed when the explorer is
    made, so that a draw only paints.

    Args:
        dataset, size: the pictures; their recogniser reads them.
        counts: numbers of pictures to choose from, rising, two or more. Those for which there are too few held-out
            pictures are left out.
        seed: which pictures, and which grain.

    Raises:
        CourseError: counts that do not rise, or fewer than two for which there are pictures.
    """

    def __init__(self, dataset: str, size: int, *, counts: Sequence[int] = (45, 180, 600), seed: int = 0) -> None:
        held_out = (
            2 * counts[-1] if dataset == "flowers" else min(2 * counts[-1], len(data.load(dataset, split="test")))
        )
        fitting = [n for n in counts if 2 * n <= held_out]
        if len(fitting) < 2 or any(b <= a for a, b in pairwise(fitting)) or fitting[0] < 8:
            raise CourseError(
                f"The explorer needs two numbers of pictures or more, rising, from 8 to {held_out // 2}: they "
                f"are {counts}."
            )
        self.counts, most = tuple(fitting), fitting[-1]
        pictures = data.load(dataset, n=2 * most, size=size, split="test", seed=seed)
        x, labels = pictures.images[:most], pictures.labels[:most]
        self._reader = recogniser(dataset)
        self._target = self._reader.features(pictures.images[most:])
        damaged = _all_damages(x, labels, len(pictures.classes), torch.Generator().manual_seed(seed))
        self.values: dict[tuple[str, str, int], tuple[float, ...]] = {}
        self._rows = {key: to_uint8(images[:SHOWN]) for key, images in damaged.items()}
        for key, images in damaged.items():
            if key[1] == STRENGTHS[0] and key[0] != DAMAGES[0]:  # nothing was done: the same pictures for all damages
                found = {n: self.values[DAMAGES[0], key[1], n] for n in fitting}
            else:
                found = self._judged(images)
            self.values |= {(*key, n): value for n, value in found.items()}
        self._largest = [max(1e-9, *(abs(value[k]) for value in self.values.values())) for k in range(len(FIGURES))]
        super().__init__(
            self._paint,
            name="Judging explorer",
            alt="A row of pictures, damaged on purpose; below it five figures that judge them, each as a bar, "
            "with a mark "
            "where real pictures stand.",
            say=self._in_words,
            width=WIDTH,
            damage=choice(list(DAMAGES), label="damage"),
            strength=stops(list(STRENGTHS), start=STRENGTHS[2], label="strength"),
            n=stops(list(fitting), start=fitting[len(fitting) // 2], label="pictures judged"),
        )

    def floor(self, n: int) -> tuple[float, ...]:
        """The figures of n undamaged pictures."""
        return self.values[DAMAGES[0], STRENGTHS[0], n]

    def _judged(self, images: Tensor) -> dict[int, tuple[float, ...]]:
        """n -> the figures of the first n of these images."""
        features, probabilities = self._reader.features(images), self._reader.probabilities(images)
        found: dict[int, tuple[float, ...]] = {}
        for n in self.counts:
            a, b = features[:n], self._target[:n]
            precision, recall = precision_recall(b, a)
            score = inception_score(probabilities[:n])
            found[n] = (frechet_distance(a, b), kernel_distance(a, b), score, precision, recall)
        return found

    # ---- the picture

    def _paint(self, state: State) -> Any:
        brush = Brush(WIDTH, TOP + SIDE + 30 + len(FIGURES) * LINE, SCALE)
        brush.text(LEFT - 14, TOP + SIDE / 2, state.damage, size=15, bold=True, anchor="rs")
        brush.text(LEFT - 14, TOP + SIDE / 2 + 19, state.strength, fill=SOFT_INK, anchor="rs")
        for k, picture in enumerate(self._rows[state.damage, state.strength]):
            brush.pixels(LEFT + k * (SIDE + GAP), TOP, SIDE, picture)
        values, floors = self.values[state.damage, state.strength, state.n], self.floor(state.n)
        for k, (name, value, floor) in enumerate(zip(FIGURES, values, floors, strict=True)):
            self._paint_figure(brush, TOP + SIDE + 34 + k * LINE, name, value, floor, self._largest[k])
        return brush.image

    def _paint_figure(self, brush: Brush, y: float, name: str, value: float, floor: float, largest: float) -> None:
        room = WIDTH - LEFT - RIGHT
        brush.text(LEFT - 14, y + 13, name, anchor="rs")
        brush.bar(LEFT, y, room, BAR, RULE)
        brush.bar(LEFT, y, room * max(0.0, value) / largest, BAR, BLUE)
        brush.text(LEFT + room + 12, y + 13, f"{value:.2f}", bold=True)
        at = LEFT + room * max(0.0, floor) / largest
        brush.bar(at - 1, y - 5, 2, BAR + 10, INK)
        words = f"real pictures {floor:.2f}"
        wide = brush.text_width(words, 11)
        brush.text(
            min(max(at, LEFT + wide / 2), LEFT + room - wide / 2),
            y + BAR + 16,
            words,
            size=11,
            fill=SOFT_INK,
            anchor="ms",
        )

    def _in_words(self, state: State) -> str:
        values, floors = self.values[state.damage, state.strength, state.n], self.floor(state.n)
        told = ", ".join(f"{n} {v:.2f} ({f:.2f})" for n, v, f in zip(FIGURES, values, floors, strict=True))
        return f"{state.damage}, {state.strength}, {state.n} pictures: {told}. In brackets: undamaged real pictures."


def _all_damages(x: Tensor, labels: Tensor, classes: int, generator: torch.Generator) -> dict[tuple[str, str], Tensor]:
    """(damage, strength) -> images, as many as there are of `x`."""
    noise = torch.randn(x.shape, generator=generator)
    found = {}
    widths, strengths, lost, kinds = (0.0, 0.5, 0.8, 1.5), (0.0, 0.1, 0.25, 0.6), (0.0, 0.2, 0.5, 0.8), (1, 4, 16, 64)
    for k, strength in enumerate(STRENGTHS):
        found["blur", strength] = blur(x, widths[k])
        found["grain", strength] = (x + strengths[k] * noise).clamp(-1, 1)
        found["classes lost", strength] = without_classes(x, labels, round(lost[k] * classes))
        found["few pictures", strength] = repeated(x, max(2, len(x) // kinds[k]))
    return found

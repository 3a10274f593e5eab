"""Lesson 06's explorer: what the same noises become, by number of steps and share of fresh noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from course_utils.diffusion import posterior_variance
from course_utils.errors import CourseError
from course_utils.plots.images import to_uint8
from course_utils.plots.style import COLOURS, RULE, SOFT_INK, WIDTH
from course_utils.samplers import Predict, ddim_step, respace
from course_utils.samplers.predict import times_for
from course_utils.widgets.brush import Brush
from course_utils.widgets.controls import stops
from course_utils.widgets.explorer import Explorer, State

SCALE = 1.5  # device pixels for a CSS pixel: sharp enough on a fine screen, and quick to encode
LEFT, GAP = 128, 6  # CSS pixels: room for the names of the rows, and between two pictures
LARGEST_SIDE = 112
TOP, ROW_GAP = 14, 12
CHART_HEIGHT, CHART_ROOM = 64, 138  # the bars of fresh noise, and all that is drawn about them


class SamplingExplorer(Explorer):
    """Choose a number of steps and eta; the upper row is what a few noises become, the lower the same with most steps.

    All settings are computed when the explorer is made, all values of eta in one batch, so that a draw only pastes.
    The fresh noise of a step is the same for every eta.

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        noises: (N, C, H, W), standard normal: where each picture begins. Up to 8 fit in a row.
        alpha_bar: (T + 1,).
        steps: the numbers of steps to choose from, rising.
        etas: the values of eta to choose from, from 0, rising.
        seed: of the fresh noise.

    Raises:
        CourseError: fewer than two step counts or two etas, not in order, or numbers of steps that do not fit the
            schedule.
    """

    def __init__(
        self,
        predict: Predict,
        noises: Tensor,
        alpha_bar: Tensor,
        *,
        steps: Sequence[int] = (2, 3, 5, 10, 20, 50),
        etas: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
        seed: int = 0,
    ) -> None:
        if noises.ndim != 4 or not 1 <= len(noises) <= 8:
            raise CourseError(
                f"The explorer shows up to 8 pictures: give noises of shape (N, C, H, W), not {tuple(noises.shape)}."
            )
        if any(later <= earlier for values in (steps, etas) for earlier, later in pairwise(values)):
            raise CourseError("The explorer's steps and etas rise from left to right: sort them.")
        if not etas or etas[0] != 0:
            raise CourseError("The first eta is 0: the lower row shows it.")
        self.alpha_bar = alpha_bar
        self.pictures = {
            (count, eta): to_uint8(x)
            for count in steps
            for eta, x in zip(etas, _all_etas(predict, noises, alpha_bar, count, etas, seed), strict=True)
        }
        self._best = (steps[-1], etas[0])
        n = len(noises)
        self._side = min(LARGEST_SIDE, (WIDTH - LEFT - GAP) // n - GAP)
        self._height = TOP + 2 * (self._side + ROW_GAP) + CHART_ROOM
        self._largest_sigma = max(max(sigmas(alpha_bar, count, etas[-1])) for count in steps) or 1.0
        middle = steps[len(steps) // 2]
        super().__init__(
            self._paint,
            name="Sampling explorer",
            alt="A row of pictures made from a few noises with the chosen number of steps and share of fresh noise; "
            "below it the same noises with most steps and no fresh noise; below that, the steps that are visited and "
            "the fresh noise that each adds.",
            say=self._in_words,
            width=WIDTH,
            steps=stops(list(steps), start=middle, label="steps"),
            eta=stops({f"{eta:g}": eta for eta in etas}, label="eta"),
        )

    def distance(self, state: State) -> float:
        """How far the upper row is from the lower: root mean square, where black to white is 2."""
        here, best = (self.pictures[key].astype(float) for key in ((state.steps, state.eta), self._best))
        return float(((here - best) ** 2).mean() ** 0.5) / 127.5

    # ---- the picture

    def _paint(self, state: State) -> Any:
        brush = Brush(WIDTH, self._height, SCALE)
        best_steps, best_eta = self._best
        here, best = self.pictures[state.steps, state.eta], self.pictures[self._best]
        self._paint_row(brush, TOP, here, _plural(state.steps), f"eta {state.eta:g}", bold=True)
        below = TOP + self._side + ROW_GAP
        self._paint_row(brush, below, best, _plural(best_steps), f"eta {best_eta:g}", bold=False)
        self._paint_steps(brush, below + self._side + ROW_GAP, state)
        return brush.image

    def _paint_row(self, brush: Brush, y: float, row: Any, name: str, detail: str, bold: bool) -> None:
        middle = y + self._side / 2
        brush.text(LEFT - 14, middle - 3, name, size=15, bold=bold, anchor="rs")
        brush.text(LEFT - 14, middle + 16, detail, size=13, fill=SOFT_INK, anchor="rs")
        for k, picture in enumerate(row):
            brush.pixels(LEFT + k * (self._side + GAP), y, self._side, picture)

    def _paint_steps(self, brush: Brush, y: float, state: State) -> None:
        """The times that are visited, from noise on the left to data on the right, and the fresh noise of each step."""
        T = len(self.alpha_bar) - 1
        width = WIDTH - LEFT - 24
        floor = y + 26 + CHART_HEIGHT
        brush.text(LEFT, y + 16, "The steps it takes, and the fresh noise that each adds (sigma)", bold=True)
        brush.bar(LEFT, floor, width, 1.5, SOFT_INK)
        times = respace(T, state.steps).tolist()
        for (_, s), sigma in zip(pairwise(times), sigmas(self.alpha_bar, state.steps, state.eta), strict=True):
            # At the time that the step reaches, where its noise comes in.
            x, high = LEFT + width * (1 - s / T), CHART_HEIGHT * sigma / self._largest_sigma
            if high >= 1:
                brush.bar(x - 2, floor - high, 4, high, COLOURS["noise"])
        for t in times:
            brush.bar(LEFT + width * (1 - t / T) - 0.75, floor, 1.5, 8, COLOURS["DDIM"])
        brush.bar(LEFT, floor - CHART_HEIGHT, width, 1, RULE)
        brush.text(LEFT - 14, floor - CHART_HEIGHT + 4, f"{self._largest_sigma:.2f}", fill=SOFT_INK, anchor="rs")
        brush.text(LEFT - 14, floor + 4, "0", fill=SOFT_INK, anchor="rs")
        brush.text(LEFT, floor + 26, f"t = {T}, noise", fill=SOFT_INK)
        brush.text(LEFT + width, floor + 26, "t = 0, data", fill=SOFT_INK, anchor="rs")

    def _in_words(self, state: State) -> str:
        far = self.distance(state)
        same = "the same as" if far == 0 else f"{far:.2f} away from"
        return (
            f"{_plural(state.steps)}, eta {state.eta:g}: {state.steps} questions to the network for each picture. "
            f"The row is {same} the one below ({_plural(self._best[0])}, eta {self._best[1]:g}), root mean square, "
            "where black to white is 2."
        )


def sigmas(alpha_bar: Tensor, steps: int, eta: float) -> list[float]:
    """The standard deviation of the fresh noise of each step, from the first to the last (DDIM, eq. 16)."""
    second = torch.tensor([2])
    times = respace(len(alpha_bar) - 1, steps).tolist()
    # From s to t as the second step of a schedule of two.
    return [eta * posterior_variance(second, alpha_bar[[0, s, t]]).item() ** 0.5 for t, s in pairwise(times)]


@torch.no_grad()
def _all_etas(
    predict: Predict, noises: Tensor, alpha_bar: Tensor, steps: int, etas: Sequence[float], seed: int
) -> Tensor:
    """The results for every eta, (etas, N, C, H, W), in one batch; each eta meets the same fresh noise."""
    generator = torch.Generator().manual_seed(seed)
    n, repeats = len(noises), (len(etas), *[1] * (noises.ndim - 1))
    eta = torch.tensor(etas, dtype=torch.float64).repeat_interleave(n)  # (etas * N,)
    x = noises.repeat(repeats)  # (etas * N, C, H, W)
    for t, s in pairwise(respace(len(alpha_bar) - 1, steps).tolist()):
        z = torch.randn(noises.shape, generator=generator).to(noises).repeat(repeats)
        x = ddim_step(x, predict(x, times_for(x, t, alpha_bar)), t, s, alpha_bar, eta, z)
    return x.clamp(-1, 1).reshape(len(etas), *noises.shape)


def _plural(steps: int) -> str:
    return f"{steps} step" + ("s" if steps != 1 else "")

"""What one sees while a training runs: a bar, and in a notebook a curve that grows. Silent where nobody watches."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Any

from tqdm import tqdm

from course_utils.environment import QUIET_VARIABLE

REDRAW_EVERY = 1.0  # seconds
POINTS = 60  # of the curve: each is the mean of as many losses as it takes
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 220, 64, 34, 26
PAPER, INK, RULE, LINE = "#FBF8F1", "#23262F", "#E3DCCC", "#0072B2"  # as in plots.style, which is a floor above


class Progress:
    """The bar of one training, with the loss and the images a second, and the curve if `live`."""

    def __init__(self, title: str, done: int, steps: int, quiet: bool, live: bool) -> None:
        watched = not quiet and someone_watches()
        self._bar = tqdm(total=steps, initial=done, desc=title, leave=False, disable=not watched, file=sys.stdout)
        self._curve = LiveCurve(title, steps) if live and watched and in_notebook() else None

    def __enter__(self) -> Progress:
        return self

    def update(self, losses: list[float], images_per_second: float) -> None:
        """One step more."""
        if self._bar.disable:
            return
        self._bar.set_postfix_str(f"loss {losses[-1]:.3f}, {images_per_second:,.0f} images/s", refresh=False)
        self._bar.update()
        if self._curve is not None:
            self._curve.update(losses)

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        if self._curve is not None:
            self._curve.close()


class LiveCurve:
    """The smoothed loss so far, in one picture that is replaced once a second.

    It is drawn as a few hundred bytes of SVG, which takes less than a thousandth of a second: a figure of matplotlib
    would take as long as a training step or more.
    """

    def __init__(self, title: str, steps: int) -> None:
        self._title, self._steps = title, steps
        self._handle: Any = None
        self._losses: list[float] = []
        self._drawn = -math.inf

    def update(self, losses: list[float]) -> None:
        self._losses = losses
        if time.monotonic() - self._drawn >= REDRAW_EVERY:
            self._draw()

    def close(self) -> None:
        if self._losses:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        words = (
            f"{self._title}: loss {smooth(self._losses)[-1][1]:.4g} after {len(self._losses)} of {self._steps} steps"
        )
        picture = {"image/svg+xml": curve_svg(self._losses, self._steps, words), "text/plain": words}
        if self._handle is None:
            self._handle = display(picture, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(picture, raw=True)
        self._drawn = time.monotonic()


def smooth(losses: list[float], points: int = POINTS) -> list[tuple[float, float]]:
    """(step, mean loss) of at most `points` neighbouring groups of losses."""
    size = max(1, math.ceil(len(losses) / points))
    groups = [losses[k : k + size] for k in range(0, len(losses), size)]
    return [(k * size + (len(group) + 1) / 2, sum(group) / len(group)) for k, group in enumerate(groups)]


def curve_svg(losses: list[float], steps: int, words: str) -> str:
    """The curve over all `steps`, on a logarithmic axis where every loss is above zero."""
    points = smooth(losses)
    scale = math.log10 if min(y for _, y in points) > 0 else float
    low, high = scale(min(y for _, y in points)), scale(max(y for _, y in points))
    span = (high - low) or 1.0

    def place(step: float, loss: float) -> str:
        x = LEFT + (WIDTH - LEFT - 16) * step / max(1, steps)
        y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (scale(loss) - low) / span
        return f"{x:.1f},{y:.1f}"

    base = HEIGHT - BOTTOM
    ends = [(TOP, max(y for _, y in points)), (base, min(y for _, y in points))]
    marks = "".join(
        f'<path d="M{LEFT} {y}H{WIDTH - 16}" stroke="{RULE}"/>'
        f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value:.3g}</text>'
        for y, value in ends
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{_safe(words)}" font-family="sans-serif" font-size="12" fill="{INK}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>'
        f'<text x="{LEFT}" y="16">{_safe(words)}</text>{marks}'
        f'<text x="{LEFT}" y="{HEIGHT - 12}">0</text>'
        f'<text x="{WIDTH - 16}" y="{HEIGHT - 12}" text-anchor="end">step {steps}</text>'
        f'<polyline fill="none" stroke="{LINE}" stroke-width="2" points="{" ".join(place(*p) for p in points)}"/></svg>'
    )


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def someone_watches() -> bool:
    """True in a terminal or a notebook's kernel, false in a log file, a pipe, a test, or with COURSE_QUIET set."""
    return not os.environ.get(QUIET_VARIABLE) and (in_notebook() or sys.stdout.isatty())


def in_notebook() -> bool:
    """True in the kernel of a notebook."""
    return "ipykernel" in sys.modules and "IPython" in sys.modules

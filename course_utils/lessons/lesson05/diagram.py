"""The residual block as a drawing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from course_utils import plots
from course_utils.plots.output import ShownFigure, new_figure
from course_utils.plots.style import BLUE, INK, ORANGE, PAPER, SOFT_INK, WIDTH

HEIGHT = 270  # CSS pixels; the drawing is made in these
MAIN, ABOVE, BELOW = 116, 190, 38  # where the main way, the skip and the time run, from below
BOX, TALL, STEP = 80, 40, 98  # a box's width and height, and from one to the next
CHAIN = ("norm1", "GELU", "conv1", "norm2", "modulate", "GELU", "conv2")
LEARNED = ("norm1", "conv1", "norm2", "conv2")
ALT = (
    "A residual block from left to right. From x one way leads through norm1, GELU, conv1, norm2, modulate, GELU and "
    "conv2 to a plus sign. A second way leads from x over the skip, which is yours to choose, to the same plus sign, "
    "and from there the sum is y. Into modulate comes from below the time, through a linear layer, as scale and shift."
)


def residual_block() -> ShownFigure:
    """Draw the course's residual block and show it: a chain of seven parts, the skip over it, the time from below."""
    figure = new_figure(WIDTH, HEIGHT)
    figure.set_layout_engine("none")  # every place is given
    panel = figure.add_axes((0, 0, 1, 1))
    panel.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    panel.set_axis_off()

    panel.set_title("A residual block adds what it learns", y=1, pad=-22, x=0.012)

    places = [118 + STEP * k for k in range(len(CHAIN))]  # the middles of the boxes
    fork, plus, out = 52, places[-1] + BOX / 2 + 46, WIDTH - 24
    panel.text(22, MAIN, "$x$", ha="center", va="center", size=17, style="italic")
    panel.text(out, MAIN, "$y$", ha="center", va="center", size=17, style="italic")
    _arrow(panel, (34, MAIN), (places[0] - BOX / 2, MAIN))
    for name, x in zip(CHAIN, places, strict=True):
        _box(panel, name, x, MAIN, BLUE if name in LEARNED else SOFT_INK)
    for before, after in pairwise(places):
        _arrow(panel, (before + BOX / 2, MAIN), (after - BOX / 2, MAIN))
    _arrow(panel, (places[-1] + BOX / 2, MAIN), (plus - 14, MAIN))
    panel.add_patch(Circle((plus, MAIN), 14, fc=PAPER, ec=INK, lw=1.6, zorder=3))
    panel.text(plus, MAIN, "+", ha="center", va="center_baseline", size=17, zorder=4)
    _arrow(panel, (plus + 14, MAIN), (out - 12, MAIN))

    middle = (fork + plus) / 2
    panel.plot([fork, fork, middle - BOX / 2], [MAIN, ABOVE, ABOVE], color=INK, lw=1.6, solid_joinstyle="round")
    panel.plot([fork], [MAIN], "o", color=INK, ms=5)
    _box(panel, "skip", middle, ABOVE, ORANGE, dashed=True)
    panel.plot([middle + BOX / 2, plus], [ABOVE, ABOVE], color=INK, lw=1.6)
    _arrow(panel, (plus, ABOVE), (plus, MAIN + 14))
    panel.text(middle + BOX / 2 + 12, ABOVE + 7, "for you to choose", va="bottom", size=10, color=SOFT_INK)

    told = places[CHAIN.index("modulate")]
    linear = told - STEP
    panel.text(linear - STEP, BELOW, "time", ha="center", va="center", size=11.5)
    _arrow(panel, (linear - STEP + 22, BELOW), (linear - BOX / 2, BELOW))
    _box(panel, "linear", linear, BELOW, BLUE)
    panel.plot([linear + BOX / 2, told], [BELOW, BELOW], color=INK, lw=1.6)
    _arrow(panel, (told, BELOW), (told, MAIN - TALL / 2))
    panel.text(told + 10, (BELOW + MAIN - TALL / 2) / 2, "scale, shift", va="center", size=10, color=SOFT_INK)
    panel.text(WIDTH - 12, 12, "blue: has weights", ha="right", va="bottom", size=10, color=BLUE)
    plots.show(figure, alt=ALT)
    return figure


def _box(panel: Any, name: str, x: float, y: float, colour: str, dashed: bool = False) -> None:
    corner = (x - BOX / 2, y - TALL / 2)
    box = FancyBboxPatch(corner, BOX, TALL, boxstyle="round,pad=0,rounding_size=7", fc=colour + "22", ec=colour, lw=1.6)
    box.set_linestyle((0, (3, 2)) if dashed else "-")
    panel.add_patch(box)
    panel.text(x, y, name, ha="center", va="center", size=10.5)


def _arrow(panel: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    panel.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=13, shrinkA=0, shrinkB=0, color=INK, lw=1.6)
    )

"""Lesson 02's drawing of the U-Net: blocks, the way through the depth, and the skips across."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from course_utils.plots.output import ShownFigure, new_figure, show
from course_utils.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PAPER, RULE, SKY, SOFT_INK, VERMILLION, settings

WIDE, TALL = 900, 452  # CSS pixels
ROWS = {"16 × 16": (50, 182), "8 × 8": (190, 320), "4 × 4": (328, 444)}  # top and bottom of each level
TOP, MIDDLE, BOTTOM = 124, 262, 386  # where the blocks of each level lie
LEFT, CENTRE, RIGHT = 205, 422, 640
BOX = (124, 52)
PIXEL = 2.6  # CSS pixels for a pixel of a feature map
TITLE = "Down to where a small square sees the whole, and up again with what was kept"
ALT = (
    "A U-Net of depth 2. On the left two DownBlocks, one below the other: 3 × 16 × 16 becomes w × 8 × 8, and that "
    "2w × 4 × 4. At the bottom the middle, a ConvBlock, makes 4w × 4 × 4 of it. On the right two UpBlocks, from the "
    "bottom up: 2w × 8 × 8, then w × 16 × 16, of which a 1 × 1 convolution makes the guess, 3 × 16 × 16. Two "
    "skips run across from left to right, w × 16 × 16 at the top and 2w × 8 × 8 below it."
)


def draw_unet() -> ShownFigure:
    """Show the U-Net of depth 2 for colour images of 16 px; sizes are channels × height × width, w is the width."""
    with mpl.rc_context(settings()):
        figure = new_figure(WIDE, TALL)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDE), ylim=(TALL, 0))
        axes.axis("off")
        axes.text(14, 26, TITLE, fontsize=13, fontweight="bold", va="center")
        _levels(axes)
        _skip(axes, TOP, 16, 3, "w × 16 × 16")
        _skip(axes, MIDDLE, 8, 5, "2w × 8 × 8")
        _the_way_through(axes)
        for x, y, name, channels, colour in (
            (LEFT, TOP, "DownBlock", "3 → w", BLUE),
            (LEFT, MIDDLE, "DownBlock", "w → 2w", BLUE),
            (CENTRE, BOTTOM, "ConvBlock", "2w → 4w", INK),
            (RIGHT, MIDDLE, "UpBlock", "4w + 2w → 2w", VERMILLION),
            (RIGHT, TOP, "UpBlock", "2w + w → w", VERMILLION),
        ):
            _box(axes, x, y, name, channels, colour)
        show(figure, ALT)
    return figure


def _levels(axes: Any) -> None:
    for name, (top, bottom) in ROWS.items():
        axes.add_patch(Rectangle((8, top), WIDE - 16, bottom - top, facecolor=RULE, alpha=0.42, lw=0, zorder=0))
        axes.text(18, bottom - 12, f"{name} pixels", fontsize=9.5, color=SOFT_INK, va="center")


def _box(axes: Any, x: float, y: float, name: str, channels: str, colour: str) -> None:
    wide, tall = BOX
    look: Any = {"boxstyle": "round,pad=0,rounding_size=9", "facecolor": PAPER, "edgecolor": colour, "linewidth": 2}
    axes.add_patch(FancyBboxPatch((x - wide / 2, y - tall / 2), wide, tall, zorder=3, **look))
    axes.text(x, y - 9, name, fontsize=11.5, fontweight="bold", color=colour, ha="center", va="center", zorder=4)
    axes.text(x, y + 12, channels, fontsize=9.5, color=INK, ha="center", va="center", zorder=4)


def _arrow(axes: Any, points: Sequence[tuple[float, float]], colour: str = INK, wide: float = 1.8) -> None:
    """A line through the points, with a head at the last."""
    if len(points) > 2:
        *_, (x, y), _ = points
        axes.plot(*zip(*points[:-1], strict=True), color=colour, lw=wide, solid_capstyle="butt", zorder=2)
        points = [(x, y), points[-1]]
    look: Any = {"arrowstyle": "-|>,head_length=6,head_width=3.4", "shrinkA": 0, "shrinkB": 0, "joinstyle": "miter"}
    axes.add_patch(FancyArrowPatch(points[0], points[1], color=colour, linewidth=wide, zorder=2, **look))


def _maps(axes: Any, x: float, y: float, size: int, colours: Sequence[str]) -> None:
    """A pile of feature maps around (x, y), the first one in front."""
    side, shift = size * PIXEL, 3.2
    whole = side + shift * (len(colours) - 1)
    for k in reversed(range(len(colours))):
        corner = (x - whole / 2 + shift * k, y + whole / 2 - side - shift * k)
        look: Any = {"facecolor": colours[k], "edgecolor": PAPER, "linewidth": 1, "zorder": 3}
        axes.add_patch(Rectangle(corner, side, side, **look))


def _skip(axes: Any, y: float, size: int, maps: int, text: str) -> None:
    wide = BOX[0] / 2
    _arrow(axes, [(LEFT + wide, y), (RIGHT - wide - 2, y)], GREEN, 2.6)
    _maps(axes, 330, y, size, [GREEN] * maps)
    axes.text(455, y - 10, f"skip  {text}", fontsize=10.5, color=GREEN, fontweight="bold", ha="center", va="center")


def _the_way_through(axes: Any) -> None:
    wide, tall = BOX[0] / 2, BOX[1] / 2
    _arrow(axes, [(88, TOP), (LEFT - wide - 2, TOP)])
    _maps(axes, 60, TOP, 16, [VERMILLION, GREEN, BLUE])
    axes.text(62, TOP - 54, "noisy picture", fontsize=10.5, ha="center", va="center")
    axes.text(62, TOP - 37, "3 × 16 × 16", fontsize=10.5, ha="center", va="center")
    _arrow(axes, [(LEFT, TOP + tall), (LEFT, MIDDLE - tall - 2)])
    _arrow(axes, [(LEFT, MIDDLE + tall), (LEFT, BOTTOM), (CENTRE - wide - 2, BOTTOM)])
    _arrow(axes, [(CENTRE + wide, BOTTOM), (RIGHT, BOTTOM), (RIGHT, MIDDLE + tall + 2)])
    _arrow(axes, [(RIGHT, MIDDLE - tall), (RIGHT, TOP + tall + 2)])
    for x, y, size, count, colour in (
        (LEFT, 200, 8, 3, SKY),
        (290, BOTTOM, 4, 5, SKY),
        (560, BOTTOM, 4, 9, ORANGE),
        (RIGHT, 203, 8, 5, ORANGE),
    ):
        _maps(axes, x, y, size, [colour] * count)
    for x, y, text, side in (
        (LEFT - 26, 203, "w × 8 × 8", "right"),
        (290, BOTTOM - 26, "2w × 4 × 4", "center"),
        (560, BOTTOM - 32, "4w × 4 × 4", "center"),
        (RIGHT + 30, 203, "2w × 8 × 8", "left"),
        (CENTRE, BOTTOM + 38, "the middle", "center"),
    ):
        axes.text(x, y, text, fontsize=10.5, ha=side, va="center")
    _arrow(axes, [(RIGHT + wide, TOP), (812, TOP)])
    look: Any = {
        "boxstyle": "round,pad=0.35,rounding_size=0.4",
        "facecolor": PAPER,
        "edgecolor": GREY,
        "linewidth": 1.6,
    }
    axes.text(
        757, TOP, "1 × 1", fontsize=10.5, ha="center", va="center", color=GREY, fontweight="bold", bbox=look, zorder=4
    )
    axes.text(757, TOP + 27, "convolution", fontsize=9.5, ha="center", va="center", color=SOFT_INK)
    _maps(axes, 842, TOP, 16, [VERMILLION, GREEN, BLUE])
    axes.text(842, TOP - 54, "guess", fontsize=10.5, ha="center", va="center")
    axes.text(842, TOP - 37, "3 × 16 × 16", fontsize=10.5, ha="center", va="center")

"""Tables of numbers as colours: one or several maps side by side, with one scale for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from course_utils.errors import CourseError
from course_utils.plots.output import ShownFigure, new_figure, show
from course_utils.plots.style import BLUE, INK, PAPER, VERMILLION, WIDTH, settings

#: from a negative through none to a positive number; and from none to much
DIVERGING = LinearSegmentedColormap.from_list("course diverging", [BLUE, PAPER, VERMILLION])
SEQUENTIAL = LinearSegmentedColormap.from_list("course sequential", [PAPER, VERMILLION, INK])
BAR_ROOM, SIDE_ROOM, TOP_ROOM, BELOW, GAP = 104, 78, 68, 58, 30  # CSS pixels around the maps, and between them


def paint(values: Any, low: float = -1.0, high: float = 1.0) -> np.ndarray[Any, Any]:
    """Each number as a colour: blue, paper, red where the scale reaches below 0, else paper, red, ink.

    Args:
        values: (n, m) numbers; what lies outside the scale gets the colour of its end.
        low, high: the ends of the scale.

    Returns:
        (n, m, 3) uint8.

    Raises:
        CourseError: no table of finite numbers, or an empty scale.
    """
    table = _table(values, "the map")
    if not low < high:
        raise CourseError(f"The scale of a map runs from {low:g} to {high:g}: the first must be the smaller.")
    colours = _colours(low)(np.linspace(0, 1, 256))[:, :3]  # (256, 3)
    place = np.clip((table - low) / (high - low), 0, 1)
    return np.rint(255 * colours).astype(np.uint8)[np.rint(255 * place).astype(np.intp)]


def maps(
    tables: Mapping[str, Any],
    x: tuple[float, float],
    y: tuple[float, float],
    xlabel: str = "",
    ylabel: str = "",
    low: float = -1.0,
    high: float = 1.0,
    bar: str = "",
    title: str = "",
    alt: str = "",
    square: bool = True,
) -> ShownFigure:
    """Show one or several tables as maps on the same axes and the same colour scale.

    Args:
        tables: from a map's title to its numbers (n, m); row 0 stands at the top.
        x, y: what the first and the last column, and the first and the last row, stand for.
        xlabel, ylabel: what the axes mean, with units.
        low, high: the ends of the colour scale; a scale that reaches below 0 is blue there.
        bar: what the colours mean.
        title: the figure's message.
        alt: the figure in words.
        square: each map as high as it is wide; False makes them 260 pixels high.

    Returns:
        The figure, already shown.

    Raises:
        CourseError: no maps, or one that is no table of finite numbers.
    """
    if not tables:
        raise CourseError("plots.maps got no maps: pass a dict from a title to its numbers.")
    checked = {name: _table(values, name) for name, values in tables.items()}
    n = len(checked)
    side = min(330.0, (WIDTH - BAR_ROOM - SIDE_ROOM - GAP * (n - 1)) / n) if square else WIDTH - BAR_ROOM - SIDE_ROOM
    tall = side if square else 260.0
    top = TOP_ROOM if any(checked) else TOP_ROOM - 22
    width, height = SIDE_ROOM + n * side + GAP * (n - 1) + BAR_ROOM, top + tall + BELOW
    wide = max(width, min(WIDTH, 10.5 * len(title) + 20))
    with mpl.rc_context(settings()):
        figure = new_figure(wide, height)
        figure.set_layout_engine("none")
        figure.text(12 / wide, 1 - 12 / height, title, fontsize=13, fontweight="bold", color=INK, va="top")
        for k, (name, table) in enumerate(checked.items()):
            left = SIDE_ROOM + k * (side + GAP)
            axes = figure.add_axes((left / wide, BELOW / height, side / wide, tall / height))
            look: Any = {"cmap": _colours(low), "vmin": low, "vmax": high, "aspect": "auto", "interpolation": "nearest"}
            picture = axes.imshow(table, extent=(x[0], x[1], y[1], y[0]), **look)
            axes.set_title(name, fontsize=11.5 if n < 4 else 10.5, fontweight="normal", loc="center")
            axes.set_xlabel(xlabel)
            axes.grid(False)
            if k == 0:
                axes.set_ylabel(ylabel)
            else:
                axes.set_yticklabels([])
            axes.locator_params(axis="x", nbins=max(2, math.ceil(side / 110)))
        end = SIDE_ROOM + n * side + GAP * (n - 1) + 14
        bar_axes = figure.add_axes((end / wide, BELOW / height, 12 / wide, tall / height))
        figure.colorbar(picture, cax=bar_axes, ticks=MaxNLocator(5)).set_label(bar)
        show(figure, alt or f"{title}. Colour map of {bar or 'numbers'}: {', '.join(checked)}")
    return figure


def _colours(low: float) -> LinearSegmentedColormap:
    return DIVERGING if low < 0 else SEQUENTIAL


def _table(values: Any, name: str) -> np.ndarray[Any, Any]:
    """The numbers as float64 (n, m), or a sentence that says what is wrong with them."""
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    if array.ndim != 2 or 0 in array.shape:
        raise CourseError(f"The map {name!r} has shape {array.shape}: give a table (rows, columns) of numbers.")
    if not np.isfinite(array).all():
        raise CourseError(f"The map {name!r} holds NaN or infinity, which has no colour: look for a division by zero.")
    return array.astype(np.float64)

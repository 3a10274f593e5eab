"""Curves in the course's style: the mean as a line, every run thin behind it, a band for the spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.plots.output import ShownFigure, new_figure, show
from course_utils.plots.style import COLOURS, DASHES, SOFT_INK, WIDTH, colour, settings

HEIGHT = 360  # CSS pixels


def _numbers(values: Any, name: str) -> np.ndarray[Any, Any]:
    """A series as float64 (runs, n): one run may come as (n,), several as (runs, n) or a list of tensors."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    elif isinstance(values, Sequence) and values and isinstance(values[0], torch.Tensor):
        values = [v.detach().cpu().numpy() for v in values]
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise CourseError(f"The curve {name!r} is not a table of numbers: its runs may differ in length.") from None
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise CourseError(f"The curve {name!r} has shape {array.shape}: give (n,), or (runs, n) for several runs.")
    return np.where(np.isfinite(array), array, np.nan)  # SNR is infinite at t = 0: leave a gap, not an error


def curves(
    series: Mapping[str, Any],
    x: Any = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    logy: bool = False,
    logx: bool = False,
    hlines: Mapping[str, float] | None = None,
    each: str = "runs",
    alt: str | None = None,
) -> ShownFigure:
    """Draw named curves.

    Args:
        series: from a name to y values, (n,) for one run or (runs, n) for several. The mean is a thick line, each
            run a thin one, and the band reaches one standard deviation to either side. A name that `COLOURS` knows
            has its colour in every lesson.
        x: (n,) shared by all curves, or a dict from name to (n,); by default 0, 1, 2 …
        xlabel, ylabel: what the axes mean, with units.
        title: the figure's message.
        logy, logx: logarithmic axes.
        hlines: levels to compare with, from a name to y, such as {"chance": 0.1}.
        each: what the thin lines are, such as "pictures".
        alt: the figure in words; by default made from title, labels and names.

    Returns:
        The figure, already shown.

    Raises:
        CourseError: if a curve is no table of numbers, or does not have as many values as `x`.
    """
    if not series:
        raise CourseError("plots.curves got no curves: pass a dict from a name to its values.")
    tables = {name: _numbers(values, name) for name, values in series.items()}
    own_x = x if isinstance(x, Mapping) else dict.fromkeys(tables, x)
    with mpl.rc_context(settings()):
        figure = new_figure(WIDTH, HEIGHT)
        axes = figure.subplots()
        taken = [COLOURS[name] for name in tables if name in COLOURS]
        most_runs = 1
        places: set[float] = set()
        for number, (name, table) in enumerate(tables.items()):
            steps = np.arange(table.shape[1]) if own_x.get(name) is None else _numbers(own_x[name], "x")[0]
            if len(steps) != table.shape[1]:
                raise CourseError(f"The curve {name!r} has {table.shape[1]} values and x has {len(steps)}.")
            shade = colour(name, taken)
            taken.append(shade)
            _one_curve(axes, steps, table, str(name), shade, logy, DASHES[number % len(DASHES)])
            most_runs = max(most_runs, len(table))
            places |= set(steps.tolist())
        for name, level in (hlines or {}).items():
            axes.axhline(level, color=COLOURS.get(name, SOFT_INK), linewidth=1.4, linestyle=(0, (2, 2)), label=name)
        if logy:
            axes.set_yscale("log")
            _plain_ticks(axes.yaxis, set())
        if logx:
            axes.set_xscale("log")
            _plain_ticks(axes.xaxis, places)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.set_title(title)
        axes.margins(x=0.01)
        if len(tables) > 1 or most_runs > 1 or hlines:
            note = f"thin: each of {most_runs} {each}\nband: ± 1 standard deviation" if most_runs > 1 else None
            # Beside the axes, where it can hide no curve.
            legend = axes.legend(
                loc="upper left", bbox_to_anchor=(1.01, 1), title=note, title_fontsize=9, alignment="left"
            )
            legend.get_title().set_color(SOFT_INK)
        message = f"{title}. " if title else ""
        what = f"Line chart of {ylabel or 'values'} against {xlabel or 'steps'}: {', '.join(map(str, tables))}"
        show(figure, alt or message + what)
    return figure


def _plain_ticks(axis: Any, places: set[float]) -> None:
    """Plain numbers on a logarithmic axis, "50" and not a power of ten; a tick at each place if there are few."""
    plain = mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}")
    axis.set_major_formatter(plain)
    if 0 < len(places) <= 12:
        axis.set_major_locator(mpl.ticker.FixedLocator(sorted(places)))
        axis.set_minor_locator(mpl.ticker.NullLocator())
    else:  # between powers of ten, labels only where the axis is shorter than about one of them
        axis.set_minor_formatter(_PlainBetween(labelOnlyBase=False, minor_thresholds=(1, 0.4)))


class _PlainBetween(mpl.ticker.LogFormatter):
    """Labels where matplotlib would put some between powers of ten, but as plain numbers: 0.4 and not 4e-01."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def _one_curve(axes: Any, x: Any, table: np.ndarray[Any, Any], name: str, shade: str, logy: bool, dash: Any) -> None:
    """Mean, runs and band of one named curve; `table` is (runs, n)."""
    finite = np.isfinite(table).any(axis=0)
    mean, spread = np.full(table.shape[1], np.nan), np.zeros(table.shape[1])
    mean[finite] = np.nanmean(table[:, finite], axis=0)
    if len(table) > 1:
        spread[finite] = np.nanstd(table[:, finite], axis=0, ddof=1)
        low, high = mean - spread, mean + spread
        if logy:  # a band that reaches below zero has no place on a logarithmic axis
            low = np.maximum(low, np.nanmin(table, axis=0))
        axes.fill_between(x, low, high, color=shade, alpha=0.16, linewidth=0)
        for run in table:
            axes.plot(x, run, color=shade, alpha=0.45, linewidth=0.8)
    axes.plot(x, mean, color=shade, label=name, linestyle=dash, marker="o" if len(x) <= 12 else None, markersize=5)

"""Colours and matplotlib settings that every figure of the course shares.

The palette is Okabe and Ito's, chosen so that people with any common colour vision tell its members apart. A name
keeps its colour through the whole course: "cosine" is blue in lesson 01 and blue in lesson 27.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import matplotlib as mpl
from cycler import cycler

from course_utils import slices
from course_utils.errors import CourseError

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#6E6A63"

PAPER = "#FBF8F1"  # opaque, so that a figure reads the same in JupyterLab's light and dark themes
INK = "#23262F"
SOFT_INK = "#5B5E66"
RULE = "#E3DCCC"  # grid lines, frames

#: what several lessons show; the things of one lesson alone are in `colours.py` of its slice
SHARED: dict[str, str] = {
    "linear": VERMILLION,
    "cosine": BLUE,
    "sigmoid": GREEN,
    "data": GREEN,
    "x0": GREEN,
    "noise": GREY,
    "eps": GREY,
    "x_t": PURPLE,
    "recogniser": PURPLE,
    "chance": GREY,
    "reference": INK,
    "yours": ORANGE,
    "all at once": PURPLE,
    "variance schedule": VERMILLION,  # it is the linear one
    "suspect": VERMILLION,
    "mended": BLUE,
    "the colleague's": PURPLE,
    "network": BLUE,
    "DDPM": VERMILLION,
    "DDIM": BLUE,
    "beta-tilde": VERMILLION,
    "beta": ORANGE,
    "learned": GREEN,
    "guided": ORANGE,
    "train": BLUE,
    "test": ORANGE,
    "paper": PAPER,
    "ink": INK,
    "soft ink": SOFT_INK,
    "rule": RULE,
}


class Colours(Mapping[str, str]):
    """Name of a thing -> its colour, in every lesson: the shared ones, and each lesson's own."""

    def __getitem__(self, name: str) -> str:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> dict[str, str]:
        return merged(SHARED, {n: module.COLOURS for n in slices.numbers() if (module := slices.part(n, "colours"))})


def merged(shared: Mapping[str, str], own: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """All colours by name.

    Raises:
        CourseError: two lessons, or a lesson and what all share, give one thing two colours.
    """
    found = dict(shared)
    for number, colours in own.items():
        for name, value in colours.items():
            if found.setdefault(name, value) != value:
                raise CourseError(f"Lesson {number} gives {name!r} a second colour: one thing has one in all lessons.")
    return found


COLOURS = Colours()

#: for things that have no colour of their own; yellow is missing because it cannot be read as a line on paper
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)

#: line styles in a chart's order of curves: from the third on a line has gaps, through which one below it shows
DASHES: tuple[Any, ...] = ("-", "-", (0, (5, 1.6)), (0, (2, 1.2)), (0, (6, 1.6, 1.6, 1.6)))

#: the width of a figure in CSS pixels (it fits JupyterLab's notebook column) and the device pixels for each
WIDTH = 900
SCALE = 1.5  # lines and letters stay sharp on a fine screen, and take a quarter less than with 2
#: matplotlib counts in inches: 100 CSS pixels to the inch
PIXELS_PER_INCH = 100


def colour(name: str, taken: Iterable[str] = ()) -> str:
    """The colour of a thing: its own from `COLOURS`, else the first of the cycle that is not `taken`."""
    if name in COLOURS:
        return COLOURS[name]
    used = {c.lower() for c in taken}
    return next((c for c in CYCLE if c.lower() not in used), INK)


def settings() -> Any:
    """matplotlib's settings for the course, for `matplotlib.rc_context` or `use_style`."""
    return {
        "figure.facecolor": PAPER,
        "figure.dpi": PIXELS_PER_INCH,
        "figure.figsize": (WIDTH / PIXELS_PER_INCH, 3.6),
        "figure.constrained_layout.use": True,
        "savefig.facecolor": PAPER,
        "savefig.dpi": PIXELS_PER_INCH * SCALE,
        "axes.facecolor": PAPER,
        "axes.edgecolor": "#B9B2A3",
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlesize": 13,
        "axes.titleweight": "bold",
        "axes.titlepad": 10,
        "axes.labelsize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=CYCLE),
        "grid.color": RULE,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": "#B9B2A3",
        "ytick.color": "#B9B2A3",
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same figure on every machine
        "font.size": 11,
        "legend.frameon": False,
        "legend.fontsize": 10.5,
        "lines.linewidth": 2.2,
        "lines.solid_capstyle": "round",
        "image.interpolation": "nearest",  # a pixel stays a pixel
        "image.cmap": "gray",
    }


def use_style() -> None:
    """Give a lesson's own matplotlib figures the course's style. Call it once, after the imports."""
    mpl.rcParams.update(settings())

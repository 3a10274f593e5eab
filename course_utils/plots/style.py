"""Colours and matplotlib settings that every figure of the course shares.

The palette is Okabe and Ito's, chosen so that people with any common colour vision tell its members apart. A name
keeps its colour through the whole course: "cosine" is blue in lesson 01 and blue in lesson 27.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
from cycler import cycler

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#6E6A63"

PAPER = "#FBF8F1"  # opaque, so that a figure reads the same in JupyterLab's light and dark themes
INK = "#23262F"
SOFT_INK = "#5B5E66"
RULE = "#E3DCCC"  # grid lines, frames

#: name of a thing -> its colour, in every lesson
COLOURS: dict[str, str] = {
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
    "fixed ratio, 1 %": SKY,
    "fixed ratio, 0.5 %": GREEN,
    "variance schedule": VERMILLION,  # it is the linear one
    "GroupNorm": BLUE,
    "BatchNorm": VERMILLION,
    "GELU": BLUE,
    "ReLU": VERMILLION,
    "ReLU after GroupNorm": PURPLE,
    "residual": BLUE,
    "plain": VERMILLION,
    "suspect": VERMILLION,
    "mended": BLUE,
    "the colleague's": PURPLE,
    "EMA": BLUE,
    "no EMA": GREY,
    "sinusoidal": BLUE,
    "raw float": VERMILLION,
    "learned table": GREEN,
    "random Fourier": PURPLE,
    "no time": GREY,
    "t/T in 8 sinusoids": ORANGE,
    "network": BLUE,
    "ideal denoiser": VERMILLION,
    "one pixel alone": GREEN,
    "with skips": BLUE,
    "without skips": ORANGE,
    "DDPM": VERMILLION,
    "DDIM": BLUE,
    "eta 0.5": PURPLE,
    "DDPM, beta-tilde": VERMILLION,
    "DDPM, beta": ORANGE,
    "beta-tilde": VERMILLION,
    "beta": ORANGE,
    "learned": GREEN,
    "class A": SKY,
    "class B": PURPLE,
    "class C": GREEN,
    "guided": ORANGE,
    "tilted": BLUE,
    "noisy classifier": BLUE,
    "clean classifier": VERMILLION,
    "train": BLUE,
    "test": ORANGE,
    "paper": PAPER,
    "ink": INK,
    "soft ink": SOFT_INK,
    "rule": RULE,
}

#: for things that have no colour of their own; yellow is missing because it cannot be read as a line on paper
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)

#: line styles in a chart's order of curves: from the third on a line has gaps, through which one below it shows
DASHES: tuple[Any, ...] = ("-", "-", (0, (5, 1.6)), (0, (2, 1.2)), (0, (6, 1.6, 1.6, 1.6)))

#: the width of a figure in CSS pixels (it fits JupyterLab's notebook column) and the device pixels for each
WIDTH = 900
SCALE = 2
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

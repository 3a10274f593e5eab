"""Explorers: a few named sliders, and a picture that follows them without flicker.

explorer    the base, `Explorer`: make your own in ten lines (its docstring shows how)
controls    the sliders and menus an explorer may have
redraw      when to draw: the newest position wins
page        what the browser needs that ipywidgets leaves out: names and live regions for screen readers
noising     lesson 01's explorer: schedule, step and image
norms       lesson 05's explorer: a picture, its company in the batch, and two norms
film        what a sampler held at every step
trajectory  lesson 04's explorer: a scrubber through denoising
"""

from course_utils.widgets.controls import choice, real, toggle, whole
from course_utils.widgets.explorer import Explorer
from course_utils.widgets.film import Film
from course_utils.widgets.noising import NoisingExplorer
from course_utils.widgets.norms import NormExplorer
from course_utils.widgets.trajectory import TrajectoryExplorer

__all__ = [
    "Explorer",
    "Film",
    "NoisingExplorer",
    "NormExplorer",
    "TrajectoryExplorer",
    "choice",
    "real",
    "toggle",
    "whole",
]

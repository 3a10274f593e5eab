"""Explorers: a few named sliders, and a picture that follows them without flicker.

explorer    the base, `Explorer`: make your own in ten lines (its docstring shows how)
controls    the sliders and menus an explorer may have
redraw      when to draw: the newest position wins
page        what the browser needs that ipywidgets leaves out: names and live regions for screen readers
brush       a still picture with text and pixels, drawn in a few milliseconds
"""

from course_utils.widgets.controls import between, choice, real, stops, toggle, whole
from course_utils.widgets.explorer import Explorer

__all__ = ["Explorer", "between", "choice", "real", "stops", "toggle", "whole"]

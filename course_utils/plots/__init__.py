"""The course's one style of figure.

A lesson writes `plots.grid(images, title="Eight flowers")` or `plots.curves({"linear": y}, …)`; the figure is shown
in the notebook and returned. What all figures share (palette, paper, width, alt text) lives in this package:

    style    colours and matplotlib settings
    images   image batches as grids and as strips over time
    charts   curves with every run and their spread
    output   a figure as PNG with alt text, in the notebook
    backend  matplotlib itself, or a sentence
    still    a notebook made ready for a page without a kernel
"""

from course_utils.plots import backend  # first: the others load matplotlib too
from course_utils.plots.charts import curves
from course_utils.plots.images import grid, strip, to_uint8
from course_utils.plots.output import figure_png, show
from course_utils.plots.still import with_alt_text, without_live_widgets
from course_utils.plots.style import COLOURS, colour, use_style

__all__ = [
    "COLOURS",
    "backend",
    "colour",
    "curves",
    "figure_png",
    "grid",
    "show",
    "strip",
    "to_uint8",
    "use_style",
    "with_alt_text",
    "without_live_widgets",
]

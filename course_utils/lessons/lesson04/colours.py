"""The colours of what only lesson 04 compares."""

from course_utils.plots.style import BLUE, GREY

COLOURS = {
    "EMA": BLUE,
    "no EMA": GREY,
}

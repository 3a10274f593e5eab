"""The colours of what only lesson 02 compares."""

from course_utils.plots.style import BLUE, GREEN, ORANGE, VERMILLION

COLOURS = {
    "ideal denoiser": VERMILLION,
    "one pixel alone": GREEN,
    "with skips": BLUE,
    "without skips": ORANGE,
}

"""The colours of what only lesson 03 compares."""

from course_utils.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION

COLOURS = {
    "sinusoidal": BLUE,
    "raw float": VERMILLION,
    "learned table": GREEN,
    "random Fourier": PURPLE,
    "no time": GREY,
    "t/T in 8 sinusoids": ORANGE,
}

"""The colours of what only lesson 06 compares."""

from course_utils.plots.style import ORANGE, PURPLE, VERMILLION

COLOURS = {
    "eta 0.5": PURPLE,
    "DDPM, beta-tilde": VERMILLION,
    "DDPM, beta": ORANGE,
}

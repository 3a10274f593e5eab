"""The colours of what only lesson 05 compares."""

from course_utils.plots.style import BLUE, PURPLE, VERMILLION

COLOURS = {
    "GroupNorm": BLUE,
    "BatchNorm": VERMILLION,
    "GELU": BLUE,
    "ReLU": VERMILLION,
    "ReLU after GroupNorm": PURPLE,
    "residual": BLUE,
    "plain": VERMILLION,
}

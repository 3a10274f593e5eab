"""The colours of what only lesson 11 compares."""

from course_utils.plots.style import BLUE, GREEN, PURPLE, SKY, VERMILLION

COLOURS = {
    "class A": SKY,
    "class B": PURPLE,
    "class C": GREEN,
    "tilted": BLUE,
    "noisy classifier": BLUE,
    "clean classifier": VERMILLION,
}

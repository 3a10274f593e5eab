"""The colours of what only lesson 01 compares."""

from course_utils.plots.style import GREEN, SKY

COLOURS = {
    "fixed ratio, 1 %": SKY,
    "fixed ratio, 0.5 %": GREEN,
}

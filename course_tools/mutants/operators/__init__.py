"""The ways in which an answer is made wrong, one module a kind. What cannot matter is said beside each."""

from __future__ import annotations

from course_tools.mutants.operators.axes import axes
from course_tools.mutants.operators.changed import comparisons, constants, signs
from course_tools.mutants.operators.defaults import arguments, parameters
from course_tools.mutants.operators.dropped import dropped
from course_tools.mutants.operators.lines import lines
from course_tools.mutants.operators.moved import moved
from course_tools.mutants.operators.noise import noise
from course_tools.mutants.operators.swapped import swapped
from course_tools.mutants.place import Operator

# What two of them make is the first one's.
OPERATORS: dict[str, Operator] = {
    "dropped": dropped,
    "index moved": moved,
    "swapped": swapped,
    "sign": signs,
    "noise": noise,
    "axes": axes,
    "constant": constants,
    "comparison": comparisons,
    "argument": arguments,
    "parameter": parameters,
    "line": lines,
}

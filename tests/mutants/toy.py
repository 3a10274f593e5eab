"""A small lesson for the tests of mutants: answers with their checks, found by name by the process that tries them."""

from __future__ import annotations

import torch

from course_tools.mutants.answers import Answer
from course_utils.exercises.framework import Exercise, close, expect

DOUBLE = '''
def double(x):
    """Twice x. Example: x = 3 gives 6."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
'''
# Of these, one mutant each comes to no end: the one without the minus.
LOOP = "def loop(n):\n    ### BEGIN SOLUTION\n    return until_below_zero(-n)\n    ### END SOLUTION\n"
DEAF = "def deaf(n):\n    ### BEGIN SOLUTION\n    return deaf_until_below_zero(-n)\n    ### END SOLUTION\n"


def exercise(name, check):
    """An exercise whose check is one function."""
    made = Exercise(name, reference=lambda *_: None)
    made.part(check)
    return made


def strict(answer):
    for x in (torch.tensor([1.5, -2.0]), torch.tensor(0.25)):
        expect(close(answer(x), 2 * x), "it should be twice x.")


def lax(answer):
    expect(close(answer(torch.tensor(1.0)), torch.tensor(2.0)), "twice 1 is 2.")


def is_done(answer):
    expect(answer(1) == "done", "it should be done.")


def until_below_zero(n):
    while n >= 0:
        pass
    return "done"


def deaf_until_below_zero(n):
    while n >= 0:
        try:
            until_below_zero(n)
        except KeyboardInterrupt:  # what is deep in a library hears no timer either
            continue
    return "done"


def sound(number):
    """A lesson whose check sees everything."""
    return [(Answer("double", DOUBLE), exercise("double", strict))]


def blind(number):
    """Its twin: the check looks at one value."""
    return [(Answer("double", DOUBLE), exercise("double", lax))]


def endless(number):
    """A mutant of each answer never comes to an end."""
    helpers = {"until_below_zero": until_below_zero, "deaf_until_below_zero": deaf_until_below_zero}
    return [
        (Answer("loop", LOOP, helpers), exercise("loop", is_done)),
        (Answer("deaf", DEAF, helpers), exercise("deaf", is_done)),
    ]


def refused(number):
    """The check refuses the lesson's own answer."""
    return [(Answer("double", DOUBLE), exercise("double", is_done))]

"""The exercise module of the mini lesson that the grading tests use: real checks on tiny functions.

The kernel imports it from this folder, which the tests put on PYTHONPATH.
"""

from __future__ import annotations

import torch

from course_utils.exercises.framework import Answer, Exercise, expect, prepare_notebook

NAMES = ("double", "square", "halve", "total", "negate", "Shift")


class _Shift:
    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.by


REFERENCES: dict[str, Answer] = {
    "double": lambda x: 2 * x,
    "square": lambda x: x * x,
    "halve": lambda x: x / 2,
    "total": lambda x: x.sum(),
    "negate": lambda x: -x,
    "Shift": _Shift,
}


def _call(name: str, answer: Answer, x: torch.Tensor) -> torch.Tensor:
    return answer(3.0)(x) if name == "Shift" else answer(x)


def _exercise(name: str) -> Exercise:
    exercise = Exercise(name, reference=REFERENCES[name])

    @exercise.part
    def right_at_two(answer: Answer) -> None:
        x = torch.tensor([2.0, 2.0])
        want = _call(name, exercise.reference, x)
        got = _call(name, answer, x)
        expect(torch.allclose(got, want), f"at 2 it gives {got.flatten()[0]:.2f}: look at the sign, the factor.")

    @exercise.part
    def right_everywhere(answer: Answer) -> None:
        x = torch.linspace(-1, 5, 7)
        want = _call(name, exercise.reference, x)
        expect(torch.allclose(_call(name, answer, x), want), "only some of seven values between -1 and 5 are right.")

    return exercise


double, square, halve, total, negate, Shift = (_exercise(name) for name in NAMES)
prepare_notebook([double, square, halve, total, negate, Shift])

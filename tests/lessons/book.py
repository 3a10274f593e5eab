"""Wrong answers that a check must reject with the intended hint, and right ones that it must accept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Function = Callable[..., Any]


@dataclass
class Answers:
    """The answers to one lesson's exercises: name of the exercise -> what people write."""

    wrong: dict[str, list[tuple[Function, str]]] = field(default_factory=dict)
    right: dict[str, list[Function]] = field(default_factory=dict)

    def mistake(self, exercise: str, hint: str) -> Callable[[Function], Function]:
        """Decorator: a wrong answer, and a piece of the hint that it must get."""

        def add(function: Function) -> Function:
            self.wrong.setdefault(exercise, []).append((function, hint))
            return function

        return add

    def alternative(self, exercise: str) -> Callable[[Function], Function]:
        """Decorator: a right answer that is written differently from the reference."""

        def add(function: Function) -> Function:
            self.right.setdefault(exercise, []).append(function)
            return function

        return add

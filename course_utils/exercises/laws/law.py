"""A law: what every exercise of a kind must obey, whatever it computes; and the trial that an answer gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from course_utils.exercises.framework import Answer, Exercise, Part, Symptom
from course_utils.exercises.laws.inputs import EACH, PICTURES, Inputs, Sizes


class Trial:
    """An answer, the reference beside it, and inputs for both.

    Attributes:
        names: the parameters that are passed, in order.
        mine, right: the answer and the reference, as functions of the inputs.
    """

    def __init__(self, answer: Answer, exercise: Exercise) -> None:
        self.inputs: Inputs = exercise.inputs or Inputs()
        self.reference = exercise.reference
        self.names = self.inputs.parameters(exercise.reference)
        self.mine, self.right = self.inputs.via(answer), self.inputs.via(exercise.reference)

    @property
    def sizes(self) -> Sizes:
        return self.inputs.sizes

    @property
    def random(self) -> bool:
        return "generator" in self.names

    @property
    def rows(self) -> list[str]:
        """The inputs that have one row a picture."""
        given = self.values()
        return [n for n in self.names if n in (*PICTURES, *EACH) and isinstance(given[n], torch.Tensor)]

    def values(self, **sizes: Any) -> dict[str, Any]:
        """Inputs by name, made anew, with some of the sizes changed."""
        return self.inputs.values(self.reference, replace(self.sizes, **sizes))

    def answer(self, given: dict[str, Any], **settings: Any) -> Any:
        return self.mine(*given.values(), **settings)

    def want(self, given: dict[str, Any], **settings: Any) -> Any:
        return self.right(*given.values(), **settings)

    def both(self, settings: dict[str, Any] | None = None, **sizes: Any) -> tuple[Any, Any]:
        """What the answer gives and what the reference gives, each for inputs of its own."""
        settings = settings or {}
        return self.answer(self.values(**sizes), **settings), self.want(self.values(**sizes), **settings)


@dataclass(frozen=True)
class Law:
    """A law under its name; `look` gives None where a trial obeys it, or else a hint by symptom.

    An `early` one is held before the exercise's own parts, because who breaks it spoils what they look at.
    """

    name: str
    look: Callable[[Trial], str | None]
    early: bool = False

    def part(self, exercise: Exercise) -> Part:
        """The law as a part of this exercise's check."""

        def obeyed(answer: Answer) -> None:
            hint = self.look(Trial(answer, exercise))
            if hint is not None:
                raise Symptom(hint)

        return obeyed

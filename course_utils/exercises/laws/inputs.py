"""What an exercise is tried on: most of it follows from the names of its parameters, which are the course's symbols."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils import diffusion
from course_utils.exercises.framework import Answer
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.network import Asked

PICTURES = [  # (B, C, H, W)
    *("x0", "x_t", "x_T", "x_prev", "x", "x0_hat", "x_guess", "eps", "z", "eps_cond", "eps_uncond"),
    *("images", "mean", "gradient", "v", "h", "a", "b"),
]
EACH = ["t", "cond", "y", "mask"]  # (B,)
NETWORKS = ["model", "predict", "net", "classifier"]
SCHEDULES = ["alpha_bar", "betas"]
CLASSES = 5


@dataclass(frozen=True)
class Sizes:
    """How large, how many, of which kind.

    Attributes:
        B: pictures.
        shape: of one picture, (C, H, W) or another.
        T: steps of the schedule.
        steps: how many of them a sampler takes.
        t: the step of each picture, (B,), or of all if the exercise takes a whole number; None spreads them.
        dtype, schedule: of the pictures, and of the schedule.
        seed: of everything random.
        clock, learns: of the stand-in network, see `Asked`.
        stretch: what the pictures are multiplied by; they are normal, and so go beyond [-1, 1].
    """

    B: int = 4
    shape: tuple[int, ...] = (2, 5, 6)
    T: int = 20
    steps: int = 5
    t: tuple[int, ...] | None = None
    dtype: torch.dtype = torch.float64
    schedule: torch.dtype = torch.float64
    seed: int = 0
    clock: float = 0.0
    learns: bool = False
    stretch: float = 1.0


def schedule(sizes: Sizes) -> Tensor:
    """Betas (T,) that end near noise for every T, and are large enough for a mistake to show."""
    T = sizes.T
    return diffusion.linear_schedule(T, 0.4 / T, min(12 / T, 0.6)).to(sizes.schedule)


@dataclass(frozen=True)
class Inputs:
    """The description of an exercise from which laws make what they try it on.

    Attributes:
        first: the smallest t, 0 or 1.
        names: the parameters that are passed, in order; by default those of the reference that have no default.
        make: name -> a value, or a function of `Sizes` that makes it, where the kit does not know the name or should
            give something else.
        via: makes of an answer the function that takes these inputs, where the answer is a class or makes functions.
        sizes: other sizes to begin with.
    """

    first: int = 1
    names: tuple[str, ...] | None = None
    make: Mapping[str, Any] = field(default_factory=dict)
    via: Callable[[Answer], Answer] = lambda answer: answer
    sizes: Sizes = Sizes()

    def parameters(self, reference: Answer) -> tuple[str, ...]:
        """The names of what is passed, in order."""
        if self.names is not None:
            return self.names
        given = inspect.signature(reference).parameters.values()
        return tuple(p.name for p in given if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD)

    def values(self, reference: Answer, sizes: Sizes) -> dict[str, Any]:
        """The inputs by name, in order, made anew with each call."""
        notes = {} if self.names else inspect.signature(reference).parameters
        whole = {name for name, p in notes.items() if p.annotation in ("int", int)}
        return {
            name: self._value(name, place, sizes, name in whole)
            for place, name in enumerate(self.parameters(reference))
        }

    def _value(self, name: str, place: int, sizes: Sizes, whole: bool) -> Any:
        if name in self.make:
            made = self.make[name]
            return made(sizes) if callable(made) else made
        if name in PICTURES:
            return sizes.stretch * normal(sizes.B, *sizes.shape, seed=100 * sizes.seed + place + 1, dtype=sizes.dtype)
        if name == "t":
            return self._step(sizes) if whole else self._steps(sizes)
        if name in NETWORKS:
            return Asked(sizes.clock, sizes.learns)
        known: dict[str, Callable[[], Any]] = {
            "alpha_bar": lambda: diffusion.alpha_bars(schedule(replace(sizes, schedule=torch.float64))).to(
                sizes.schedule
            ),
            "betas": lambda: schedule(sizes),
            "generator": lambda: Generator().manual_seed(sizes.seed),
            "T": lambda: sizes.T,
            "steps": lambda: sizes.steps,
            "w": lambda: 1.5,
            "null": lambda: CLASSES,
            "cond": lambda: torch.arange(sizes.B) * (CLASSES - 1) % CLASSES,  # 0 and K - 1 are among them
            "y": lambda: torch.arange(sizes.B) * (CLASSES - 1) % CLASSES,
            "mask": lambda: torch.arange(sizes.B) % 4 == 0,
        }
        if name not in known:
            raise KeyError(f"The kit does not know how to make {name!r}: give it in Inputs(make=...).")
        return known[name]()

    def _step(self, sizes: Sizes) -> int:
        return sizes.t[0] if sizes.t else max(sizes.T // 2, self.first)

    def _steps(self, sizes: Sizes) -> Tensor:
        """(B,): given, or T, the first, and some between, neither sorted nor without repetition."""
        middle = max(sizes.T // 2, self.first)
        steps = sizes.t or (sizes.T, self.first, middle, middle, max(sizes.T // 4, 1))
        return torch.tensor([steps[i % len(steps)] for i in range(sizes.B)])

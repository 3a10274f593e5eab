"""A network as a function of what goes in, which the laws of the kit can try.

The checks of this lesson load known weights, but names and order of a student's layers are free, and some answers have
other layers. `known` holds a law for those alone whose weights fit; what it sees in the others, the parts try.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from course_utils.exercises import laws
from course_utils.exercises.framework import Answer
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson02.checks.modules import adopted, built, drawn_large, reference_of


class Made:
    """An answer's network, made for whatever comes in, with the weights of the reference or others as large.

    Args:
        answer, reference: the classes.
        channels: from inputs to what the network is made with.
        settings: of the network, unless a call gives others.

    Attributes:
        fits: whether the weights of the reference have fitted so far.
    """

    def __init__(
        self, answer: Answer, reference: Answer, channels: Callable[..., tuple[int, ...]], settings: dict[str, Any]
    ) -> None:
        self.answer, self.reference, self.channels, self.settings = answer, reference, channels, settings
        self.fits = True
        self._nets: dict[Any, nn.Module] = {}

    def __call__(self, *inputs: Tensor, **settings: Any) -> Any:
        wanted, chosen, dtype = self.channels(*inputs), {**self.settings, **settings}, inputs[0].dtype
        key = (wanted, tuple(chosen.items()), dtype)
        if key not in self._nets:
            net = built(self.answer, *wanted, **chosen)
            if not adopted(net, reference_of(self.reference, *wanted, **chosen)):
                self.fits = False
                drawn_large(net)
            self._nets[key] = net.to(dtype)
        return self._nets[key](*inputs)


def known(law: laws.Law) -> laws.Law:
    """A law that compares values with those of the reference, for networks that its weights fit."""

    def look(trial: laws.Trial) -> str | None:
        hint = law.look(trial)
        return hint if trial.mine.fits else None  # type: ignore[attr-defined]

    return laws.Law(law.name, look, law.early)


def inputs(
    reference: Answer, channels: Callable[..., tuple[int, ...]], *names: str, **settings: int | bool
) -> laws.Inputs:
    """The description of an exercise whose answer is a network: x, and a skip of twice its size where one is named."""
    return laws.Inputs(
        names=("x", *names),
        make={"skip": _skip},
        rows=("skip",),
        via=lambda answer: Made(answer, reference, channels, settings),
        sizes=laws.Sizes(shape=(3, 4, 8)),
    )


def _skip(sizes: laws.Sizes) -> Tensor:
    channels, height, width = sizes.shape
    return sizes.stretch * normal(sizes.B, channels + 1, 2 * height, 2 * width, seed=7, dtype=sizes.dtype)

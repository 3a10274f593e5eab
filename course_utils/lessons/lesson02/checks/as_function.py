"""A network as a function of what goes in, which the laws of the kit can try.

The checks of this lesson load known weights, but names and order of a student's layers are free, and some answers have
other layers. `known` holds a law for those alone whose weights fit; of the others it wants the right shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Symptom
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import difference
from course_utils.lessons.lesson02.checks.modules import adopted, built, drawn_large, reference_of

ANY_VALUE = 1e12  # tolerance: only shapes count


class Made:
    """An answer's network, made for whatever comes in, with the weights of the reference or others as large.

    Args:
        answer, reference: the classes.
        channels: from inputs to what the network is made with; no `ConvBlock` in it may keep the number of channels, or
            weights would fit in an order of layers that is not theirs.
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
        try:
            return self._nets[key](*inputs)
        except RuntimeError as error:
            found = re.search(r"to have (\d+) channels, but got (\d+) channels", str(error))
            if found is None:
                raise
            has, gets = found.groups()
            text = f"made with {wanted} it has a layer for {has} channels, and {gets} come in"
            raise Symptom(f"{text}: is a number written into `__init__`?") from None


def known(law: laws.Law) -> laws.Law:
    """A law that compares values with those of the reference, for networks that its weights fit."""

    def look(trial: laws.Trial) -> str | None:
        hint, made = law.look(trial), trial.mine
        assert isinstance(made, Made)
        if made.fits:
            return hint
        given = trial.values()
        off = difference(trial.answer(given), trial.want(given), ANY_VALUE)
        return off and f"made with {made.channels(*given.values())} {off}: is a number written into `__init__`?"

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
        sizes=laws.Sizes(shape=(2, 4, 8)),
    )


def _skip(sizes: laws.Sizes) -> Tensor:
    channels, height, width = sizes.shape
    return sizes.stretch * normal(sizes.B, channels + 1, 2 * height, 2 * width, seed=7, dtype=sizes.dtype)

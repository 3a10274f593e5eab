"""Which laws apply to an exercise, judged by its signature and docstring alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from course_utils.exercises.laws.inputs import EACH, NETWORKS, PICTURES, SCHEDULES


@dataclass(frozen=True)
class Signature:
    """What a student reads of an exercise.

    Attributes:
        name: of the exercise.
        parameters: the names of its parameters; of a class, those of its `__init__` and of its `forward`.
        defaults: those that have a default.
        text: the docstring.
    """

    name: str
    parameters: tuple[str, ...]
    defaults: tuple[str, ...]
    text: str

    def takes(self, *names: str) -> bool:
        return any(name in self.parameters for name in names)

    def says(self, pattern: str) -> bool:
        return re.search(pattern, " ".join(self.text.split())) is not None

    @property
    def pictures(self) -> bool:
        return self.takes(*PICTURES)


def _each(s: Signature) -> bool:
    return (s.pictures or s.takes(*EACH)) and not s.takes("generator") and s.says(r"\(B[,)]|(?i:any shape)|a batch")


APPLIES: dict[str, Callable[[Signature], bool]] = {
    "gradients": lambda s: s.pictures or s.takes(*NETWORKS),
    "dtypes": lambda s: s.pictures or s.takes(*SCHEDULES) or s.says("float64|dtype"),
    "devices": lambda s: s.pictures and s.says("on the device"),
    "layouts": lambda s: s.pictures and s.says(r"\(B, C, H, W\)"),
    "by_itself": _each,
    "any_size": lambda s: s.pictures or s.takes("T", *SCHEDULES),
    "noise": lambda s: s.takes("generator"),
    "generator": lambda s: s.takes("generator"),
    "distribution": lambda s: s.name.startswith("mended") and s.takes("x_T"),
    "unchanged": lambda s: s.pictures or s.takes(*EACH, *NETWORKS, *SCHEDULES),
    "settings": lambda s: bool(s.defaults),
    "asks": lambda s: s.takes(*NETWORKS),
}


def applicable(signature: Signature) -> list[str]:
    """The names of the laws that an exercise with this signature must obey, or say why not."""
    return [law for law, applies in APPLIES.items() if applies(signature)]

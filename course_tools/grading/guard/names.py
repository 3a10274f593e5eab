"""The notebook's names: what the lesson's own cells bound is theirs again once an answer has had its check."""

from __future__ import annotations

import builtins
import re
import sys
from typing import Any

IPYTHONS = re.compile(r"_+|_i+|_i?\d+|_[iod]h|In|Out|_exit_code")
MISSING = object()


class Names:
    """The names that the lesson's own cells bound, and those that answers bound.

    An answer's own names stay, because a later answer may use them: a helper, an import. Names of the lesson that it
    rebound or deleted come back, and names of Python's own that it covered (`sum = 3`) are uncovered.

    Args:
        space: the notebook's namespace.
        exercises: the exercises' names, which their checks bind.
        alias: that of the exercise module.
    """

    def __init__(self, space: dict[str, Any], exercises: list[str], alias: str) -> None:
        self.space, self.alias = space, alias
        self.unchecked = set(exercises)
        self.was: dict[str, Any] = {}
        self.versions: dict[str, int] = {}
        self.owned: dict[str, Any] = {}  # name -> what an answer bound it to

    def note(self) -> None:
        """Before an answer: what there is."""
        self.was = dict(self.space)
        self.owned = {name: value for name, value in self.owned.items() if self.space.get(name, MISSING) is value}
        self.versions = {name: _version(value) for name, value in self.was.items() if _version(value) >= 0}

    def note_answer(self) -> None:
        """After an answer: what it bound that was not there."""
        for name, value in self.space.items():
            if name not in self.was or name in self.owned:
                self.owned[name] = value

    def put_back(self, exercise: str) -> list[str]:
        """After the check of `exercise`: put the lesson's names back; say which tensors were changed in place."""
        space = self.space
        self.unchecked.discard(exercise)
        for name, value in self.was.items():
            theirs = name in self.owned or name in self.unchecked or name in (exercise, self.alias)
            if theirs or (name in space and IPYTHONS.fullmatch(name)):
                continue
            if space.get(name, MISSING) is not value:
                space[name] = value
        for name in [name for name in space if name not in self.was and hasattr(builtins, name)]:
            if not name.startswith("_") and name != exercise:
                del space[name]
        changed = [name for name, version in self.versions.items() if _version(space.get(name)) != version]
        return [f"`{name}`, changed in place" for name in changed if name not in self.owned]


def _version(value: object) -> int:
    """How often a tensor was changed in place; -1 for what is no tensor, or does not count."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor) or value.is_inference():
        return -1
    return int(value._version)

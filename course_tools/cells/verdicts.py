"""What is said of a call, and of a function: which of the things that it is given it may change."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Verdict:
    """What a call may change.

    Attributes:
        keys: places and keywords of arguments that are changed with all that they hold.
        touched: likewise, of those whose own insides are changed.
        rest: the place from which on all arguments are changed; None for none.
        every: whether all arguments are.
        own: whether the object of the method is changed itself.
        deep: whether it is, with all that it holds; for a plain function, what the function holds.
        keeps: whether the object holds the arguments from now on.
        trusted: whether even a source of chance among the arguments stays as it is.
    """

    keys: set[str | int] = field(default_factory=set)
    touched: set[str | int] = field(default_factory=set)
    rest: int | None = None
    every: bool = False
    own: bool = False
    deep: bool = False
    keeps: bool = False
    trusted: bool = False

    def changes(self, key: str | int) -> bool:
        return self.every or key in self.keys or (self.rest is not None and isinstance(key, int) and key >= self.rest)

    def touches(self, key: str | int) -> bool:
        return key in self.touched

    @property
    def nothing(self) -> bool:
        return not (self.keys or self.touched or self.rest is not None or self.every or self.own or self.deep)


@dataclass(frozen=True)
class Effect:
    """What a function changes: of its parameters in order, of those beyond (`*args`), and of names from outside."""

    parameters: tuple[str, ...] = ()
    changed: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    rest: bool = False
    outside: frozenset[str] = frozenset()
    outside_touched: frozenset[str] = frozenset()


ANYTHING = Verdict(every=True, deep=True)

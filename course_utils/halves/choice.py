"""Side by side, or one after the other? Both are tried now and then, and the faster is kept until the next time."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from statistics import median
from typing import Protocol

TRIES = 3  # of each way, in turn, so that what else happens on the machine slows both alike
BETTER = 0.95  # the other way must take less than this share of the time, or nothing changes
COST = 0.01  # of the time is what trying the slower way may cost
SOONEST, LATEST = 2.0, 60.0  # seconds from one trial to the next


class Chooser(Protocol):
    """Whoever decides how two halves run: asked before the work, told after it how long it took."""

    def side_by_side(self, kind: Hashable) -> bool: ...
    def took(self, side_by_side: bool, seconds: float) -> None: ...


class Choice:
    """Decides by what it measures, and knows nothing of what is computed.

    Times are compared only between works
    of the same kind that follow each other directly; the first of a kind, which makes its memory ready, is not
    measured.

    Args:
        cores: that this process may use; on a single one, the halves run one after the other.
        clock: gives seconds.
    """

    def __init__(self, cores: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._cores, self._clock = cores, clock
        self._favourite = True  # right on a quiet machine, and nearly always
        self._kind: Hashable = None
        self._next = float("-inf")  # when the next trial is due
        self._tries: dict[bool, list[float]] | None = None  # of the trial that is going on

    def side_by_side(self, kind: Hashable) -> bool:
        """How the next work of this kind is to run."""
        if self._cores < 2:
            return False
        if kind != self._kind:
            self._kind, self._tries = kind, None
            return self._favourite
        if self._tries is None and self._clock() >= self._next:
            self._tries = {True: [], False: []}
        if self._tries is None:
            return self._favourite
        other = len(self._tries[self._favourite]) > len(self._tries[not self._favourite])
        return not self._favourite if other else self._favourite

    def took(self, side_by_side: bool, seconds: float) -> None:
        """So long did it take."""
        if self._tries is None:
            return
        self._tries[side_by_side].append(seconds)
        kept, other = self._tries[self._favourite], self._tries[not self._favourite]
        if len(other) < TRIES:
            return
        lost = abs(sum(other) - sum(kept))  # by the slower of the two, whichever it was
        self._next = self._clock() + min(max(lost / COST, SOONEST), LATEST)
        if median(other) < BETTER * median(kept):
            self._favourite = not self._favourite
        self._tries = None

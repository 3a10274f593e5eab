"""When to draw: the newest position wins.

A slider under a fast hand sends positions faster than a slow picture can follow. Drawing at once for each of them
would show a film of the past. So a change only marks the picture as out of date and starts a task on the kernel's
own event loop; the task lets the messages that wait in the kernel's queue be handled first, and then draws once, for
the last of them. A message is handled within a few turns of the loop, so a queue is empty when nothing has
arrived for some turns and a few milliseconds more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TURNS = 8  # of the event loop: one message takes three or so
QUIET = 0.003  # seconds without a new position ...
SHARE = 0.15  # ... or this share of the time that the last picture took, when that is longer ...
LONGEST_QUIET = 0.03  # ... up to this: the browser sends its newest position one round trip after the last
PATIENCE = 0.12  # seconds after which a picture is drawn though positions still arrive


class Redraw:
    """Calls `draw` soon after `ask`, once for many calls that come together.

    Attributes:
        draws: how often `draw` was called.
        last_seconds: how long the last call took.
    """

    def __init__(self, draw: Callable[[], None]) -> None:
        self._draw = draw
        self._asked = 0
        self._done = 0
        self._task: asyncio.Task[None] | None = None
        self.draws = 0
        self.last_seconds = 0.0

    def ask(self) -> None:
        """The picture is out of date: draw it soon, or at once where no event loop runs (a plain script)."""
        self._asked += 1
        if self._task is not None and not self._task.done():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.now()
        else:
            self._task = loop.create_task(self._soon())

    def now(self) -> None:
        """Draw at once."""
        self._done = self._asked
        start = time.perf_counter()
        self._draw()
        self.last_seconds = time.perf_counter() - start
        self.draws += 1

    def catch_up(self) -> None:
        """Draw at once if the picture is out of date."""
        if self._done != self._asked:
            self.now()

    async def _soon(self) -> None:
        deadline = time.monotonic() + PATIENCE
        quiet = min(max(QUIET, SHARE * self.last_seconds), LONGEST_QUIET)
        while True:
            seen = self._asked
            for _ in range(TURNS):
                await asyncio.sleep(0)
            await asyncio.sleep(quiet)
            if seen == self._asked or time.monotonic() > deadline:
                break
        self.catch_up()  # `now` may have been called meanwhile

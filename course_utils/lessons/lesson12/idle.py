"""Work for the kernel's idle moments: done in short slices on its event loop, and stopped as soon as a hand moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

REST = 0.15  # seconds without a new picture before the work begins: the browser is still drawing the last one
PAUSE = 0.012  # seconds between two slices, or half of what the last one took: a message needs some turns of the loop


class Idle:
    """Runs `work()`, an iterator of slices, when nothing else is to be done. A running cell comes first.

    Where no event loop runs, as in a plain script, nothing is done.
    """

    def __init__(self, work: Callable[[], Iterator[None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin anew, soon."""
        self.stop()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._task = loop.create_task(self._run())

    def stop(self) -> None:
        """Stop at once: no further slice is begun."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        await asyncio.sleep(REST)
        begun = time.monotonic()
        for _ in self._work():
            await asyncio.sleep(max(PAUSE, 0.5 * (time.monotonic() - begun)))
            begun = time.monotonic()

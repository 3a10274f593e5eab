"""Where a cell's output goes: put back where an answer redirected, patched or closed it, and limited in size."""

from __future__ import annotations

import sys
from typing import Any

STREAMS = ("stdout", "stderr")
CHANNEL = "pub_thread"  # what ipykernel's streams write to, and lose when they are closed
METHODS = ("write", "flush", "writelines")


class Streams:
    """`sys.stdout` and its kind, as the kernel made them.

    Args:
        shell: IPython's.
        limit: characters that one cell may print.
    """

    def __init__(self, shell: Any, limit: int) -> None:
        self.streams = {name: getattr(sys, name) for name in (*STREAMS, "displayhook", "excepthook")}
        self.channels = {name: vars(self.streams[name]).get(CHANNEL) for name in STREAMS}
        self._limit(shell, limit)

    def closed(self) -> bool:
        """Whether an answer has closed the stream that a check prints to."""
        return bool(self.streams["stdout"].closed)

    def put_back(self) -> None:
        for name, stream in self.streams.items():
            setattr(sys, name, stream)
        for name in STREAMS:
            own = vars(self.streams[name])
            for method in METHODS:  # patched on the object itself
                own.pop(method, None)
            if self.channels[name] is not None:
                own[CHANNEL] = self.channels[name]

    def _limit(self, shell: Any, limit: int) -> None:
        """Drop what a cell prints beyond the limit. (What an answer prints inside its check, the check drops.)"""

        def wrap(info: object) -> None:  # in each cell anew, because IPython wraps and unwraps `write` in each cell
            for name in STREAMS:
                stream = self.streams[name]
                stream.write = Limited(getattr(stream.write, "inner", stream.write), stream.flush, limit)

        shell.events.register("pre_run_cell", wrap)


class Limited:
    """A stream's `write` that drops what is beyond the limit."""

    def __init__(self, inner: Any, flush: Any, limit: int) -> None:
        self.inner, self.flush, self.left = inner, flush, limit

    def __call__(self, text: str, *rest: Any, **more: Any) -> Any:
        if self.left > 0:
            self.left -= len(text)
            if self.left > 0:
                return self.inner(text, *rest, **more)
            self.flush()  # so that whoever waits for this cell sees how much it printed
        return len(text)

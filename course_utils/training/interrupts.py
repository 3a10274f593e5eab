"""What happens when somebody stops a training with Ctrl-C, or with the notebook's stop button."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A training that was stopped. Its message is one sentence that says how to go on.

    It is an interrupt like any other: the cells below do not run with a model that is half trained. In a notebook
    only the sentence is shown, and not the lines of the loop that happened to be running.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def how_to_go_on(step: int, steps: int, path: Path | None, not_saved: object = None) -> str:
    """What to say of a training that was stopped, in one sentence.

    Args:
        step: how many of `steps` steps are done.
        path: where they are kept; None if nowhere.
        not_saved: why they could not be kept there.
    """
    if path is None:
        return (
            f"Stopped after {step} of {steps} steps: the model keeps what it has learned so far, and calling `fit` "
            "again starts a new training from there (give it a `checkpoint` to be able to go on)."
        )
    if not_saved is not None:
        return f"Stopped after {step} of {steps} steps, of which the last are not saved. {not_saved}"
    return (
        f"Stopped after {step} of {steps} steps, which are kept in {path}: run this again, and it goes on from there."
    )


class Undisturbed:
    """`with Undisturbed():` an interrupt that comes inside waits until the end, so that all of it happens, or nothing.

    Only the main thread gets interrupts, and only there can they be held back; elsewhere this does nothing.
    """

    def __enter__(self) -> None:
        self._came: tuple[int, FrameType | None] | None = None
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGINT)
            if callable(before):  # not so where interrupts are ignored
                self._before = before
                signal.signal(signal.SIGINT, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._came = (number, frame)

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            return
        signal.signal(signal.SIGINT, self._before)
        if self._came is not None:
            self._before(*self._came)

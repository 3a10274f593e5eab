"""One mutant on one check, with an end to its time."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from course_tools.mutants.answers import Answer
from course_tools.mutants.mutate import Mutant
from course_utils.errors import CourseError
from course_utils.exercises.framework import Exercise

Outcome = Literal["rejected", "survived", "stopped"]


@dataclass
class Clock:
    """Whether the time was up."""

    rang: bool = False


@dataclass
class Bench:
    """An exercise, ready for mutants of its answer.

    Attributes:
        answer: as the lesson has it.
        parts: the check's parts, each as a check of its own, those that take least time first.
        limit: seconds of the processor for a mutant, several times what the answer itself takes.
    """

    answer: Answer
    parts: list[Exercise]
    limit: float

    @classmethod
    def of(cls, answer: Answer, exercise: Exercise) -> Bench:
        """Time the parts of a check on the answer itself.

        Raises:
            CourseError: the check refuses the answer.
        """
        parts, took = [replace(exercise, parts=[part]) for part in exercise.parts], dict[int, float]()
        right = answer.defined(compile(answer.source, f"<{answer.exercise}>", "exec"))
        for index, part in enumerate(parts):
            began = time.process_time()
            result = part.examine(right)
            took[index] = time.process_time() - began
            if not result.ok:
                raise CourseError(
                    f"The check of {answer.exercise} refuses the lesson's own answer ({result.hint}): mend this first."
                )
        return cls(answer, [parts[index] for index in sorted(took, key=took.__getitem__)], 1 + 5 * sum(took.values()))

    def judge(self, mutant: Mutant) -> Outcome:
        """What the check says to a mutant; it stops at the first part that fails."""
        with time_limit(self.limit) as clock:
            rejected = self._rejects(mutant)
        return "stopped" if clock.rang else "rejected" if rejected else "survived"

    def _rejects(self, mutant: Mutant) -> bool:
        try:
            wrong: Any = self.answer.defined(compile(mutant.source, "<mutant>", "exec"))
        except Exception:  # a student sees this traceback, and no check runs
            return True
        return any(not part.examine(wrong).ok for part in self.parts)


@contextmanager
def time_limit(seconds: float) -> Iterator[Clock]:
    """Interrupt what runs inside, as Ctrl-C would, when it has used the processor for so long; a check breaks off then.

    The processor's time, so that a busy machine changes no verdict. In the main thread, and where the system has such
    timers; elsewhere nothing happens.
    """
    clock = Clock()
    if not hasattr(signal, "setitimer"):  # Windows
        yield clock
        return

    def ring(*_: object) -> None:
        clock.rang = True
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.1)  # and again: an answer may swallow the first
    try:
        try:
            yield clock
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except KeyboardInterrupt:
        if not clock.rang:
            raise
    finally:
        signal.signal(signal.SIGPROF, handler)

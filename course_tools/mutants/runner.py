"""All mutants of a lesson on its checks, in a process of their own: one that hangs or dies costs only itself."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from course_tools.mutants.answers import Answer, read
from course_tools.mutants.mutate import Mutant, mutants
from course_utils.errors import CourseError

if TYPE_CHECKING:  # it loads PyTorch, and the process that waits needs none
    from course_tools.mutants.trial import Outcome
    from course_utils.exercises.framework import Exercise

Cases = Callable[[str], "Iterable[tuple[Answer, Exercise]]"]

MEMORY = 2 * 2**30  # bytes that a mutant may take
START_SECONDS = 120.0  # to load PyTorch and to try the answers themselves, on a busy machine
GRACE_SECONDS = 3.0  # after its own limit: what is deep in a library hears no timer


@dataclass
class Report:
    """What became of a lesson's mutants.

    Attributes:
        lesson: its number.
        exercises: the names of its exercises, in order.
        outcomes: each mutant, and what the check said.
    """

    lesson: str
    exercises: list[str] = field(default_factory=list)
    outcomes: list[tuple[Mutant, Outcome]] = field(default_factory=list)

    @property
    def survivors(self) -> list[Mutant]:
        """Those that passed their check."""
        return [mutant for mutant, outcome in self.outcomes if outcome == "survived"]


def cases(number: str) -> Iterable[tuple[Answer, Exercise]]:
    """The answers of a lesson with their checks."""
    from course_utils import exercises

    checks = exercises.for_lesson(number)
    return [(answer, checks[answer.exercise]) for answer in read(number)]


def attempt(number: str, load: Cases = cases) -> Report:
    """Make a lesson's mutants and try each on its check.

    Args:
        number: of the lesson, two digits.
        load: gives the answers and checks of a lesson; a function of a module, found there by the process.

    Raises:
        CourseError: there is no such lesson, or a check refuses the lesson's own answer.
    """
    verdicts: dict[int, Outcome] = {}
    while True:
        made = _until_one_hangs(number, load, verdicts)
        if len(verdicts) == sum(map(len, made.values())):
            break
    every = [mutant for found in made.values() for mutant in found]
    return Report(number, list(made), [(mutant, verdicts[index]) for index, mutant in enumerate(every)])


def _until_one_hangs(number: str, load: Cases, verdicts: dict[int, Outcome]) -> dict[str, list[Mutant]]:
    """Let a process try what has no verdict yet. Returns exercise -> its mutants."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, number, load, frozenset(verdicts)), daemon=True)
    process.start()
    theirs.close()
    made: dict[str, list[Mutant]] | None = None
    busy, patience = None, START_SECONDS
    try:
        while (message := _heard(pipe, patience)) is not None:
            kind, value = message
            if kind == "refused":
                raise CourseError(value)
            if kind == "made":
                made = value
            elif kind == "begins":
                busy, limit = value
                patience = limit + GRACE_SECONDS
            else:
                verdicts[value[0]] = value[1]
                busy, patience = None, START_SECONDS
        if made is None:
            raise CourseError(f"The process that tries the mutants of lesson {number} has died before the first one.")
        if busy is not None:
            verdicts[busy] = "stopped"
        return made
    finally:
        process.kill()
        process.join()
        pipe.close()


def _heard(pipe: Connection, seconds: float) -> tuple[str, Any] | None:
    """The next message; None if the process is silent for so long, or has ended."""
    with contextlib.suppress(EOFError, ConnectionError):
        if pipe.poll(seconds):
            message: tuple[str, Any] = pipe.recv()
            return message
    return None


def _serve(pipe: Connection, number: str, load: Cases, done: frozenset[int]) -> None:
    """The process: says what it made, then each mutant before and after its trial."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both, and the one that waits ends this one
    import torch

    from course_tools.mutants.trial import Bench

    torch.set_num_threads(1)
    try:
        benches = [Bench.of(answer, exercise) for answer, exercise in load(number)]
    except CourseError as error:
        pipe.send(("refused", str(error)))
        return
    found = [mutants(bench.answer) for bench in benches]
    pipe.send(("made", {bench.answer.exercise: some for bench, some in zip(benches, found, strict=True)}))
    _limit_memory()
    every = [(bench, mutant) for bench, some in zip(benches, found, strict=True) for mutant in some]
    for index, (bench, mutant) in enumerate(every):
        if index not in done:
            pipe.send(("begins", (index, bench.limit)))
            pipe.send(("ends", (index, bench.judge(mutant))))


def _limit_memory() -> None:
    """Where the system can, no more than `MEMORY` beside what is taken already."""
    try:
        import resource
    except ImportError:  # Windows
        return
    import psutil

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, hard))

"""All mutants of a lesson on its checks, in a process of their own: one that hangs or dies costs only itself."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import psutil

from course_tools.mutants.answers import Answer, read
from course_tools.mutants.mutate import Mutant, mutants
from course_utils.errors import CourseError

if TYPE_CHECKING:  # it loads PyTorch, and the process that waits needs none
    from course_tools.mutants.trial import Outcome
    from course_utils.exercises.framework import Exercise

Cases = Callable[[str], "Iterable[tuple[Answer, Exercise]]"]

MEMORY = 2 * 2**30  # bytes that a mutant may take
GRACE = 2.0  # seconds of the processor past a mutant's limit: what is deep in a library hears no timer
SILENCE = 300.0  # seconds in which nothing is heard: a mutant that sleeps, or a very busy machine


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
    made = _until_one_hangs(number, load, verdicts)
    while (known := len(verdicts)) < sum(map(len, made.values())):
        _until_one_hangs(number, load, verdicts)
        if len(verdicts) == known:
            raise CourseError(f"The process that tries the mutants of lesson {number} dies before it has tried one.")
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
    busy, limit = None, SILENCE
    try:
        while (message := _heard(pipe, process.pid, limit)) is not None:
            kind, value = message
            if kind == "refused":
                raise CourseError(value)
            if kind == "made":
                made = value
            elif kind == "begins":
                busy, limit = value[0], value[1] + GRACE
            else:
                verdicts[value[0]] = value[1]
                busy, limit = None, SILENCE
        if made is None:
            raise CourseError(f"The process that tries the mutants of lesson {number} has died before the first one.")
        if busy is not None:
            verdicts[busy] = "stopped"
        return made
    finally:
        process.kill()
        process.join()
        pipe.close()


def _heard(pipe: Connection, pid: int | None, limit: float) -> tuple[str, Any] | None:
    """The next message; None if the process has ended, is silent, or has used the processor past its limit."""
    began = time.monotonic()
    with contextlib.suppress(EOFError, ConnectionError, psutil.NoSuchProcess):
        process = psutil.Process(pid)
        used = sum(process.cpu_times()[:2])
        while not pipe.poll(1):
            if sum(process.cpu_times()[:2]) - used > limit or time.monotonic() - began > SILENCE:
                return None
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
    _silence()
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
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, hard))


def _silence() -> None:
    """What libraries write past Python, about numbers that make no sense, goes nowhere: the mutants are meant so."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

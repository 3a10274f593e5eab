"""Processes that make runs side by side, each on one thread: none of them waits for another."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

import torch

from course_utils.environment import QUIET_VARIABLE
from course_utils.errors import CourseError

Task = TypeVar("Task")
Run = Callable[[Any, int], Mapping[str, Any]]


class Worker(Generic[Task]):
    """One process, which makes one run at a time and remembers what it has trained.

    Attributes:
        task: what it is busy with, None if with nothing.
        group: of its last task; those of the same group are best given to it again.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit threads that are not there any more
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None
        self.group: object = None

    def begin(self, task: Task, group: object, run: Run, settings: Any, seed: int) -> None:
        """Give it a run to make.

        Raises:
            CourseError: `run` is no function of a module, where the process would find it by its name.
        """
        try:
            self.pipe.send((run, settings, seed))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise CourseError(
                f"A run of this study cannot be given to another process ({error}): define its function and its "
                "settings in a module, or use one worker."
            ) from None
        self.task, self.group = task, group

    def end(self) -> tuple[Task, Mapping[str, Any], float]:
        """Wait for the run. Returns its task, its figures, and the processor's seconds.

        Raises:
            CourseError: the process died.
            whatever the run raised.
        """
        try:
            figures, seconds, error, where = self.pipe.recv()
        except EOFError:
            raise CourseError(
                "A process that made a run has died, perhaps for want of memory: the runs before it are stored, go on "
                "with fewer workers."
            ) from None
        if error is not None:
            raise error from RuntimeError(where)
        assert self.task is not None
        task, self.task = self.task, None
        return task, figures, seconds


@contextmanager
def crew(count: int) -> Iterator[list[Worker[Any]]]:
    """So many workers, which are stopped at the end, whatever they are doing."""
    workers: list[Worker[Any]] = []
    try:
        workers += [Worker() for _ in range(count)]
        yield workers
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()
            worker.pipe.close()


def first_done(workers: Sequence[Worker[Task]]) -> Worker[Task]:
    """The worker whose run is done first; wait for it."""
    ready = wait([worker.pipe for worker in workers if worker.task is not None])
    return next(worker for worker in workers if worker.pipe in ready)


def timed(run: Run, settings: Any, seed: int) -> tuple[Mapping[str, Any], float]:
    """The figures of a run, and what it cost: of this process's own time, because the machine may be busy elsewhere."""
    started = time.process_time()
    figures = run(settings, seed)
    return figures, time.process_time() - started


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes, and the first one ends the others
    os.environ[QUIET_VARIABLE] = "1"  # the bars of several would be drawn over each other
    torch.set_num_threads(1)
    while True:
        try:
            run, settings, seed = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((*timed(run, settings, seed), None, ""))
        except Exception as error:
            known = error if isinstance(error, CourseError) else CourseError(f"{type(error).__name__}: {error}")
            pipe.send((None, 0.0, known, traceback.format_exc()))

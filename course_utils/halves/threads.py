"""The two threads that halves are computed on, and how two works are given to them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

from course_utils.halves.choice import Choice, Chooser
from course_utils.runtime import usable_cores

T = TypeVar("T")

_here = threading.local()  # has `inside` in the two threads, and nothing elsewhere
_turn = threading.Lock()  # one pair of halves at a time: two pairs would slow, and mismeasure, each other
_pools: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive a fork
_choice: Chooser = Choice(usable_cores())


def compute(works: Sequence[Callable[[], T]], kind: Hashable) -> list[T]:
    """What one or two works give, each computed on one thread; side by side or one after the other, as is faster now.

    Neither may depend on the other, nor draw from a generator that both know, nor change what both read. Gradient
    mode, inference mode and autocast are the caller's.

    Args:
        works: one or two functions without arguments.
        kind: equal for works that take equally long, such as (network, shape of the batch).

    Raises:
        what they raised, the first one's before the second one's, and not before both have stopped.
    """
    if inside():  # a half that has halves: its thread is the one to do it
        return [work() for work in works]
    if len(works) < 2:
        return [on_one_thread(work) for work in works]
    first, second = works
    with _turn:
        together = _choice.side_by_side(kind)
        started = time.perf_counter()
        one = _submit(first)
        if not together:
            _finished(one)
        other = _submit(second)
        results = _finished(one, other)
        _choice.took(together, time.perf_counter() - started)
    return results


def on_one_thread(work: Callable[..., T], *arguments: object) -> T:
    """work(*arguments), on one thread, so that the result does not depend on how many PyTorch may use."""
    if inside():
        return work(*arguments)
    return _finished(_submit(lambda: work(*arguments)))[0]


@contextmanager
def one_thread() -> Iterator[None]:
    """The calling thread does its own sums on one thread, for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def inside() -> bool:
    """Whether this is one of the two threads."""
    return getattr(_here, "inside", False)


@contextmanager
def chosen_by(choice: Chooser) -> Iterator[None]:
    """Let another choice decide, for a while: for tests and benchmarks."""
    global _choice
    before, _choice = _choice, choice
    try:
        yield
    finally:
        _choice = before


def _submit(work: Callable[[], T]) -> Future[T]:
    # each thread has its own of these
    gradients, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    mixed, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def alike() -> T:
        with (
            torch.inference_mode(inference),
            torch.set_grad_enabled(gradients),
            # without the cache of converted weights: it belongs to all threads, and whoever is done first empties it
            torch.autocast("cpu", dtype, enabled=mixed, cache_enabled=False),
        ):
            return work()

    return _pool().submit(alike)


def _finished(*works: Future[T]) -> list[T]:
    """What works gave, when they have ended. After an error or an interrupt, too: nothing goes on unseen."""
    try:
        return [work.result() for work in works]
    except BaseException:
        wait(works)
        raise


def _pool() -> ThreadPoolExecutor:
    if os.getpid() not in _pools:
        before, met = torch.get_num_threads(), threading.Barrier(3)

        def begin() -> None:
            torch.set_num_threads(1)
            torch.get_num_threads()  # a thread's first question makes it take the last number that any thread has set
            _here.inside = True
            met.wait()

        pool = ThreadPoolExecutor(2, thread_name_prefix="half")
        try:
            for _ in range(2):
                pool.submit(begin)
            met.wait()
        except BaseException:  # an interrupt: let the threads go, so that the process can end
            met.abort()
            raise
        torch.set_num_threads(before)  # the setting is each thread's own, but threads to come take the last one set
        _pools[os.getpid()] = pool
    return _pools[os.getpid()]

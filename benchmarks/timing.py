"""What the throughput benchmarks share: options, one sentence where it fails, two clocks, and where the time goes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from course_utils.errors import CourseError


def options(description: str | None) -> argparse.Namespace:
    """The command line: sizes, width, rounds, threads, profile. Sets PyTorch's threads."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--width", type=int, default=24, help="of our U-Net; 24 is the course's on a laptop")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--profile", action="store_true", help="also print where the time goes")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    return asked


def start(main: Callable[[], None]) -> None:
    """Run a script; what it cannot do, such as a width that has no peer, ends it with one sentence."""
    try:
        main()
    except CourseError as error:
        raise SystemExit(str(error)) from None


def timed(work: Callable[[], object], times: int = 1) -> tuple[float, float]:
    """Seconds by the wall and seconds of the processor for doing the work so many times."""
    wall, core = time.perf_counter(), time.process_time()
    for _ in range(times):
        work()
    return time.perf_counter() - wall, time.process_time() - core


def table_of(work: Callable[[], object], times: int = 1, rows: int = 12) -> str:
    """The operations that take most of the time, by torch.profiler."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(times):
            work()
    return record.key_averages().table(sort_by="self_cpu_time_total", row_limit=rows, max_name_column_width=40)

"""A training step and a sampling beside other programs: on two threads, on one, and in halves (about 5 minutes).

    python benchmarks/company.py                       quiet, beside one busy process, beside two
    python benchmarks/company.py --company 0 --rounds 20

The step is that of lesson 04 under `laptop`: width 32, batch 64, bfloat16 where it is fast, Muon, an average of the
weights. The sampling is 5 steps of DDIM with 100 pictures, and guided with 50. In halves, the way is chosen as it is
for a student, by measuring; "side by side" and "one after the other" are shown beside it. All ways alternate, round by
round, so that other work on the machine slows all alike; a round is a few calls, for what comes in a row has the
caches warm. Printed is the median of the rounds, in ms a call, and how long halves take in units of the better of one
thread and two. That is to be at most 1.03 when quiet and 1.2 in company.

A busy process counts in plain Python, which keeps one core busy and its memory quiet. Run this where nothing else runs:
the load of the machine is printed before it begins.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from timing import start, timed

from course_utils import data, diffusion, guidance, models, samplers
from course_utils.halves import Choice, chosen_by
from course_utils.runtime import usable_cores
from course_utils.training import fit

T, SIZE, BATCH, STEPS = 1000, 16, 64, 5
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
LIFE = 900  # seconds after which a busy process ends by itself, should this one be killed
BUSY = f"import time\nend = time.time() + {LIFE}\nwhile time.time() < end: sum(range(1000))"


class Always:
    """No measuring: always the same way."""

    def __init__(self, together: bool) -> None:
        self.together = together

    def side_by_side(self, kind: Hashable) -> bool:
        return self.together

    def took(self, side_by_side: bool, seconds: float) -> None:
        pass


class Stopwatch:
    """Runs while the halves do: the times in which another way is measured bring no trial nearer."""

    def __init__(self) -> None:
        self.before, self.since = 0.0, 0.0

    def __call__(self) -> float:
        return self.before + time.perf_counter() - self.since

    @contextmanager
    def running(self) -> Iterator[None]:
        self.since = time.perf_counter()
        yield
        self.before = self()


@contextmanager
def company(processes: int) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        time.sleep(1.0)
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def network(classes: int = 0) -> models.UNet:
    torch.manual_seed(0)
    return models.UNet(3, width=32, multipliers=(1, 2, 3), attention=(False, False, False), classes=classes)


class Training:
    """`fit` as lesson 04 calls it, from which one step after the other is taken."""

    def __init__(self, halves: bool) -> None:
        images = data.load("flowers", n=1024, size=SIZE).images
        net = network()

        def batch(step: int) -> tuple[torch.Tensor, ...]:
            generator = torch.Generator().manual_seed(step)
            x0 = images[torch.randint(len(images), (BATCH,), generator=generator)]
            t = diffusion.middle_heavy_times(BATCH, T, generator)
            return x0, t, torch.randn(x0.shape, generator=generator)

        def run(steps: int) -> list[float]:
            """Milliseconds of each step. The first one, which makes everything ready, is left out."""
            times = [0.0]

            def stamped(step: int) -> tuple[torch.Tensor, ...]:
                times.append(time.perf_counter())
                return batch(step)

            fit(
                net,
                stamped,
                lambda model, b: diffusion.ddpm_loss(model, b[0], b[1], ALPHA_BAR, b[2]),
                steps + 2,
                optimiser="muon",
                learning_rate=5e-3,
                momentum=0.9,
                hold=0.7,
                ema=0.995,
                autocast=True,
                halves=halves,
                quiet=True,
            )
            return [1e3 * (b - a) for a, b in pairwise(times[2:])]

        self.run = run


def sampling(halves: bool, guided: bool) -> Callable[[int], list[float]]:
    net = network(classes=4 if guided else 0).eval()
    images = 50 if guided else 100
    x_T = torch.randn(images, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    cond = torch.arange(images) % 4
    predict = samplers.as_predict(net, halves=halves)

    def once() -> object:
        if guided:
            return guidance.sample_cfg(net, x_T, cond, 2.0, ALPHA_BAR, STEPS, halves=halves)
        return samplers.sample_ddim(predict, x_T, ALPHA_BAR, STEPS, clip=True)

    def run(times: int) -> list[float]:
        once()
        return [1e3 * timed(once)[0] for _ in range(times)]

    return run


Work = Callable[[bool], Callable[[int], list[float]]]  # halves or not -> calls -> milliseconds of each
WORKS: dict[str, Work] = {
    "training": lambda halves: Training(halves).run,
    "sampling": lambda halves: sampling(halves, guided=False),
    "guided": lambda halves: sampling(halves, guided=True),
}


def measured(work: Work, rounds: int, calls: int) -> dict[str, float]:
    """The median of the rounds' means, in ms, of each way to do the work."""
    whole, halves = work(False), work(True)
    cores = usable_cores()
    watch = Stopwatch()
    choice = Choice(cores, clock=watch)

    def as_chosen() -> list[float]:
        with watch.running():
            return _with(cores, lambda: halves(calls), choice)

    ways: dict[str, Callable[[], list[float]]] = {
        "two threads": lambda: _with(min(2, cores), lambda: whole(calls)),
        "one thread": lambda: _with(1, lambda: whole(calls)),
        "side by side": lambda: _with(cores, lambda: halves(calls), Always(True)),
        "one by one": lambda: _with(cores, lambda: halves(calls), Always(False)),
        "halves": as_chosen,
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(statistics.mean(way()))
    return {name: statistics.median(times) for name, times in found.items()}


def _with(threads: int, work: Callable[[], list[float]], choice: object = None) -> list[float]:
    torch.set_num_threads(threads)
    with chosen_by(choice or Always(True)):  # type: ignore[arg-type]
        return work()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--company", type=int, nargs="+", default=[0, 1, 2], help="busy processes beside it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=8, help="steps in a round; of samplings, a quarter as many")
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    asked = parser.parse_args()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"torch {torch.__version__}, {usable_cores()} cores{load}, median of {asked.rounds} alternating rounds, ms")
    for name in asked.works:
        work, calls = WORKS[name], asked.calls if name == "training" else max(1, asked.calls // 4)
        print(f"\n{name}")
        for busy in asked.company:
            with company(busy):
                found = measured(work, asked.rounds, calls)
            best = min(found["two threads"], found["one thread"])
            cells = "  ".join(f"{way} {ms:7.1f}" for way, ms in found.items())
            limit = 1.2 if busy else 1.03
            ratio = found["halves"] / best
            verdict = "good" if ratio <= limit else f"above {limit}"
            print(
                f"  beside {busy} busy: {cells}  halves / better of the first two {ratio:.2f} ({verdict})", flush=True
            )


if __name__ == "__main__":
    start(main)

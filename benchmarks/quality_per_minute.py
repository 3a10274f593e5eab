"""How good the pictures are after a minute of training or less: ours and diffusers' network, by two recipes.

    python benchmarks/quality_per_minute.py                     the real run: seven minutes on two cores
    python benchmarks/quality_per_minute.py --seconds 3 6       a rehearsal
    python benchmarks/quality_per_minute.py --core-time         on a machine that is busy with other work

MNIST at 16 px with its classes. Both networks have the same number of parameters (within 5 %) and learn by the same
two recipes, each from the same batches, for the v target, with an average of the weights:

lesson 12   Muon, steps from the middle more often, a learning rate that holds and then falls in a straight line
plain       AdamW, all steps alike, a learning rate that stays

They train in turns of a few seconds, so that other work on the machine slows all alike, and only their own turns
count. Where the time is up, images are drawn in 20 steps for labels asked for in equal shares, without guidance, by
DDIM and with fresh noise (eta = 1), and judged by the recogniser: the share read as asked, the share that it is sure
of, the Fréchet distance, and beside them the same figures for real images. Since the learning rate of lesson 12 falls
towards its end, each mark has a training of its own.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import peers
import torch
from timing import start
from torch import Tensor, nn

from course_utils import data, diffusion, metrics, models, samplers
from course_utils.guidance import bernoulli_mask, drop_condition
from course_utils.training import (
    OPTIMISERS,
    bf16_where_fast,
    ema_decay,
    ema_update,
    initialised,
    learning_rate_factor,
)

DATASET, SIZE, CLASSES = "mnist", 16, 10
T, BATCH, STEPS_TO_SAMPLE = 1000, 64, 20
FORGET = 0.1  # share of the labels that are withheld, as guidance will want it later
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
FINE = 10_000  # parts of a training, for a learning rate that follows the clock

Batch = tuple[Tensor, Tensor, Tensor, Tensor]  # x0, t, eps, label


@dataclass(frozen=True)
class Manner:
    """How a network is taught: the optimiser and its settings, the steps that are practised, the average."""

    name: str
    optimiser: str
    learning_rate: float
    hold: float
    momentum: float
    middle_heavy: bool
    ema: float

    def times(self, generator: torch.Generator) -> Tensor:
        """The steps of a batch, (BATCH,)."""
        if self.middle_heavy:
            return diffusion.middle_heavy_times(BATCH, T, generator, mean=-0.6)
        return diffusion.uniform_times(BATCH, T, generator)


MANNERS = (
    Manner("lesson 12", "muon", 5e-3, hold=0.7, momentum=0.9, middle_heavy=True, ema=0.995),
    Manner("plain", "adamw", 2e-3, hold=1.0, momentum=0.9, middle_heavy=False, ema=0.998),
)


@dataclass
class Runner:
    """One network in training until `mark`; `seconds` counts its own turns only."""

    name: str
    net: nn.Module
    manner: Manner
    mark: float
    clock: Callable[[], float]
    seconds: float = 0.0
    steps: int = 0
    average: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        make = OPTIMISERS[self.manner.optimiser]
        self.optimiser = make(self.net, self.manner.learning_rate, 0.01, momentum=self.manner.momentum)
        self.batches = batches(self.manner)

    def train(self, until: float) -> None:
        """Take steps until the clock of this network stands at `until` seconds, or at its mark."""
        self.net.train()
        while self.seconds < min(until, self.mark):
            started = self.clock()
            self.step(next(self.batches))
            self.seconds += self.clock() - started

    def step(self, batch: Batch) -> None:
        x0, t, eps, label = batch
        share = min(self.seconds / self.mark, 1.0)
        factor = learning_rate_factor(int(share * (FINE - 1)), FINE, warmup=0.05, hold=self.manner.hold)
        for group in self.optimiser.param_groups:
            group["lr"] = self.manner.learning_rate * factor
        self.optimiser.zero_grad()
        with bf16_where_fast(x0.device):
            loss = diffusion.diffusion_loss(self.net, x0, t, ALPHA_BAR, eps, label, kind="v")
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        ema_update(self.average, self.net, ema_decay(self.steps, self.manner.ema))
        self.steps += 1


def batches(manner: Manner, seed: int = 0) -> Iterator[Batch]:
    """The same batches for every network: images, steps, noise and labels."""
    shown = data.load(DATASET, size=SIZE, split="train")
    generator = torch.Generator().manual_seed(seed)
    while True:
        choice = torch.randint(len(shown), (BATCH,), generator=generator)
        t, eps = manner.times(generator), torch.randn(BATCH, 1, SIZE, SIZE, generator=generator)
        label = drop_condition(shown.labels[choice], bernoulli_mask(BATCH, FORGET, generator), null=CLASSES)
        yield shown.images[choice], t, eps, label


def judged(net: nn.Module, judge: metrics.Judge, eta: float) -> dict[str, float]:
    """Draw images for labels in equal shares, with this share of fresh noise, and judge them."""
    asked, generator = torch.arange(judge.n) % CLASSES, torch.Generator().manual_seed(1)
    x_T = torch.randn(judge.n, 1, SIZE, SIZE, generator=generator)
    parts = []
    for x, label in zip(x_T.split(250), asked.split(250), strict=True):
        predict = samplers.as_predict(net, label, kind="v", alpha_bar=ALPHA_BAR)
        parts.append(
            samplers.sample_ddim(predict, x, ALPHA_BAR, STEPS_TO_SAMPLE, eta=eta, generator=generator, clip=True)
        )
    images = torch.cat(parts)
    return {"as asked": judge.reader.accuracy(images, asked), **judge.scores(images)}


def compare(
    marks: Sequence[float],
    turn: float,
    n: int,
    width: int = 24,
    clock: Callable[[], float] = time.perf_counter,
    say: Callable[[str], None] = print,
) -> None:
    """Train all in turns, and print two lines at each mark: by DDIM and with fresh noise."""
    judge = metrics.Judge(DATASET, SIZE, n=n)  # first, for it needs the data too
    real = data.load(DATASET, n=n, size=SIZE, split="test", seed=9)
    attention, multipliers = (False, False, False), (1, 2, 3)

    def ours() -> models.UNet:
        return models.UNet(1, width=width, multipliers=multipliers, attention=attention, classes=CLASSES)

    makers = {"ours": ours, "diffusers": lambda: peers.unet_like(ours(), SIZE)}
    count = {name: peers.parameters(make()) for name, make in makers.items()}
    say(f"MNIST {SIZE} px, {torch.get_num_threads()} threads, parameters {count}, {n} images judged\n")
    line = "{:<10} {:<10} {:>8} {:>6} {:<12} {:>9} {:>6} {:>8}"
    say(line.format("network", "recipe", "seconds", "steps", "drawn by", "as asked", "sure", "Fréchet"))
    floor = {"as asked": judge.reader.accuracy(real.images, real.labels), **judge.floor}
    say(line.format("real", "", "", "", "", *figures(floor)))
    for mark in marks:
        runners = [
            Runner(name, initialised(make, seed=0), manner, mark, clock)
            for manner in MANNERS
            for name, make in makers.items()
        ]
        until = 0.0
        while until < mark:
            until += turn
            for runner in runners:
                runner.train(until)
        for runner in runners:
            for way, eta in (("DDIM", 0.0), ("fresh noise", 1.0)):
                found = figures(judged(runner.average, judge, eta))
                say(line.format(runner.name, runner.manner.name, round(runner.seconds), runner.steps, way, *found))


def figures(found: dict[str, float]) -> tuple[str, str, str]:
    return f"{found['as asked']:.3f}", f"{found['sure']:.3f}", f"{found['frechet']:.2f}"


def core_seconds() -> float:
    """Seconds that the processor worked, on each of PyTorch's threads: those of a quiet machine, roughly."""
    return time.process_time() / torch.get_num_threads()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[35, 60], help="how long to train")
    parser.add_argument("--turn", type=float, default=5, help="seconds until the next one has its turn")
    parser.add_argument("--images", type=int, default=1000, help="how many are judged")
    parser.add_argument("--width", type=int, default=24, help="of our network")
    parser.add_argument("--core-time", action="store_true", help="count the processor's seconds, not the wall's")
    asked = parser.parse_args()
    clock = core_seconds if asked.core_time else time.perf_counter
    compare(sorted(asked.seconds), asked.turn, asked.images, asked.width, clock)


if __name__ == "__main__":
    start(main)

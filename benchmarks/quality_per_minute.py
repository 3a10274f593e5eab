"""How good the pictures are after one, two and three minutes of training, ours beside the same recipe with another net.

    python benchmarks/quality_per_minute.py                     the real run: two times three minutes on two cores
    python benchmarks/quality_per_minute.py --seconds 3 6       a rehearsal

MNIST at 16 px with its classes. Both networks have the same number of parameters (within 5 %) and learn by the same
recipe: the v target, the same batches, AdamW, the same moving average. They train in turns of a few seconds, so that
other work on the machine slows both alike, and only their own turns count. After each mark, images are drawn for
labels asked for in equal shares (DDIM, no guidance) and judged by the recogniser: the share read as asked, the share
that it is sure of, the Fréchet distance, and beside them the same figures for real images.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import peers
import torch
from torch import Tensor, nn

from course_utils import data, diffusion, metrics, models, samplers
from course_utils.training import bf16_where_fast, ema_decay, ema_update, make_adamw

DATASET, SIZE, CLASSES = "mnist", 16, 10
T, BATCH, STEPS_TO_SAMPLE = 1000, 64, 20
LEARNING_RATE, WARM_UP, EMA = 2e-3, 50, 0.998
FORGET = 0.1  # share of the labels that are withheld, as guidance will want it later
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))

Batch = tuple[Tensor, Tensor, Tensor, Tensor]  # x0, t, eps, label


@dataclass
class Runner:
    """One network in training; `seconds` counts its own turns only."""

    name: str
    net: nn.Module
    batches: Iterator[Batch]
    seconds: float = 0.0
    steps: int = 0
    average: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = make_adamw(self.net, LEARNING_RATE, weight_decay=0.01)

    def train(self, until: float) -> None:
        """Take steps until the clock of this network stands at `until` seconds."""
        self.net.train()
        while self.seconds < until:
            started = time.perf_counter()
            self.step(next(self.batches))
            self.seconds += time.perf_counter() - started

    def step(self, batch: Batch) -> None:
        x0, t, eps, label = batch
        for group in self.optimiser.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (self.steps + 1) / WARM_UP)
        self.optimiser.zero_grad()
        with bf16_where_fast(x0.device):
            loss = diffusion.diffusion_loss(self.net, x0, t, ALPHA_BAR, eps, label, kind="v")
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        ema_update(self.average, self.net, ema_decay(self.steps, EMA))
        self.steps += 1


def batches(seed: int = 0) -> Iterator[Batch]:
    """The same batches for every network: images, steps, noise and labels."""
    shown = data.load(DATASET, size=SIZE, split="train")
    generator = torch.Generator().manual_seed(seed)
    while True:
        choice = torch.randint(len(shown), (BATCH,), generator=generator)
        t = diffusion.uniform_times(BATCH, T, generator)
        eps = torch.randn(BATCH, 1, SIZE, SIZE, generator=generator)
        label = shown.labels[choice]
        label = torch.where(torch.rand(BATCH, generator=generator) < FORGET, CLASSES, label)
        yield shown.images[choice], t, eps, label


def judged(net: nn.Module, judge: metrics.Judge) -> dict[str, float]:
    """Draw images for labels in equal shares, and judge them."""
    asked = torch.arange(judge.n) % CLASSES
    x_T = torch.randn(judge.n, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    parts = []
    for x, label in zip(x_T.split(250), asked.split(250), strict=True):
        predict = samplers.as_predict(net, label, kind="v", alpha_bar=ALPHA_BAR)
        parts.append(samplers.sample_ddim(predict, x, ALPHA_BAR, STEPS_TO_SAMPLE, clip=True))
    images = torch.cat(parts)
    return {"as asked": judge.reader.accuracy(images, asked), **judge.scores(images)}


def compare(marks: Sequence[float], turn: float, n: int, say: Callable[[str], None] = print) -> None:
    """Train both in turns and print a line at each mark."""
    torch.manual_seed(0)
    ours = models.UNet(1, width=32, classes=CLASSES)
    theirs = peers.unet_like(ours, SIZE)
    runners = [Runner("ours", ours, batches()), Runner("diffusers", theirs, batches())]
    judge = metrics.Judge(DATASET, SIZE, n=n)
    real = data.load(DATASET, n=n, size=SIZE, split="test", seed=9)
    floor = {"as asked": judge.reader.accuracy(real.images, real.labels), **judge.floor}
    count = {runner.name: sum(p.numel() for p in runner.net.parameters()) for runner in runners}
    say(f"MNIST {SIZE} px, {torch.get_num_threads()} threads, parameters {count}, {n} images judged\n")
    say(f"{'network':<10} {'seconds':>8} {'steps':>6} {'as asked':>9} {'sure':>6} {'Fréchet':>8}")
    line = "{:<10} {:>8} {:>6} {:>9.3f} {:>6.3f} {:>8.2f}"
    say(line.format("real", "", "", floor["as asked"], floor["sure"], floor["frechet"]))
    clock = 0.0
    for mark in marks:
        while clock < mark:
            clock = min(mark, clock + turn)
            for runner in runners:
                runner.train(clock)
        for runner in runners:
            found = judged(runner.average, judge)
            figures = found["as asked"], found["sure"], found["frechet"]
            say(line.format(runner.name, round(runner.seconds), runner.steps, *figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[60, 120, 180], help="when to judge")
    parser.add_argument("--turn", type=float, default=5, help="seconds until the other network has its turn")
    parser.add_argument("--images", type=int, default=1000, help="how many are judged")
    asked = parser.parse_args()
    compare(sorted(asked.seconds), asked.turn, asked.images)

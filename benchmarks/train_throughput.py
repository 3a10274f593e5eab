"""Images a second in training: our U-Net against diffusers' UNet2DModel of the same size, in one run.

    python benchmarks/train_throughput.py                 on two threads
    python benchmarks/train_throughput.py --profile       also where the time goes

Both have the same number of parameters (within 5 %) and attention in the same places (see peers.py), the same images,
loss and optimiser (AdamW in one fused kernel), batch 64. The two alternate, round by round, so that other work on the
machine slows both alike. Two ratios are printed: of the best rounds, and the median of the rounds' ratios. The last
column compares the processor's seconds, which other work hardly changes.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import nullcontext

import peers
import torch
from timing import options, start, table_of, timed
from torch import nn

from course_utils import data, diffusion, models
from course_utils.training import make_adamw

BATCH, T = 64, 1000
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))


def stepper(net: nn.Module, size: int, bf16: bool) -> Callable[[], None]:
    """One training step of this network on flowers, as a function."""
    optimiser = make_adamw(net, 1e-3, weight_decay=0.01)
    generator = torch.Generator().manual_seed(0)
    images = data.load("flowers", n=4 * BATCH, size=size).images

    def step() -> None:
        x0 = images[torch.randint(len(images), (BATCH,), generator=generator)]
        t = diffusion.uniform_times(BATCH, T, generator)
        eps = torch.randn(x0.shape, generator=generator)
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
            loss = diffusion.ddpm_loss(net, x0, t, ALPHA_BAR, eps)
        loss.backward()
        optimiser.step()

    return step


def main() -> None:
    asked = options(__doc__)
    print(f"torch {torch.__version__}, {asked.threads} threads, batch {BATCH}, width {asked.width}, ", end="")
    print(f"best (median) of {asked.rounds} alternating rounds")
    heads = ("images/s, ours", "images/s, diffusers", "ratio", "by the processor")
    print(f"{'px':>3} {'dtype':>9} {heads[0]:>16} {heads[1]:>20} {heads[2]:>13} {heads[3]:>17}")
    for size in asked.sizes:
        for bf16 in (False, True):
            torch.manual_seed(0)
            ours = models.UNet(3, width=asked.width)
            steps = [stepper(ours, size, bf16), stepper(peers.unet_like(ours, size), size, bf16)]
            count = 8 if size <= 16 else 3
            for step in steps:
                timed(step, 2)  # warm up
            rounds = [[timed(step, count) for step in steps] for _ in range(asked.rounds)]
            rates = [[count * BATCH / found[k][0] for found in rounds] for k in range(2)]
            ratios = [found[1][0] / found[0][0] for found in rounds]
            by_core = statistics.median(found[1][1] / found[0][1] for found in rounds)
            cells = [f"{max(r):,.0f} ({statistics.median(r):,.0f})" for r in rates]
            ratio = f"{max(rates[0]) / max(rates[1]):.2f} ({statistics.median(ratios):.2f})"
            dtype = "bfloat16" if bf16 else "float32"
            print(f"{size:>3} {dtype:>9} {cells[0]:>16} {cells[1]:>20} {ratio:>13} {by_core:>17.2f}", flush=True)
            if asked.profile:
                print(
                    *(f"\n{name}\n{table_of(s, times=3)}" for name, s in zip(("ours", "diffusers"), steps, strict=True))
                )


if __name__ == "__main__":
    start(main)

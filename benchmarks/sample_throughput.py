"""Images a second in sampling, DDIM at 20 steps: ours against diffusers' own loop with a U-Net of the same size.

    python benchmarks/sample_throughput.py                on two threads
    python benchmarks/sample_throughput.py --profile      also where the time goes

Theirs is the loop of their DDIMPipeline without its progress bar and its conversion to pictures: `UNet2DModel`, then
`DDIMScheduler.step`, step by step. Both have the same number of parameters (within 5 %), attention in the same places
(see peers.py), channels last, float32 and no gradients. The two alternate, round by round, so that other work on the
machine slows both alike. Two ratios are printed: of the best rounds, and the median of the rounds' ratios. The last
columns compare the processor's seconds, which other work hardly changes, and say what the samplers themselves take.
"""

from __future__ import annotations

import statistics

import diffusers
import peers
import torch
from timing import options, start, table_of, timed
from torch import Tensor, nn

from course_utils import diffusion, models, samplers

T, STEPS, BATCH = 1000, 20, 64
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))


def our_way(net: nn.Module, x_T: Tensor) -> Tensor:
    return samplers.sample_ddim(samplers.as_predict(net), x_T, ALPHA_BAR, STEPS)


def their_way(net: nn.Module, x_T: Tensor) -> Tensor:
    """Their pipeline's loop. `net` is their network, called as they call it: with one number for the step."""
    scheduler = diffusers.DDIMScheduler(
        T, beta_schedule="squaredcos_cap_v2", clip_sample=False, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(STEPS)
    x = x_T
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(net(x, t).sample, t, x).prev_sample
    return x


class Nothing(nn.Module):
    """A network that costs nothing: what is left is the sampler."""

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        return x


def main() -> None:
    asked = options(__doc__)
    print(
        f"torch {torch.__version__}, {asked.threads} threads, batch {BATCH}, width {asked.width}, {STEPS} DDIM steps, "
    )
    print(f"float32, best (median) of {asked.rounds} alternating rounds")
    heads = ("images/s, ours", "images/s, diffusers", "ratio", "by the processor", "sampler's share")
    print(f"{'px':>3} {heads[0]:>16} {heads[1]:>20} {heads[2]:>13} {heads[3]:>17} {heads[4]:>16}")
    for size in asked.sizes:
        torch.manual_seed(0)
        ours = models.UNet(3, width=asked.width).eval()
        theirs = peers.unet_like(ours, size).net.eval()
        x_T = torch.randn(BATCH, 3, size, size)
        x_T_theirs = x_T.contiguous(memory_format=torch.channels_last)
        ways = [lambda net=ours, x=x_T: our_way(net, x), lambda net=theirs, x=x_T_theirs: their_way(net, x)]
        for way in ways:
            way()  # warm up
        rounds = [[timed(way) for way in ways] for _ in range(asked.rounds)]
        rates = [[BATCH / found[k][0] for found in rounds] for k in range(2)]
        ratios = [found[1][0] / found[0][0] for found in rounds]
        by_core = statistics.median(found[1][1] / found[0][1] for found in rounds)
        bare = min(timed(lambda x=x_T: our_way(Nothing(), x))[0] for _ in range(5))
        share = bare / min(found[0][0] for found in rounds)
        cells = [f"{max(r):,.1f} ({statistics.median(r):,.1f})" for r in rates]
        ratio = f"{max(rates[0]) / max(rates[1]):.2f} ({statistics.median(ratios):.2f})"
        print(f"{size:>3} {cells[0]:>16} {cells[1]:>20} {ratio:>13} {by_core:>17.2f} {share:>16.1%}", flush=True)
        if asked.profile:
            print(
                *(f"\n{name}\n{table_of(way, rows=10)}" for name, way in zip(("ours", "diffusers"), ways, strict=True))
            )


if __name__ == "__main__":
    start(main)

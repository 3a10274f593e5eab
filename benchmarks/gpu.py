"""Images a second on a GPU, in training and in sampling, beside diffusers' U-Net of the same size in one run.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --device cpu --quick        a rehearsal without a GPU

Both networks have the same number of parameters (within 5 %), blocks and attention; both run channels last, under
bfloat16 autocast, with fused AdamW. The two alternate, round by round, and the median of the rounds is printed. The
last column is the share of the bfloat16 rate that this machine reaches in a large matrix product, measured in the
same run; of the networks, the operations of convolutions and matrix products are counted, forward and backward.
`--compile` adds our network compiled, and the seconds that compiling took.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import peers
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils import diffusion, models, samplers
from course_utils.training import make_adamw

T, DDIM_STEPS = 1000, 20
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))


@dataclass(frozen=True)
class Setting:
    """One row of the comparison: image size in px, width of the U-Net, images in a batch."""

    size: int
    width: int
    batch: int


FULL = (Setting(16, 64, 512), Setting(32, 64, 256), Setting(32, 128, 256), Setting(64, 128, 64))
QUICK = (Setting(16, 16, 8),)


@dataclass
class Rival:
    """A network, what it costs, and how fast it was in each round (images a second)."""

    name: str
    net: nn.Module
    train: Callable[[], None]
    sample: Callable[[], None]
    operations: float = 0.0  # floating point operations of one training step
    trained: list[float] = field(default_factory=list)
    sampled: list[float] = field(default_factory=list)


def autocast(device: torch.device) -> AbstractContextManager[None]:
    return torch.autocast(device.type, torch.bfloat16)


def seconds(work: Callable[[], object], device: torch.device, least: float) -> float:
    """Wall-clock seconds of one call, the mean of as many as fill `least` seconds, the device's queue emptied."""
    count, started = 0, time.perf_counter()
    while True:
        work()
        count += 1
        if device.type == "cuda":
            torch.cuda.synchronize(device)  # costs a few microseconds a step, and both alike
        passed = time.perf_counter() - started
        if passed >= least:
            return passed / count


def bf16_rate(device: torch.device, side: int, least: float) -> float:
    """Floating point operations a second in a product of two large bfloat16 matrices: the best of five rounds."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds(lambda: a @ b, device, least)  # warm
    return 2 * side**3 / min(seconds(lambda: a @ b, device, least) for _ in range(5))


def rival(name: str, net: nn.Module, setting: Setting, device: torch.device) -> Rival:
    """A network with a training step and a sampling that use the course's own functions."""
    net = net.to(device).to(memory_format=torch.channels_last)
    shape = (setting.batch, 3, setting.size, setting.size)
    generator = torch.Generator().manual_seed(0)
    x0 = torch.randn(shape, generator=generator).to(device)
    eps = torch.randn(shape, generator=generator).to(device)
    t = diffusion.uniform_times(setting.batch, T, generator).to(device)
    alpha_bar = ALPHA_BAR.to(device)  # so that no step waits for a copy
    optimiser = make_adamw(net, 1e-4, 0.01)

    def train() -> None:
        net.train()
        optimiser.zero_grad()
        with autocast(device):
            loss = diffusion.diffusion_loss(net, x0, t, alpha_bar, eps)
        loss.backward()
        optimiser.step()

    def under_autocast(x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        with autocast(device):
            return net(x, t, cond).float()

    def sample() -> None:
        net.eval()
        samplers.sample_ddim(samplers.as_predict(under_autocast), eps, ALPHA_BAR, DDIM_STEPS)

    return Rival(name, net, train, sample)


def compare(setting: Setting, device: torch.device, rate: float, rounds: int, least: float, compiled: bool) -> None:
    """Print a line for each network at one setting."""
    torch.manual_seed(0)
    ours = models.UNet(3, width=setting.width)
    rivals = [
        rival("ours", ours, setting, device),
        rival("diffusers", peers.unet_like(ours, setting.size), setting, device),
    ]
    if compiled:
        torch.manual_seed(0)
        rivals.append(rival("compiled", torch.compile(models.UNet(3, width=setting.width)), setting, device))
    for one in rivals:
        started = time.perf_counter()
        one.train(), one.sample()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if one.name == "compiled":
            print(f"compiling took {time.perf_counter() - started:.0f} s")
            one.operations = rivals[0].operations
        else:
            with FlopCounterMode(display=False) as counter:
                one.train()
            one.operations = float(counter.get_total_flops())
    for _ in range(rounds):
        for one in rivals:
            one.trained.append(setting.batch / seconds(one.train, device, least))
            one.sampled.append(setting.batch / seconds(one.sample, device, least))
    for one in rivals:
        million = sum(p.numel() for p in one.net.parameters()) / 1e6
        training, sampling = statistics.median(one.trained), statistics.median(one.sampled)
        share = one.operations * training / setting.batch / rate
        print(
            f"{setting.size:>4} {setting.width:>6} {setting.batch:>6} {one.name:<10} {million:>8.2f}M"
            f" {training:>12,.0f} {sampling:>12,.0f} {share:>11.1%}"
        )
    training, sampling = (
        statistics.median(getattr(rivals[0], which)) / statistics.median(getattr(rivals[1], which))
        for which in ("trained", "sampled")
    )
    print(f"     ours is {training:.2f} times as fast in training and {sampling:.2f} times in sampling\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="tiny networks and a round of an instant")
    parser.add_argument("--compile", action="store_true", help="also our network, compiled")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no CUDA GPU here: `--device cpu --quick` rehearses without one.")
    torch.backends.cudnn.benchmark = True
    rounds, least = (1, 0.05) if asked.quick else (5, 1.0)
    rate = bf16_rate(device, 256 if asked.quick else 8192, least)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, PyTorch {torch.__version__}: {rate / 1e12:.3g} TFLOP/s in a bfloat16 matrix product\n")
    print("size  width  batch network    parameters  trained/s    sampled/s  share of rate")
    for setting in QUICK if asked.quick else FULL:
        compare(setting, device, rate, rounds, least, asked.compile)


if __name__ == "__main__":
    main()

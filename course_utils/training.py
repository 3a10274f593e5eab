"""One training loop, which reads like the algorithm on the page: draw a batch, compute the loss, step downhill."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_utils.errors import CourseError

QUIET_VARIABLE = "COURSE_QUIET"  # set it to anything to have no progress bars, as where a notebook runs headless
Batch = TypeVar("Batch")


@dataclass
class Fit:
    """How a training went.

    Attributes:
        losses: the loss of every step.
        seconds: wall-clock time of the loop.
    """

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        return len(self.losses)


def fit(
    model: nn.Module,
    batches: Iterable[Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    steps: int,
    *,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    warmup: float = 0.05,
    clip: float = 1.0,
    quiet: bool = False,
    title: str = "training",
) -> Fit:
    """Train `model` in place with AdamW (Loshchilov & Hutter 2017, arXiv:1711.05101), and leave it in evaluation mode.

    Args:
        model: what to train; it is trained on the device where it is.
        batches: gives at least `steps` batches, most simply a generator that never ends. It owns the randomness.
        loss: `loss(model, batch)` gives a scalar tensor.
        steps: how many batches to learn from.
        learning_rate: the peak, reached after the warm-up; a cosine leads it down to zero.
        weight_decay: AdamW's.
        warmup: the share of the steps over which the learning rate rises from zero.
        clip: a longer gradient, taken over all parameters, is shortened to this norm.
        quiet: no progress bar. There is none either outside a terminal or notebook, or with COURSE_QUIET set.
        title: stands before the progress bar.

    Raises:
        CourseError: the loss or its gradient is not a number, or the batches end early. The model keeps the weights
            of the last good step.
    """
    optimiser = make_adamw(model, learning_rate, weight_decay)
    model.train()
    history, started = Fit(), time.perf_counter()
    endless = iter(batches)
    bar = tqdm(total=steps, desc=title, leave=False, disable=quiet or not _someone_watches(), file=sys.stdout)
    try:
        for step in range(steps):
            batch = next(endless, None)
            if batch is None:
                raise CourseError(
                    f"The batches ended after {step} of {steps} steps: give `fit` a generator that never ends."
                )
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * learning_rate_factor(step, steps, warmup)

            optimiser.zero_grad()
            value = loss(model, batch)
            _stop_if_not_finite("loss", value, step, learning_rate)
            value.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
            _stop_if_not_finite("gradient", norm, step, learning_rate)
            optimiser.step()

            history.losses.append(value.item())
            bar.update()
            bar.set_postfix(loss=f"{history.losses[-1]:.3f}", refresh=False)
    finally:
        bar.close()
        model.eval()
    history.seconds = time.perf_counter() - started
    return history


def learning_rate_factor(step: int, steps: int, warmup: float) -> float:
    """From 0 to 1: a straight rise over the first `warmup * steps` steps, then half a cosine down towards 0."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step + 1 - rising) / max(1, steps - rising + 1)))


def make_adamw(model: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW in one fused kernel where this device has it; biases and scales (one dimension or none) do not decay."""
    learned = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = bool(learned) and all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in learned)
    return torch.optim.AdamW(groups, lr=learning_rate, fused=fused)


def bf16_where_fast(device: torch.device) -> Any:
    """A context in which convolutions and matrix products run in bfloat16, if this machine is faster that way.

    On the CPU that takes instructions for it (avx512_bf16), else it is slower; PyTorch says so through a name with an
    underscore only, hence the caution. Compute the loss itself in float32, outside of it.
    """
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None) if device.type == "cpu" else None
        fast = bool(ask and ask())
    return torch.autocast(device.type if fast else "cpu", torch.bfloat16, enabled=fast)


def _stop_if_not_finite(what: str, value: Tensor, step: int, learning_rate: float) -> None:
    if not torch.isfinite(value).all():
        raise CourseError(
            f"The {what} became {value.item():g} at step {step}: lower the learning rate (now {learning_rate:g}), "
            "or look in the loss for a division by zero or the root or logarithm of a negative number."
        )


def _someone_watches() -> bool:
    """True in a terminal or a notebook's kernel, false in a log file, a pipe or a test."""
    if os.environ.get(QUIET_VARIABLE):
        return False
    kernel = "ipykernel" in sys.modules and "IPython" in sys.modules
    return kernel or sys.stdout.isatty()

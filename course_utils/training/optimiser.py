"""How a step is taken: the optimiser, its learning rate, and the precision it computes in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.training.muon import make_muon


def learning_rate_factor(step: int, steps: int, warmup: float, hold: float | None = None) -> float:
    """From 0 to 1 and back: a straight rise over the first `warmup * steps` steps, then half a cosine down towards 0.

    With `hold`, a trapezoid instead: it stays at 1 until `hold * steps` steps are done, and falls in a straight line.
    With hold = 1 it never falls.
    """
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    held = rising if hold is None else max(rising, round(hold * steps))
    if step < held:
        return 1.0
    done = (step + 1 - held) / max(1, steps - held + 1)  # of the fall, above 0 and below 1
    return 0.5 * (1 + math.cos(math.pi * done)) if hold is None else 1 - done


def make_adamw(model: nn.Module, learning_rate: float, weight_decay: float, momentum: float = 0.9) -> torch.optim.AdamW:
    """AdamW in one fused kernel where this device has it; biases and scales (one dimension or none) do not decay."""
    learned = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = bool(learned) and all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in learned)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(momentum, 0.999), fused=fused)


OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": make_adamw,
    "muon": make_muon,
}


def make_optimiser(
    name: str, model: nn.Module, learning_rate: float, weight_decay: float, momentum: float | None = None
) -> torch.optim.Optimizer:
    """The optimiser of that name for a network; without `momentum`, with its own.

    Raises:
        CourseError: no such optimiser.
    """
    if name not in OPTIMISERS:
        raise CourseError(f"A training takes its steps by one of {', '.join(OPTIMISERS)}: optimiser is {name!r}.")
    own = {} if momentum is None else {"momentum": momentum}
    return OPTIMISERS[name](model, learning_rate, weight_decay, **own)


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

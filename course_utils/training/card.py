"""What every card of trained weights says of the training, and the rounding that comes before weights are judged."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch
from torch import nn


def training_card(
    steps: int, batch: int, seed: int, seconds: tuple[int, int], device: torch.device | str
) -> dict[str, Any]:
    """The part of a card that all trainings share.

    Args:
        steps: batches learnt from.
        batch: images in each.
        seed: of initial weights, data and noise.
        seconds: what it took, (by the wall, of the processor). They differ on a machine that is busy elsewhere.
        device: where it was trained.
    """
    return {
        "steps": steps,
        "batch": batch,
        "seed": seed,
        "seconds": seconds[0],
        "cpu_seconds": seconds[1],
        "machine": machine(torch.device(device)),
        "torch": torch.__version__.split("+")[0],
    }


@torch.no_grad()
def round_to_16_bits(net: nn.Module) -> None:
    """Give the weights, in place, the values that a file of 16-bit numbers holds: what is judged is what is kept."""
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def machine(device: torch.device) -> str:
    """The machine in plain words, without its name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} of {os.cpu_count()} CPU cores, {platform.machine()}"

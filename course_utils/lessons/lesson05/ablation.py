"""Small networks in which one part at a time can be exchanged: what lesson 05 measures with.

`Denoiser` is a U-Net of two levels without time; `Reconstructor` squeezes a picture and draws it again, without skips,
so that nothing but its upsampling makes the fine detail; `Stack` is convolution after convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.blocks import RearrangePool

Make = Callable[[int, int], nn.Module]  # (inputs, outputs) -> a module

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "GroupNorm": lambda channels: nn.GroupNorm(8, channels),
    "BatchNorm": nn.BatchNorm2d,
    "one group": lambda channels: nn.GroupNorm(1, channels),
    "groups of 16": lambda channels: nn.GroupNorm(max(1, channels // 16), channels),
    "16 groups": lambda channels: nn.GroupNorm(16, channels),  # what `groups of 16` becomes if size and number mix
    "none": lambda channels: nn.Identity(),
}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"GELU": F.gelu, "ReLU": F.relu}
POOLS: dict[str, Make] = {
    "max-pool": lambda inputs, outputs: nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(inputs, outputs, kernel_size=1)),
    "strided": lambda inputs, outputs: nn.Conv2d(inputs, outputs, kernel_size=3, stride=2, padding=1),
    "rearrange": RearrangePool,
}
LIFTS: dict[str, Make] = {
    "transposed, 3 x 3": lambda inputs, outputs: nn.ConvTranspose2d(
        inputs, outputs, kernel_size=3, stride=2, padding=1, output_padding=1
    ),
    "transposed, 4 x 4": lambda inputs, outputs: nn.ConvTranspose2d(
        inputs, outputs, kernel_size=4, stride=2, padding=1
    ),
    "resize, then 3 x 3": lambda inputs, outputs: nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
    ),
}


@dataclass(frozen=True)
class Parts:
    """What a `Denoiser` is made of; the defaults are the lesson's choice.

    Attributes:
        norm, activation, pool, lift: keys of `NORMS`, `ACTIVATIONS`, `POOLS` and `LIFTS`.
        residual: whether a block's result is added to its input.
        blocks: in each of the three places, so 2 * 3 * blocks + 4 convolutions in a row.
        width: feature maps at full size, a multiple of 16.
    """

    norm: str = "GroupNorm"
    activation: str = "GELU"
    pool: str = "rearrange"
    lift: str = "resize, then 3 x 3"
    residual: bool = True
    blocks: int = 1
    width: int = 16

    def __post_init__(self) -> None:
        for key, table in (("norm", NORMS), ("activation", ACTIVATIONS), ("pool", POOLS), ("lift", LIFTS)):
            if getattr(self, key) not in table:
                raise CourseError(f"There is no {key} {getattr(self, key)!r}: choose one of {', '.join(table)}.")


class Denoiser(nn.Module):
    """A U-Net of two levels that is not told the time: x_t (B, channels, H, W) -> a guess of x0, shaped like it.

    Args:
        channels: of the pictures.
        parts: what it is made of.
        norm: makes the norm for a number of channels, instead of `parts.norm`: a student's own, say.
    """

    def __init__(
        self, channels: int, parts: Parts | None = None, norm: Callable[[int], nn.Module] | None = None
    ) -> None:
        super().__init__()
        parts = parts or Parts()
        norm = norm or NORMS[parts.norm]
        w, self.activation = parts.width, ACTIVATIONS[parts.activation]
        self.stem = nn.Conv2d(channels, w, kernel_size=3, padding=1)
        self.fine = _blocks(w, w, parts, norm)
        self.pool = POOLS[parts.pool](w, 2 * w)
        self.coarse = _blocks(2 * w, 2 * w, parts, norm)
        self.lift = LIFTS[parts.lift](2 * w, w)
        self.last = _blocks(2 * w, w, parts, norm)
        self.norm = norm(w)
        self.out = nn.Conv2d(w, channels, kernel_size=3, padding=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # fast for convolutions

    def forward(self, x: Tensor) -> Tensor:
        skip = self.fine(self.stem(x.contiguous(memory_format=torch.channels_last)))  # (B, w, H, W)
        h = self.lift(self.coarse(self.pool(skip)))  # (B, w, H, W), by way of (B, 2 w, H/2, W/2)
        h = self.last(torch.cat([h, skip], dim=1))
        return self.out(self.activation(self.norm(h)))


class Block(nn.Module):
    """Norm, activation, convolution, twice; added to the input or not."""

    def __init__(self, inputs: int, outputs: int, parts: Parts, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.norm1 = norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.norm2 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)
        self.activation, self.residual = ACTIVATIONS[parts.activation], parts.residual
        needs_a_bridge = parts.residual and inputs != outputs
        self.skip = nn.Conv2d(inputs, outputs, kernel_size=1) if needs_a_bridge else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(self.activation(self.norm1(x)))
        h = self.conv2(self.activation(self.norm2(h)))
        return self.skip(x) + h if self.residual else h


class Reconstructor(nn.Module):
    """Squeezes a picture to a quarter of its size and draws it again: (B, channels, H, W) -> the same, no skips."""

    def __init__(self, channels: int, lift: str, width: int = 32) -> None:
        super().__init__()
        if lift not in LIFTS:
            raise CourseError(f"There is no lift {lift!r}: choose one of {', '.join(LIFTS)}.")
        make = LIFTS[lift]
        self.stem = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        self.pools = nn.ModuleList(RearrangePool(width, width) for _ in range(2))
        self.lift1, self.lift2 = make(width, width), make(width, channels)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(3))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # fast for convolutions

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(self.stem(x.contiguous(memory_format=torch.channels_last)))  # (B, width, H, W)
        for pool, norm in zip(self.pools, self.norms, strict=False):
            h = F.gelu(norm(pool(h)))  # in the end (B, width, H/4, W/4)
        return self.lift2(F.gelu(self.norms[2](self.lift1(h))))


class Stack(nn.Module):
    """3 x 3 convolutions in a row, an activation after each, and one more at the end.

    Args:
        channels: of the pictures.
        depth: how many layers have an activation.
        activation: a key of `ACTIVATIONS`.
        norm: a key of `NORMS`, before the activation.
        width: units, that is feature maps, a layer.
    """

    def __init__(self, channels: int, depth: int, activation: str, norm: str = "none", width: int = 32) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        widths = [channels] + [width] * depth
        self.convs = nn.ModuleList(nn.Conv2d(a, b, kernel_size=3, padding=1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(NORMS[norm](width) for _ in range(depth))
        self.out = nn.Conv2d(width, channels, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = self.activation(norm(conv(x)))
        return self.out(x)

    def largest_slopes(self, x: Tensor) -> Tensor:
        """For each layer and unit the largest slope of its activation, over all pictures and positions.

        Args:
            x: pictures (B, channels, H, W).

        Returns:
            (depth, width). Where it is 0, nothing that the unit sees changes it, and no gradient passes through it.
        """
        slopes = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            z = norm(conv(x)).detach().requires_grad_()  # (B, width, H, W)
            x = self.activation(z)
            (slope,) = torch.autograd.grad(x.sum(), z)
            slopes.append(slope.abs().amax(dim=(0, 2, 3)))
        return torch.stack(slopes)


def _blocks(inputs: int, outputs: int, parts: Parts, norm: Callable[[int], nn.Module]) -> nn.Sequential:
    first = Block(inputs, outputs, parts, norm)
    return nn.Sequential(first, *(Block(outputs, outputs, parts, norm) for _ in range(parts.blocks - 1)))

"""The first U-Net, of lesson 02: down, up, and a skip at every level. It is not told how much noise there is.

The course's later network, `course_utils.models.UNet`, has the same shape and better parts.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions, a ReLU after each: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class DownBlock(nn.Module):
    """A `ConvBlock`, then half the size.

    Shapes: (B, inputs, H, W) -> (B, outputs, H/2, W/2), and the skip (B, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = ConvBlock(inputs, outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.block(x)  # (B, outputs, H, W)
        return F.max_pool2d(skip, kernel_size=2), skip


class UpBlock(nn.Module):
    """Twice the size, the skip beside it, a `ConvBlock`.

    Shapes: x (B, inputs, H, W) and skip (B, skips, 2H, 2W) -> (B, outputs, 2H, 2W).
    """

    def __init__(self, inputs: int, skips: int, outputs: int) -> None:
        super().__init__()
        self.block = ConvBlock(inputs + skips, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, inputs, 2H, 2W)
        return self.block(torch.cat([x, skip], dim=1))


class AddingUpBlock(nn.Module):
    """Twice the size, plus the skip, then a `ConvBlock`; fewer parameters than `UpBlock`: lesson 02's mended block.

    Shapes: x (B, inputs, H, W) and skip (B, skips, 2H, 2W) -> (B, outputs, 2H, 2W).
    """

    def __init__(self, inputs: int, skips: int, outputs: int) -> None:
        super().__init__()
        self.fit = nn.Conv2d(skips, inputs, kernel_size=1)  # so that the skip has as many channels as x
        self.convolve = ConvBlock(inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, inputs, 2H, 2W)
        return self.convolve(up + F.relu(self.fit(skip)))


class UNet(nn.Module):
    """Down, through the middle, and up again, with a skip at every level (Ronneberger et al. 2015, arXiv 1505.04597).

    Args:
        channels: of the images that go in and come out.
        width: feature maps at full size; they double with every level.
        depth: how often the size is halved. Height and width are multiples of 2**depth.
        skips: False hands zeros to the way up instead of the skips, which lesson 02 compares with.

    Shapes:
        x (B, channels, H, W) -> the same. `t` and `cond` are ignored: they are there because every model of the
        course is called `model(x, t, cond)`.
    """

    def __init__(self, channels: int, width: int = 32, depth: int = 2, skips: bool = True) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]  # such as 32, 64, 128
        self.skips = skips
        self.downs = nn.ModuleList(DownBlock(a, b) for a, b in pairwise([channels, *widths[:-1]]))
        self.middle = ConvBlock(widths[-2] if depth else channels, widths[-1])
        self.ups = nn.ModuleList(UpBlock(2 * w, w, w) for w in reversed(widths[:-1]))
        self.out = nn.Conv2d(width, channels, kernel_size=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # fast for convolutions

    def forward(self, x: Tensor, t: Tensor | None = None, cond: Tensor | None = None) -> Tensor:
        kept = []
        for down in self.downs:
            x, skip = down(x)
            kept.append(skip)
        x = self.middle(x)
        for up, skip in zip(self.ups, reversed(kept), strict=True):
            x = up(x, skip if self.skips else torch.zeros_like(skip))
        return self.out(x)


def influence(net: Callable[[Tensor], Tensor], x: Tensor, row: int, column: int) -> Tensor:
    """How strongly each input pixel moves one output pixel: |d net(x)[:, :, row, column] / dx|.

    The gradient of the output pixel, summed over its channels; its absolute value summed over the input's channels
    and averaged over the batch. Where it is 0, the output pixel does not see the input pixel (Luo et al. 2016,
    arXiv 1701.04128, call the picture the effective receptive field).

    Args:
        net: from (B, C, H, W) to (B, K, H', W').
        x: (B, C, H, W).
        row, column: of the output pixel.

    Returns:
        (H, W), at least 0.
    """
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net(x)[:, :, row, column].sum(), x)  # (B, C, H, W)
    return gradient.abs().sum(dim=1).mean(dim=0)

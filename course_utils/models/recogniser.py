"""A small convolutional network that names what it sees, however much noise lies over it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

READING_SIZE = 32  # px; larger images are averaged down to it
SMALLEST = 16  # px; smaller ones are enlarged by repeating pixels
MOMENTUM = 0.02  # the running statistics average over about 50 batches, since every batch has another size and noise


class RecogniserNet(nn.Module):
    """Image in, one score a class out; three stages of residual blocks and a mean over all positions.

    The input is first divided by its own root mean square, so that `x` and `3 * x` read alike: only the ratio of
    signal to noise can matter, never how the mixture was scaled.

    Args:
        channels: colour channels of the images, 1 or 3.
        classes: K, the number of classes.
        widths: feature maps in the three stages, at full, half and quarter size; few at full size, where
            each costs most.

    Shapes:
        x (B, C, H, W) -> scores (B, K), before the softmax. H and W from 16 to 32 px are read as they are.
    """

    def __init__(self, channels: int, classes: int, widths: tuple[int, int, int] = (16, 64, 128)) -> None:
        super().__init__()
        first, second, third = widths
        self.stem = nn.Conv2d(channels, first, kernel_size=3, padding=1, bias=False)
        self.stage1 = ResidualBlock(first, first)
        self.stage2 = ResidualBlock(first, second)
        self.stage3 = ResidualBlock(second, third)
        self.head = nn.Linear(third, classes)
        # the memory layout in which convolutions are fast, on CPU and GPU (PyTorch's stubs do not know this call)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(self, x: Tensor) -> Tensor:
        """What the scores are computed from: (B, C, H, W) -> (B, widths[2])."""
        x = to_reading_size(x)
        x = x / root_mean_square(x)
        x = x.contiguous(memory_format=torch.channels_last)
        h = self.stage1(self.stem(x))  # (B, 16, H, W)
        h = self.stage2(F.avg_pool2d(h, 2))  # (B, 64, H/2, W/2)
        h = self.stage3(F.avg_pool2d(h, 2))  # (B, 128, H/4, W/4)
        return h.mean(dim=(2, 3))  # (B, 128): whatever the size, one mean a feature map

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))  # (B, K)


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to the input (He et al. 2015, arXiv:1512.03385)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # no bias: the normalisation that follows would take it away again
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs, momentum=MOMENTUM)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs, momentum=MOMENTUM)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, kernel_size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm1(self.conv1(x)))
        h = self.norm2(self.conv2(h))
        return F.relu(h + self.skip(x))


def root_mean_square(x: Tensor) -> Tensor:
    """One number an image, (B, C, H, W) -> (B, 1, 1, 1), never zero."""
    return x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-8)


def to_reading_size(x: Tensor) -> Tensor:
    """Bring an image to a size the network was trained at; 16 to 32 px are left alone.

    Above, neighbouring pixels are averaged, as an eye does from further away; so a large noisy image is read at the
    better signal-to-noise ratio that the averaging gives. Below, each pixel is repeated, which invents nothing.
    """
    smaller_side = min(x.shape[-2:])
    if smaller_side > READING_SIZE:
        scale = READING_SIZE / smaller_side
        size = [round(side * scale) for side in x.shape[-2:]]
        return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
    if smaller_side < SMALLEST:
        times = -(-SMALLEST // smaller_side)  # rounded up
        return x.repeat_interleave(times, dim=2).repeat_interleave(times, dim=3)
    return x

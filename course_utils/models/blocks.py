"""The parts of the course's U-Net, each written out: what lesson 05 builds.

Parameters carry the names that PyTorch's own layers give them, so that either's weights load into the other.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.time import modulate


class GroupNorm(nn.Module):
    """Mean 0 and variance 1 in each group of channels of each image (Wu & He 2018, arXiv 1803.08494, eq. 7).

    Nothing is taken over the batch, so an image comes out the same whatever company it is in.

    Args:
        groups: the NUMBER of groups, as in `torch.nn.GroupNorm`; it divides `channels`.
        channels: C.
        eps: added to the variance.

    Shapes:
        (B, C, ...) -> the same.
    """

    def __init__(self, groups: int, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        if channels % groups:
            raise CourseError(f"{channels} channels cannot be split into {groups} equal groups: choose a divisor.")
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        grouped = x.reshape(len(x), self.groups, -1)  # (B, G, C/G * H * W)
        mean = grouped.mean(dim=2, keepdim=True)  # (B, G, 1)
        variance = grouped.var(dim=2, keepdim=True, unbiased=False)
        normal = ((grouped - mean) / (variance + self.eps).sqrt()).reshape(x.shape)  # (B, C, H, W)
        each = (-1, *[1] * (x.ndim - 2))  # (C, 1, 1)
        return normal * self.weight.reshape(each) + self.bias.reshape(each)


class QuickGroupNorm(nn.GroupNorm):
    """`nn.GroupNorm`, the same formula and parameters, made for a training in bfloat16 on a CPU.

    There PyTorch's kernel for 32-bit numbers is so much faster than the one for 16-bit numbers that it pays to convert
    to and fro: a training step of the course's U-Net takes 3 to 14 % less time. Elsewhere this is PyTorch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or input.dtype != torch.bfloat16:
            return super().forward(input)
        return F.group_norm(input.float(), self.num_groups, self.weight, self.bias, self.eps).to(input.dtype)


class GELU(nn.Module):
    """x times the probability that a standard normal number is below x (Hendrycks & Gimpel 2016, arXiv 1606.08415)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


class RearrangePool(nn.Module):
    """Half the size without throwing anything away: each 2 x 2 square of pixels becomes four channels, then a 1 x 1
    convolution mixes them.

    Shapes:
        (B, inputs, H, W) -> (B, outputs, H/2, W/2), H and W even.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4 * inputs, outputs, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        # rearrange(x, "b c (h p) (w q) -> b (c p q) h w", p=2, q=2), and PyTorch has a kernel for it
        return self.conv(F.pixel_unshuffle(x, 2))


class ResidualBlock(nn.Module):
    """What is added to the input: norm, GELU, convolution, twice; the time modulates in the middle.

    After He et al. 2016 (arXiv 1603.05027, the order of the parts) and Dhariwal & Nichol 2021 (arXiv 2105.05233,
    section 3, the modulation). The last convolution begins at zero, so a new block changes nothing.

    Args:
        inputs, outputs: channels; if they differ, a 1 x 1 convolution brings the input to `outputs`.
        time_features: of the vector that says the time; 0 for a block that is not told.
        groups: of both norms; it divides `inputs` and `outputs`.

    Shapes:
        x (B, inputs, H, W), time (B, time_features) -> (B, outputs, H, W).
    """

    def __init__(self, inputs: int, outputs: int, time_features: int = 0, groups: int = 8) -> None:
        super().__init__()
        # QuickGroupNorm and F.gelu are GroupNorm and GELU, made for speed
        self.norm1 = QuickGroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.time = nn.Linear(time_features, 2 * outputs) if time_features else None
        self.norm2 = QuickGroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, kernel_size=1)
        set_to_zero(self.conv2)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        h = self.conv1(F.gelu(self.norm1(x)))  # (B, outputs, H, W)
        h = self.norm2(h)
        if self.time is not None and time is not None:
            scale, shift = self.time(time).chunk(2, dim=1)  # (B, outputs) each
            h = modulate(h, scale, shift)
        return self.skip(x) + self.conv2(F.gelu(h))


class SelfAttention2d(nn.Module):
    """Every position looks at every other (Vaswani et al. 2017, arXiv 1706.03762, eq. 1), added to the input.

    Args:
        channels: C, a multiple of `heads` and of `groups`.
        heads: how many looks at once.
        groups: of the norm before.

    Shapes:
        (B, C, H, W) -> the same. The cost grows with (H W)^2: use it where pictures are small.
    """

    def __init__(self, channels: int, heads: int = 4, groups: int = 8) -> None:
        super().__init__()
        if channels % heads:
            raise CourseError(f"{channels} channels cannot be split among {heads} heads: choose a divisor.")
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, kernel_size=1)
        self.out = nn.Conv2d(channels, channels, kernel_size=1)
        set_to_zero(self.out)

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        qkv = self.qkv(self.norm(x)).reshape(B, 3, self.heads, C // self.heads, H * W)
        q, k, v = qkv.transpose(3, 4).unbind(dim=1)  # (B, heads, H*W, C/heads) each
        weights = (q @ k.transpose(2, 3) / math.sqrt(C // self.heads)).softmax(dim=3)  # (B, heads, H*W, H*W)
        h = (weights @ v).transpose(2, 3).reshape(B, C, H, W)
        return x + self.out(h)


def set_to_zero(layer: nn.Conv2d) -> None:
    """Let a layer begin as the function that is 0 everywhere."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)

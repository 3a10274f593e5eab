"""A small classifier for noisy pictures that is told how noisy they are: what steers a sampler in lesson 11."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.blocks import RearrangePool, ResidualBlock
from course_utils.models.time import TimeMLP

PLACES = 4  # of the last map, each way: what a picture of 16 px has after two halvings


class NoisyClassifier(nn.Module):
    """Noisy picture and time in, one score a class out (after Dhariwal & Nichol 2021, arXiv 2105.05233, section 4.1).

    They take the way down of their U-Net; this is one too, with two residual blocks, each modulated by the time. It is
    smooth (GELU, averages, no maximum), because a sampler follows its gradient, and small, because a sampler asks for
    that gradient in every step. At the end every place of a 4 x 4 map counts by itself: an average over the places,
    which would do for a clean picture, learns much more slowly from noisy ones.

    Args:
        channels: of the pictures.
        classes: K.
        width: feature maps at full size, a multiple of 8; twice as many at half size, four times at a quarter.

    Shapes:
        x (B, channels, H, W), H and W multiples of 4; t (B,) on the scale 0 to 1000 -> scores (B, K), before the
        softmax.

    Raises:
        CourseError: a width that is no multiple of 8, or pictures that cannot be halved twice.
    """

    def __init__(self, channels: int, classes: int, width: int = 24) -> None:
        super().__init__()
        if width < 8 or width % 8:
            raise CourseError(f"The width is {width}: choose a multiple of 8, because the norms have 8 groups.")
        hidden = 4 * width
        self.time = TimeMLP(width, hidden)
        self.stem = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        self.down1 = RearrangePool(width, 2 * width)
        self.block1 = ResidualBlock(2 * width, 2 * width, hidden)
        self.down2 = RearrangePool(2 * width, 4 * width)
        self.block2 = ResidualBlock(4 * width, 4 * width, hidden)
        self.norm = nn.GroupNorm(8, 4 * width)
        self.head = nn.Linear(4 * width * PLACES**2, classes)
        # the memory layout in which convolutions are fast, on CPU and GPU (PyTorch's stubs do not know this call)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        if x.shape[-1] % 4 or x.shape[-2] % 4:
            raise CourseError(f"The classifier halves a picture twice, and {tuple(x.shape[-2:])} px cannot be: resize.")
        time = nn.functional.gelu(self.time(t))  # (B, 4 * width)
        h = self.stem(x.contiguous(memory_format=torch.channels_last))  # (B, width, H, W)
        h = self.block1(self.down1(nn.functional.gelu(h)), time)  # (B, 2 * width, H/2, W/2)
        h = self.block2(self.down2(nn.functional.gelu(h)), time)  # (B, 4 * width, H/4, W/4)
        h = nn.functional.adaptive_avg_pool2d(nn.functional.gelu(self.norm(h)), PLACES)  # (B, 4 * width, 4, 4)
        return self.head(h.flatten(1))  # (B, K)

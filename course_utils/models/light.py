"""A way up that adds the skip instead of standing it beside: the mended block of lesson 02's bug hunt."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.plain import ConvBlock


class AddingUpBlock(nn.Module):
    """Twice the size, plus the skip, then a `ConvBlock`; fewer parameters than `plain.UpBlock`.

    Shapes: x (B, inputs, H, W) and skip (B, skips, 2H, 2W) -> (B, outputs, 2H, 2W).
    """

    def __init__(self, inputs: int, skips: int, outputs: int) -> None:
        super().__init__()
        self.fit = nn.Conv2d(skips, inputs, kernel_size=1)  # so that the skip has as many channels as x
        self.convolve = ConvBlock(inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, inputs, 2H, 2W)
        return self.convolve(up + F.relu(self.fit(skip)))

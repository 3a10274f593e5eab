"""The colleague's block of lesson 02's bug hunt: it runs, its shapes are right, and it has a fault."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.plain import ConvBlock


class ColleagueUpBlock(nn.Module):
    """Twice the size, plus the skip, a ConvBlock. Lighter than UpBlock."""

    def __init__(self, inputs: int, skips: int, outputs: int) -> None:
        super().__init__()
        # so that the skip has as many channels as x
        self.fit = nn.Conv2d(skips, inputs, kernel_size=1)
        self.convolve = ConvBlock(inputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, inputs, 2H, 2W)
        skip = F.relu(self.fit(skip))  # (B, inputs, 2H, 2W)
        x = up + skip  # (B, inputs, 2H, 2W)
        return self.convolve(up)  # (B, outputs, 2H, 2W)

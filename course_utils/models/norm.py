"""Group normalisation where PyTorch's own is slow: bfloat16 on a CPU, channels last."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class QuickGroupNorm(nn.GroupNorm):
    """`nn.GroupNorm`, the same formula and parameters, several times faster in a training in bfloat16 on a CPU.

    PyTorch's kernel for 16-bit numbers walks a channels-last image pixel by pixel, the one for 32-bit numbers takes
    many at once: two conversions cost less than they save, and the sums are exact. Elsewhere this is PyTorch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or input.dtype != torch.bfloat16:
            return super().forward(input)
        return F.group_norm(input.float(), self.num_groups, self.weight, self.bias, self.eps).to(input.dtype)

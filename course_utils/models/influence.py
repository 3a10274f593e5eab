"""Which pixels of the input a network looks at, read off its gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


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

"""The peer of the benchmarks: diffusers' UNet2DModel, as near to one of our U-Nets as it can be made.

It has the same levels, the same blocks on each level of the way down (their way up always has one more), attention on
the same levels and as often, channels last, and the same number of parameters within 5 %. Since their design spends
more parameters at the same width (a convolution to halve the size, one to double it, a second block in the middle), it
is a little narrower, which is in its favour: less to move at full size. Called as ours, `net(x, t, cond)`.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import diffusers
import torch
from torch import Tensor, nn

from course_utils import models
from course_utils.errors import CourseError

TOLERANCE = 0.05


class Peer(nn.Module):
    """Their U-Net behind our way of calling: t (B,) on the scale 0 to 1000, cond (B,) int64 or None."""

    def __init__(self, net: nn.Module, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        if not self.classes:
            return self.net(x, t, return_dict=False)[0]
        if cond is None:
            cond = torch.full((len(x),), self.classes, device=x.device)
        return self.net(x, t, class_labels=cond, return_dict=False)[0]


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def unet_like(ours: models.UNet, size: int) -> Peer:
    """Their U-Net with the levels, the attention, the classes and, within 5 %, the parameters of ours.

    The lowest level may be wider or narrower than its multiple of the first, by a tenth if possible.

    Raises:
        CourseError: there is none of that size.
    """
    width = ours.stem.out_channels
    levels = list(ours.downs)
    multipliers = [level.blocks[-1].conv2.out_channels // width for level in levels]
    attention = [not isinstance(level.attention, nn.Identity) for level in levels]
    settings = {
        "sample_size": size,
        "in_channels": ours.stem.in_channels,
        "out_channels": ours.out.out_channels,
        "down_block_types": tuple("AttnDownBlock2D" if looks else "DownBlock2D" for looks in attention),
        "up_block_types": tuple("AttnUpBlock2D" if looks else "UpBlock2D" for looks in reversed(attention)),
        "layers_per_block": len(levels[0].blocks),
        "add_attention": False,  # in the middle, where ours has none
        "num_class_embeds": ours.classes + 1 if ours.classes else None,
    }
    wanted, tried = parameters(ours), []
    # The norms have 8 groups, as ours, if widths that are multiples of 8 fit; such widths are faster as well.
    for groups, w in product((8, 4), range(4, width + 1, 4)):
        for extra in (0, 4, -4, 8, -8, 12, -12, 16, 20, 24, 28, 32):
            widths = (*(w * m for m in multipliers[:-1]), w * multipliers[-1] + extra)
            if any(channels < groups or channels % groups for channels in widths):
                continue
            settings |= {"block_out_channels": widths, "norm_num_groups": groups, "attention_head_dim": widths[-1] // 4}
            with torch.device("meta"):  # no memory, only shapes
                off = abs(parameters(_build(settings)) / wanted - 1)
            stretched = abs(extra) > 0.1 * widths[-1]
            tried.append((off > TOLERANCE, stretched, groups == 4, off, dict(settings)))
            if off > 0.3:
                break  # nowhere near, whatever is added to the lowest level
    too_far, *_, best = min(tried, key=lambda t: t[:4])
    if too_far:
        raise CourseError(
            f"No UNet2DModel comes within {TOLERANCE:.0%} of the {wanted:,} parameters of a U-Net of width {width}: "
            "choose another width, from 16 on."
        )
    return Peer(_build(best), ours.classes)


def _build(settings: dict[str, Any]) -> nn.Module:
    net = diffusers.UNet2DModel(**settings)
    for block in [*net.down_blocks, *net.up_blocks]:  # theirs look around after every block, ours after a level's last
        for k in range(len(getattr(block, "attentions", ())) - 1):
            block.attentions[k] = nn.Identity()
    return net

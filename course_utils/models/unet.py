"""The U-Net of the course, put together from the blocks of lesson 05 and told the time as in lesson 03."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.blocks import QuickGroupNorm, RearrangePool, ResidualBlock, SelfAttention2d, set_to_zero
from course_utils.models.time import TimeMLP

Embed = Callable[[int, int], nn.Module]  # (features, hidden) -> a module that maps t (B,) to (B, hidden)


class UNet(nn.Module):
    """Predicts from a noised image and the time; after Ho et al. 2020 (arXiv 2006.11239, appendix B), smaller.

    On every level of the way down and of the way up stand `blocks` residual blocks, modulated by the time and, if
    there are classes, by the class. At initialisation the output is 0 everywhere.

    Args:
        channels: of the images.
        width: feature maps at full size, a multiple of 8.
        multipliers: feature maps of each level, in multiples of `width`; the size is halved between levels.
        blocks: residual blocks a level.
        attention: whether each level's blocks are followed by self-attention, and with the last one the middle.
        classes: K. With K > 0, `cond` is (B,) int64, from 0 to K - 1; K is the null class, which None stands for.
        outputs: channels that come out; by default as many as go in (twice as many with a learned variance).
        embed: makes the module that is told the time; `TimeMLP` unless lesson 03 compares.
        hidden: length of the vector that carries time and class into the blocks; 4 * width by default.

    Shapes:
        x (B, channels, H, W), H and W multiples of 2**(levels - 1); t (B,) on the scale 0 to 1000; cond (B,) int64
        or None -> (B, outputs, H, W).

    Raises:
        CourseError: a width that is no multiple of 8, or images that cannot be halved often enough.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int = 32,
        multipliers: Sequence[int] = (1, 2, 4),
        blocks: int = 1,
        attention: Sequence[bool] = (False, False, True),
        classes: int = 0,
        outputs: int | None = None,
        embed: Embed = TimeMLP,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        if width % 8:
            raise CourseError(f"The width is {width}: choose a multiple of 8, because the norms have 8 groups.")
        if len(attention) != len(multipliers):
            raise CourseError(
                f"There are {len(multipliers)} levels and {len(attention)} entries in `attention`: give one a level."
            )
        widths = [width * m for m in multipliers]
        hidden = hidden or 4 * width
        self.classes = classes
        self.time = embed(width, hidden)
        self.null_and_classes = nn.Embedding(classes + 1, hidden) if classes else None
        self.stem = nn.Conv2d(channels, width, kernel_size=3, padding=1)
        self.downs, self.pools = nn.ModuleList(), nn.ModuleList()
        self.ups, self.lifts = nn.ModuleList(), nn.ModuleList()
        for level, (here, looks) in enumerate(zip(widths, attention, strict=True)):
            above = widths[max(level - 1, 0)]
            self.pools.append(nn.Identity() if level == 0 else RearrangePool(above, here))
            self.downs.append(Level([here] * (blocks + 1), hidden, looks))
            # the way up: a level takes what comes from below, and beside it the skip of its own level
            self.ups.append(Level([2 * here] + [here] * blocks, hidden, looks))
            self.lifts.append(nn.Identity() if level == 0 else nn.Conv2d(here, above, kernel_size=1))
        self.middle = ResidualBlock(widths[-1], widths[-1], hidden)
        self.norm = QuickGroupNorm(8, width)
        self.out = nn.Conv2d(width, outputs or channels, kernel_size=3, padding=1)
        set_to_zero(self.out)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # fast for convolutions

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        self._check(x)
        told = F.gelu(self.time(t) + self._class(cond, len(x)))  # (B, hidden)
        x = x.contiguous(memory_format=torch.channels_last)
        h = self.stem(x)  # (B, width, H, W)
        skips = []
        for pool, down in zip(self.pools, self.downs, strict=True):
            h = down(pool(h), told)
            skips.append(h)
        h = self.middle(h, told)  # (B, width * multipliers[-1], H / 2**(levels - 1), ...)
        for level in reversed(range(len(skips))):
            h = self.ups[level](torch.cat([h, skips[level]], dim=1), told)
            if level > 0:
                # fewer channels first, then twice the size: as good as the other way round, and four times cheaper
                h = F.interpolate(self.lifts[level](h), scale_factor=2.0, mode="nearest")
        return self.out(F.gelu(self.norm(h)))  # (B, outputs, H, W)

    def _class(self, cond: Tensor | None, batch: int) -> Tensor | float:
        """The class as a vector (B, hidden); the null class where none is given."""
        if self.null_and_classes is None:
            return 0.0
        if cond is None:
            cond = torch.full((batch,), self.classes, device=self.out.weight.device)
        return self.null_and_classes(cond)

    def _check(self, x: Tensor) -> None:
        least = 2 ** (len(self.downs) - 1)
        if x.ndim != 4 or x.shape[2] % least or x.shape[3] % least:
            raise CourseError(
                f"This U-Net takes images (B, C, H, W) whose sides are multiples of {least}, "
                f"and got {tuple(x.shape)}: resize them."
            )


class Level(nn.Module):
    """Residual blocks of one size, with self-attention after the last if the level looks around.

    Args:
        widths: channels before the first block and after each.
        time_features: of the vector that carries time and class.
        attention: whether self-attention follows.
    """

    def __init__(self, widths: Sequence[int], time_features: int, attention: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(a, b, time_features) for a, b in pairwise(widths))
        self.attention = SelfAttention2d(widths[-1]) if attention else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, told)
        return self.attention(x)

"""A convolutional network that reads what a flower was drawn from: its species, petals, colours, sky, size, leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.recogniser import MOMENTUM

READING_SIZE = 32  # px: every image is brought to it, so that "where" means the same for all
SIZES = (16, 24, 32)  # px, of the images that it learns from; an enlarged one lacks detail, so each has its own norms
RINGS, SPOKES = 12, 64  # of the polar grid on which petals are counted
CENTRE = (0.0, -0.2)  # x and y of a flower's head on average, as grid_sample counts them: -1 to 1, y downwards
REACH = 0.85  # radius of the outermost ring
FREQUENCIES = 14  # a flower with n petals repeats n times around, and n is at most 12


class OracleNet(nn.Module):
    """Image in, scores of every attribute out.

    Petals are counted apart from the rest. The image is laid out in polar coordinates about the flower's head,
    where a row of n petals is a wave of frequency n; of its Fourier transform only the magnitudes are kept, so that
    the flower may be turned by any angle.

    Args:
        choices: how many values each attribute has, K by name.
        counts: how many (species, number of petals) pairs there are.
        widths: feature maps at full, half and quarter size.

    Shapes:
        x (B, 3, H, W) -> {attribute: scores (B, K)} and under "petals" scores (B, counts); all before a softmax.
    """

    def __init__(
        self, choices: Mapping[str, int], counts: int, widths: tuple[int, int, int] = (16, 48, 96), around: int = 40
    ) -> None:
        super().__init__()
        first, second, third = widths
        self.choices = dict(choices)
        self.stem = nn.Conv2d(3, first, kernel_size=3, padding=1, bias=False)
        self.stage1 = Block(first, first)
        self.stage2 = Block(first, second)
        self.stage3 = Block(second, third)
        self.where = nn.Conv2d(third, 16, kernel_size=1)  # few maps, whose positions are kept
        side = READING_SIZE // 4
        self.body = nn.Linear(third + 16 * side**2, 128)
        self.head = nn.Linear(128, sum(self.choices.values()))
        self.centre = nn.Linear(128, 2)  # where the head's middle is, relative to `CENTRE`
        nn.init.zeros_(self.centre.weight)
        nn.init.zeros_(self.centre.bias)
        self.around1 = Around(3, around // 2)
        self.around2 = Around(around // 2, around)
        waves = around * (RINGS // 4) * (FREQUENCIES + 1)
        self.level = NormBySize(waves, affine=False)
        self.count = nn.Sequential(nn.Linear(waves + 128, 96), nn.ReLU(), nn.Linear(96, counts))
        angles = torch.arange(SPOKES) * (2 * math.pi / SPOKES)
        radii = (torch.arange(RINGS) + 0.5) * (REACH / RINGS)
        spokes = torch.stack([angles.cos(), angles.sin()], dim=-1)  # (SPOKES, 2)
        self.register_buffer("grid", radii[:, None, None] * spokes + torch.tensor(CENTRE), persistent=False)
        self.grid: Tensor
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        size = place_of(min(x.shape[-2:]))
        maps = to_reading_size(x).contiguous(memory_format=torch.channels_last)
        h = self.stage1(self.stem(maps), size)  # (B, 16, 32, 32)
        h = self.stage2(F.avg_pool2d(h, 2), size)  # (B, 48, 16, 16)
        h = self.stage3(F.avg_pool2d(h, 2), size)  # (B, 96, 8, 8)
        h = torch.cat([h.mean(dim=(2, 3)), F.relu(self.where(h)).flatten(1)], dim=1)  # (B, 96 + 16 * 64)
        h = F.relu(self.body(h))  # (B, 128)
        scores = dict(zip(self.choices, self.head(h).split(list(self.choices.values()), dim=1), strict=True))
        scores["petals"] = self.count(torch.cat([self.spectrum(x, self.centre(h), size), h], dim=1))
        return scores

    def spectrum(self, x: Tensor, offset: Tensor, size: int) -> Tensor:
        """Images (B, 3, H, W) seen from a centre moved by `offset` (B, 2) -> how strong each frequency is, (B, D)."""
        grid = self.grid.float() + 0.1 * offset.float()[:, None, None]  # (B, RINGS, SPOKES, 2)
        polar = F.grid_sample(x.float(), grid, align_corners=False, padding_mode="border")  # (B, 3, RINGS, SPOKES)
        h = self.around1(polar, size).unflatten(2, (-1, 2)).mean(dim=3)  # (B, 20, RINGS / 2, SPOKES)
        h = self.around2(h, size).unflatten(2, (-1, 2)).mean(dim=3)  # (B, 40, RINGS / 4, SPOKES)
        waves = torch.fft.rfft(h.float(), dim=-1, norm="forward")[..., : FREQUENCIES + 1]
        power = waves.real.square() + waves.imag.square()
        return self.level(torch.log(power + 1e-5).flatten(1), size)  # (B, 40 * RINGS / 4 * 15)


class NormBySize(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) with running statistics for each of `SIZES`.

    A training batch has one size, and is normalised by its own mean and variance. Were they averaged over all sizes, no
    size would find again, after the training, what it had in training.
    """

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("means", torch.zeros(len(SIZES), channels))
        self.register_buffer("variances", torch.ones(len(SIZES), channels))
        self.means: Tensor
        self.variances: Tensor

    def forward(self, x: Tensor, size: int) -> Tensor:
        """x (B, C) or (B, C, H, W), and the place of its size in `SIZES`."""
        mean, variance = self.means[size], self.variances[size]  # views: training moves them
        return F.batch_norm(x, mean, variance, self.weight, self.bias, self.training, MOMENTUM)


class Block(nn.Module):
    """Two convolutions whose result is added to the input (He et al. 2015, arXiv:1512.03385)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # no bias: the normalisation that follows would take it away again
        self.conv1 = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm1 = NormBySize(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False)
        self.norm2 = NormBySize(outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, kernel_size=1, bias=False)

    def forward(self, x: Tensor, size: int) -> Tensor:
        h = F.relu(self.norm1(self.conv1(x), size))
        h = self.norm2(self.conv2(h), size)
        return F.relu(h + self.skip(x))


class Around(nn.Module):
    """A convolution on a polar grid (B, C, rings, spokes): the last spoke is the first one's neighbour."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=3, bias=False)
        self.norm = NormBySize(outputs)

    def forward(self, x: Tensor, size: int) -> Tensor:
        x = F.pad(x, (1, 1, 0, 0), mode="circular")
        x = F.pad(x, (0, 0, 1, 1), mode="replicate")
        return F.relu(self.norm(self.conv(x), size))


def place_of(side: int) -> int:
    """The place in `SIZES` of the size that is nearest; the larger of two that are equally near."""
    return min(range(len(SIZES)), key=lambda i: (abs(SIZES[i] - side), -i))


def to_reading_size(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 32, 32): smaller images are interpolated, larger ones averaged."""
    if x.shape[-2:] == (READING_SIZE, READING_SIZE):
        return x
    return F.interpolate(x, size=(READING_SIZE, READING_SIZE), mode="bilinear", antialias=True, align_corners=False)

"""Lesson 00's opening picture: what the last lesson does. Each row asks for another flower."""

from __future__ import annotations

import itertools

import torch
from PIL import Image
from torch import Tensor

from course_utils import data
from course_utils.diffusion import alpha_bars, cosine_schedule, ideal_denoiser
from course_utils.plots.sheet import sheet

WANTED = [("daisy", "white"), ("tulip", "red"), ("sunflower", "yellow"), ("poppy", "pink")]


def picture() -> Image.Image:
    """Four rows of eight flowers. No network is involved: each row is the exact denoiser of those flowers alone."""
    garden = data.load("flowers", n=20000, size=32, seed=4)
    table, rows = garden.table, []
    assert table is not None  # flowers are drawn from attributes
    for k, (species, colour) in enumerate(WANTED):
        match = (table["species"] == species) & (table["petal_colour"] == colour)
        chosen = garden.images[torch.tensor(match.tolist())]
        rows.append(denoise_path(chosen, count=8, steps=40, seed=10 + k)[-1])
    return sheet(rows, scale=3)


def denoise_path(garden: Tensor, count: int, steps: int, seed: int) -> list[Tensor]:
    """From noise to the garden's flowers with deterministic DDIM steps (Song et al. 2020, arXiv 2010.02502, eq. 12).

    The network is replaced by the exact denoiser of a finite garden, so it ends in flowers of that garden: what a
    perfectly trained model that has learnt its data by heart would do.

    Args:
        garden: (N, C, H, W), the whole data set.
        count: how many pictures.
        steps: how many steps.
        seed: of the starting noise.

    Returns:
        steps + 1 batches (count, C, H, W), from noise to pictures.
    """
    alpha_bar = alpha_bars(cosine_schedule(1000))
    times = torch.linspace(999, 0, steps + 1).round().long().tolist()
    x = torch.randn(count, *garden.shape[1:], generator=torch.Generator().manual_seed(seed))
    path = [x]
    for t, t_next in itertools.pairwise(times):
        a, a_next = alpha_bar[t].item(), alpha_bar[t_next].item()
        x0 = ideal_denoiser(x, torch.full((count,), t), alpha_bar, garden)
        eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
        x = a_next**0.5 * x0 + (1 - a_next) ** 0.5 * eps
        path.append(x)
    return path

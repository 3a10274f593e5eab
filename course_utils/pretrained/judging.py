"""What a card says of a diffusion model's images, and the grid of samples beside it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_utils.guidance import sample_cfg
from course_utils.metrics import Judge
from course_utils.plots import to_uint8
from course_utils.samplers import as_predict, sample_ddim, sample_ddpm
from course_utils.training import FEW

if TYPE_CHECKING:
    from course_utils.pretrained.diffusion import DiffusionTraining

WEIGHTS = (-1, 0, 2)  # of guidance, where there are classes
STEPS, GUIDED_STEPS = 50, 20  # of DDIM, without and with guidance, which costs twice as much
SHOWN_WEIGHT = 2
ROWS, COLUMNS = 5, 10  # of the grid; one row a class where there are classes
CHUNK = 250  # images sampled at a time
JUDGED_ON = {16: 1000, 32: 500}  # images, by their size: at 32 px each costs four times as much

Way = Callable[[Tensor, Tensor, torch.Generator], Tensor]  # (x_T, classes, generator) -> images


def judge(net: nn.Module, training: DiffusionTraining, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The figures of generated images for a few ways of sampling, beside the floor.

    Fréchet distance, kernel distance and the share of sure images; of a network that knows classes also "asked", the
    share in which the class is read that was asked for, as often each.
    """
    wanted = JUDGED_ON[training.size] if training.steps >= FEW else 20
    judge_of = Judge(training.dataset, training.size, n=wanted, device=device)
    n = judge_of.n
    found: dict[str, Any] = {"images": n, "floor": _rounded(judge_of.floor)}
    if training.classes:
        found["floor"] |= _rounded({"asked": judge_of.floor_asked})
    asked = torch.arange(n) % max(training.classes, 1)
    for name, sample in _ways(net, training).items():
        generator = torch.Generator().manual_seed(1)
        x_T = torch.randn(n, training.channels, training.size, training.size, generator=generator).to(device)
        parts = zip(x_T.split(CHUNK), asked.to(device).split(CHUNK), strict=True)
        x = torch.cat([sample(part, cond, generator).cpu() for part, cond in parts])
        found[name] = judge_of.scores(x)
        if training.classes:
            found[name]["asked"] = judge_of.asked(x, asked)
        found[name] = _rounded(found[name])
    return found


def _ways(net: nn.Module, training: DiffusionTraining) -> dict[str, Way]:
    alpha_bar = training.alpha_bar()
    if training.classes:

        def guided(w: float) -> Way:
            return lambda x, cond, g: sample_cfg(
                net, x, cond, w, alpha_bar, GUIDED_STEPS, kind=training.kind, halves=True
            )

        return {f"w = {w}, DDIM, {GUIDED_STEPS} steps": guided(w) for w in WEIGHTS}
    predict = as_predict(net, kind=training.kind, alpha_bar=alpha_bar, halves=True)
    return {
        f"DDIM, {STEPS} steps": lambda x, cond, g: sample_ddim(predict, x, alpha_bar, STEPS, clip=True),
        "DDPM, 250 steps": lambda x, cond, g: sample_ddpm(
            predict, x, alpha_bar, g, clip=True, steps=250, variance="beta-tilde"
        ),
    }


def samples(net: nn.Module, training: DiffusionTraining, device: torch.device | str = "cpu") -> bytes:
    """A grid of generated images as PNG, the first that a seed gives and none left out: DDIM, 50 steps.

    With classes, one row each, guided with w = 2.
    """
    rows, alpha_bar = training.classes or ROWS, training.alpha_bar()
    generator = torch.Generator().manual_seed(2)
    x_T = torch.randn(rows * COLUMNS, training.channels, training.size, training.size, generator=generator).to(device)
    if training.classes:
        cond = torch.arange(rows, device=device).repeat_interleave(COLUMNS)
        x = sample_cfg(net, x_T, cond, SHOWN_WEIGHT, alpha_bar, STEPS, kind=training.kind, halves=True)
    else:
        x = sample_ddim(
            as_predict(net, kind=training.kind, alpha_bar=alpha_bar, halves=True), x_T, alpha_bar, STEPS, clip=True
        )
    tiles = to_uint8(x).reshape(rows, COLUMNS, training.size, training.size, -1)  # (rows, COLUMNS, H, W, C)
    sheet = np.concatenate(np.concatenate(tiles, axis=1), axis=1).squeeze()  # (rows * H, COLUMNS * W, C)
    buffer = io.BytesIO()
    picture = Image.fromarray(sheet)
    picture.resize((4 * picture.width, 4 * picture.height), Image.Resampling.NEAREST).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {key: float(f"{value:.4g}") for key, value in scores.items()}

"""How a diffusion model is trained ahead: noise, guess, compare, thousands of times; then judge, then store."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_utils import data, weights
from course_utils.diffusion import diffusion_loss, uniform_times
from course_utils.files import write_atomically
from course_utils.metrics import Judge
from course_utils.metrics.recogniser_training import fingerprint, machine
from course_utils.plots import to_uint8
from course_utils.pretrained.plans import Plan, initial, plan_of
from course_utils.samplers import as_predict, sample_ddim, sample_ddpm
from course_utils.training import fit

Batch = tuple[Tensor, Tensor, Tensor]  # x0 (B, C, H, W), t (B,), eps (B, C, H, W)
CHUNK = 16  # batches of flowers drawn at once
JUDGED_ON = 1000
SAMPLE_GRID = (5, 10)  # rows, columns


def train_ddpm(
    name: str,
    *,
    steps: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train by a plan, round to 16 bits, judge generated images, and store the averaged weights with their card.

    An interrupt loses nothing: the same call goes on where it stopped.

    Args:
        name: a key of `PLANS`.
        steps: batches; by default the plan's.
        seed: for the initial weights, the images, the steps and the noise.
        device: where to train.
        folder: where to store; by default the checkout's `weights/`.
        quiet: no progress bar.

    Returns:
        the card, as stored.

    Raises:
        CourseError: no such plan, no data, a training that failed, or a folder that cannot be written to.
    """
    plan = plan_of(name)
    steps = steps or plan.steps
    weights.check_writable(folder)  # before the work, not after it
    net, alpha_bar = initial(plan, seed, device), plan.alpha_bar()

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        x0, t, eps = batch
        return diffusion_loss(model, x0, t, alpha_bar, eps, kind=plan.kind)

    cpu = time.process_time()
    history = fit(
        net,
        batches(plan, seed, device),
        loss,
        steps,
        learning_rate=plan.learning_rate,
        ema=plan.ema,
        autocast=True,
        checkpoint=weights.cache() / "unfinished" / f"{name}-{steps}.safetensors",
        quiet=quiet,
        title=name,
    )
    cpu = time.process_time() - cpu
    average = history.ema
    assert average is not None
    with torch.no_grad():  # what is judged is what will be stored
        for tensor in average.state_dict().values():
            tensor.copy_(tensor.half())
    card = {
        "recipe": name,
        "what": f"draws {plan.dataset} out of noise, {plan.size} px",
        "data": f"{plan.dataset}, split train",
        "fingerprint": fingerprint(plan.dataset),
        **plan.describe(),
        "steps": steps,
        "seed": seed,
        "loss": round(sum(history.losses[-200:]) / len(history.losses[-200:]), 5),
        "seconds": round(history.seconds),
        "cpu_seconds": round(cpu),  # what it took of a machine that may have been busy elsewhere
        "machine": machine(torch.device(device)),
        "torch": torch.__version__.split("+")[0],
        "metrics": judge(average, plan, JUDGED_ON if steps >= 100 else 20, device),
        "samples": f"{name}.png",
    }
    where = weights.save(name, average, card, half=True, folder=folder)
    write_atomically(where.with_suffix(".png"), samples(average, plan, device))
    return weights.card(name, folder=folder)


def batches(plan: Plan, seed: int, device: torch.device | str = "cpu") -> Callable[[int], Batch]:
    """step -> (x0, t, eps), the same for the same step, so that a training can go on after an interrupt."""

    def batch(step: int) -> Batch:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)  # it looks at 32 bits only
        x0 = images(step, generator)
        eps = torch.randn(x0.shape, generator=generator)
        t = uniform_times(plan.batch, plan.T, generator)
        return x0.to(device), t.to(device), eps.to(device)

    if plan.dataset == "flowers":

        @lru_cache(maxsize=1)
        def chunk(number: int) -> Tensor:
            """Flowers drawn for these batches and never seen again."""
            drawn = data.load("flowers", n=CHUNK * plan.batch, size=plan.size, seed=1 + seed * 2**20 + number)
            return drawn.images

        def images(step: int, generator: torch.Generator) -> Tensor:
            first = step % CHUNK * plan.batch
            return chunk(step // CHUNK)[first : first + plan.batch]

    else:
        whole = data.load(plan.dataset, size=plan.size, split="train").images

        def images(step: int, generator: torch.Generator) -> Tensor:
            return whole[torch.randint(len(whole), (plan.batch,), generator=generator)]

    return batch


def judge(net: nn.Module, plan: Plan, n: int, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Fréchet distance, kernel distance and share of sure images for a few ways of sampling, beside the floor."""
    judge_of = Judge(plan.dataset, plan.size, n=n, device=device)
    alpha_bar, n = plan.alpha_bar(), judge_of.n
    predict = as_predict(net, kind=plan.kind, alpha_bar=alpha_bar)
    found: dict[str, Any] = {"images": n, "floor": _rounded(judge_of.floor)}
    ways: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
        "DDIM, 50 steps": lambda x, g: sample_ddim(predict, x, alpha_bar, 50, clip=True),
        "DDPM, 250 steps": lambda x, g: sample_ddpm(predict, x, alpha_bar, g, clip=True, steps=250),
    }
    for way, sample in ways.items():
        generator = torch.Generator().manual_seed(1)
        x_T = torch.randn(n, plan.channels, plan.size, plan.size, generator=generator)
        x = torch.cat([sample(part.to(device), generator).cpu() for part in x_T.split(250)])
        found[way] = _rounded(judge_of.scores(x))
    return found


def samples(net: nn.Module, plan: Plan, device: torch.device | str = "cpu") -> bytes:
    """A grid of generated images as PNG, the first that a seed gives and none left out: DDIM, 50 steps."""
    rows, columns = SAMPLE_GRID
    alpha_bar = plan.alpha_bar()
    predict = as_predict(net, kind=plan.kind, alpha_bar=alpha_bar)
    generator = torch.Generator().manual_seed(2)
    x_T = torch.randn(rows * columns, plan.channels, plan.size, plan.size, generator=generator)
    x = sample_ddim(predict, x_T.to(device), alpha_bar, 50, clip=True)
    tiles = to_uint8(x).reshape(rows, columns, plan.size, plan.size, -1)  # (rows, columns, H, W, C)
    sheet = np.concatenate(np.concatenate(tiles, axis=1), axis=1).squeeze()  # (rows * H, columns * W, C)
    buffer = io.BytesIO()
    picture = Image.fromarray(sheet)
    picture.resize((4 * picture.width, 4 * picture.height), Image.Resampling.NEAREST).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {key: float(f"{value:.4g}") for key, value in scores.items()}

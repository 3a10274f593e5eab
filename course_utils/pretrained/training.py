"""How a diffusion model is trained ahead: noise, guess, compare, thousands of times; then judge, then store."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import data, weights
from course_utils.diffusion import diffusion_loss
from course_utils.files import write_atomically
from course_utils.guidance import bernoulli_mask, drop_condition
from course_utils.metrics.recogniser_training import fingerprint
from course_utils.pretrained.judging import judge, samples
from course_utils.pretrained.plans import Plan, initial, plan_of
from course_utils.training import Clock, fit, round_to_16_bits, training_card

Batch = tuple[Tensor, Tensor, Tensor, Tensor | None]  # x0 (B, C, H, W), t (B,), eps like x0, cond (B,)
CHUNK = 16  # batches of flowers drawn at once
JUDGED_ON = {16: 1000, 32: 500}  # images, by their size: at 32 px each costs four times as much


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
        x0, t, eps, cond = batch
        return diffusion_loss(model, x0, t, alpha_bar, eps, cond, kind=plan.kind)

    clock = Clock()
    history = fit(
        net,
        batches(plan, seed, device),
        loss,
        steps,
        optimiser=plan.optimiser,
        learning_rate=plan.learning_rate,
        ema=plan.ema,
        autocast=True,
        checkpoint=weights.cache() / "unfinished" / f"{name}-{steps}.safetensors",
        quiet=quiet,
        title=name,
    )
    _, cpu_seconds = clock.seconds()
    average = history.ema
    assert average is not None
    round_to_16_bits(average)
    card = {
        "recipe": name,
        "what": plan.says(),
        "data": f"{plan.dataset}, split train",
        "fingerprint": fingerprint(plan.dataset),
        **plan.describe(),
        **({"classes": list(data.load(plan.dataset, n=1).classes)} if plan.classes else {}),
        **training_card(steps, plan.batch, seed, (round(history.seconds), cpu_seconds), device),
        "loss": round(history.last_loss, 5),
        "metrics": judge(average, plan, JUDGED_ON[plan.size] if steps >= 100 else 20, device),
        "samples": f"{name}.png",
    }
    where = weights.save(name, average, card, half=True, folder=folder)
    write_atomically(where.with_suffix(".png"), samples(average, plan, device))
    return weights.card(name, folder=folder)


def batches(plan: Plan, seed: int, device: torch.device | str = "cpu") -> Callable[[int], Batch]:
    """step -> (x0, t, eps, cond), the same for the same step, so that a training can go on after an interrupt.

    cond is None for a network without classes.
    """
    draw = _endless_flowers(plan, seed) if plan.dataset == "flowers" else _any_of_all(plan)

    def batch(step: int) -> Batch:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)  # it looks at 32 bits only
        x0, labels = draw(step, generator)
        eps = torch.randn(x0.shape, generator=generator)
        t = plan.draw_times(generator)
        cond = None
        if plan.classes:
            mask = bernoulli_mask(plan.batch, plan.p_uncond, generator)
            cond = drop_condition(labels, mask, null=plan.classes).to(device)
        return x0.to(device), t.to(device), eps.to(device), cond

    return batch


Draw = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]  # step, generator -> x0 (B, C, H, W), labels (B,)


def _endless_flowers(plan: Plan, seed: int) -> Draw:
    """Flowers drawn for these batches and never seen again."""

    @lru_cache(maxsize=1)
    def chunk(number: int) -> data.ImageSet:
        return data.load("flowers", n=CHUNK * plan.batch, size=plan.size, seed=1 + seed * 2**20 + number)

    def draw(step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        here = slice(step % CHUNK * plan.batch, (step % CHUNK + 1) * plan.batch)
        return chunk(step // CHUNK).images[here], chunk(step // CHUNK).labels[here]

    return draw


def _any_of_all(plan: Plan) -> Draw:
    """Each batch is drawn from all training images."""
    whole = data.load(plan.dataset, size=plan.size, split="train")

    def draw(step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(whole), (plan.batch,), generator=generator)
        return whole.images[chosen], whole.labels[chosen]

    return draw

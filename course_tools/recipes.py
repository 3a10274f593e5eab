"""How each file in `weights/` was made: `course train NAME` makes it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from course_utils import weights
from course_utils.errors import CourseError
from course_utils.lessons.lesson02.denoiser import OneShot, train_denoiser
from course_utils.metrics import oracle_training
from course_utils.metrics.recogniser_training import PLANS, train_recogniser
from course_utils.pretrained import PLANS as DDPM_PLANS
from course_utils.pretrained import Reader, train_ddpm, train_noisy_classifier
from course_utils.runtime import choose_preset


@dataclass(frozen=True)
class Recipe:
    """One training whose result is stored.

    Attributes:
        name: of the recipe and of its weights.
        says: what it makes, in a line.
        minutes: how long it takes on two CPU cores, roughly.
        steps: by preset; `lecture` uses weights that are there and trains nothing.
        run: called with `steps`, `device`, `folder` and `quiet`, trains, stores, and returns the card.
    """

    name: str
    says: str
    minutes: float
    steps: dict[str, int]
    run: Callable[..., dict[str, Any]]


def _by_preset(full: int) -> dict[str, int]:
    return {"smoke": 4, "laptop": full, "gpu": full}


def _recogniser(dataset: str) -> Recipe:
    full = PLANS[dataset].steps
    return Recipe(
        name=f"recogniser-{dataset}",
        says=f"names the class of a noisy image of {dataset}",
        minutes=round(full / 500),
        steps=_by_preset(full),
        run=partial(train_recogniser, dataset),
    )


def _ddpm(name: str) -> Recipe:
    plan = DDPM_PLANS[name]
    return Recipe(
        name=name,
        says=plan.says(),
        minutes=round(plan.steps / 600 * (plan.size / 16) ** 2),
        steps=_by_preset(plan.steps),
        run=partial(train_ddpm, name),
    )


def _denoiser(dataset: str) -> Recipe:
    full = OneShot().steps
    return Recipe(
        name=f"denoiser-{dataset}",
        says=f"guesses the clean image of a noisy one of {dataset}, in one go",
        minutes=round(full / 1500),
        steps=_by_preset(full),
        run=partial(train_denoiser, dataset),
    )


def _noisy_classifier(dataset: str) -> Recipe:
    full = Reader().steps
    return Recipe(
        name=f"noisy-classifier-{dataset}",
        says=f"names the class of a noisy picture of {dataset} and is told the time, to steer ddpm-{dataset}",
        minutes=round(full / 1500),
        steps=_by_preset(full),
        run=partial(train_noisy_classifier, dataset),
    )


ORACLE = Recipe(
    name=oracle_training.NAME,
    says="reads from a clean flower what it was drawn from",
    minutes=round(oracle_training.STEPS / 400),
    steps=_by_preset(oracle_training.STEPS),
    run=oracle_training.train_oracle,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *map(_recogniser, PLANS),
        ORACLE,
        *map(_denoiser, PLANS),
        *map(_ddpm, DDPM_PLANS),
        *map(_noisy_classifier, ("flowers", "mnist")),
    )
}


def train(name: str, preset: str = "auto", *, folder: Path | None = None, quiet: bool = False) -> dict[str, Any]:
    """Follow a recipe, store the weights with their card, and return the card.

    Args:
        name: a key of `RECIPES`.
        preset: "auto" (`gpu` where CUDA is, else `laptop`), "laptop", "gpu", or "smoke": a few steps, to see that
            every line runs. COURSE_PRESET, where set, wins. Under `lecture`, nothing is trained.
        folder: where to store; by default the checkout's `weights/`. What `smoke` makes is useless, so without a
            folder of its own it goes to `weights/smoke` in the cache and never over good weights.
        quiet: no progress bar.

    Raises:
        CourseError: no such recipe or preset, or no data to train on.
    """
    if name not in RECIPES:
        raise CourseError(f"There is no recipe {name!r}: choose one of {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    chosen, _ = choose_preset(preset)
    if chosen == "lecture":
        return weights.card(name, folder=folder)
    if chosen == "smoke" and folder is None:
        folder = weights.cache() / "smoke"
    device = "cuda" if chosen == "gpu" else "cpu"
    return recipe.run(steps=recipe.steps[chosen], device=device, folder=folder, quiet=quiet)

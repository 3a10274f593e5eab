"""`course train NAME`: weights that come with the course are made again, by the recipe that made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from course_utils import training, weights
from course_utils.pretrained.recipes import find, recipes
from course_utils.runtime import choose_preset

SMOKE = 4  # steps, to see that every line runs


def listing() -> list[str]:
    """A line for each recipe."""
    return [f"{r.name:28} {r.what} (about {r.minutes:g} min on two cores)" for r in recipes().values()]


def train(name: str, preset: str = "auto", *, folder: Path | None = None, quiet: bool = False) -> dict[str, Any]:
    """Follow a recipe, store the weights with their card, and return the card.

    Args:
        name: of the recipe and of its weights.
        preset: "auto" (`gpu` where CUDA is, else `laptop`), "laptop", "gpu", or "smoke": a few steps, to see that
            every line runs. COURSE_PRESET, where set, wins. Under `lecture`, nothing is trained.
        folder: where to store; by default the checkout's `weights/`. What `smoke` makes is useless, so without a
            folder of its own it goes to `weights/smoke` in the cache and never over good weights.
        quiet: no progress bar.

    Raises:
        CourseError: no such recipe or preset, or no data to train on.
    """
    recipe = find(name)
    chosen, _ = choose_preset(preset)
    if chosen == "lecture":
        return weights.card(name, folder=folder)
    if chosen == "smoke" and folder is None:
        folder = weights.cache() / "smoke"
    device = "cuda" if chosen == "gpu" else "cpu"
    steps = SMOKE if chosen == "smoke" else None
    return training.make(recipe, steps=steps, device=device, folder=folder, quiet=quiet)

"""Diffusion models that draw whatever they like, by the recipe of lesson 04 under `laptop`, for longer."""

from dataclasses import replace

from course_utils.pretrained.diffusion import DiffusionTraining

FLOWERS = DiffusionTraining(
    dataset="flowers",
    channels=3,
    width=32,
    multipliers=(1, 2, 3),
    attention=(False, False, False),
    steps=10_000,
    schedule="linear",
    times="middle-heavy",
    middle=-1.0,
    optimiser="muon",
    learning_rate=5e-3,
    momentum=0.9,
    hold=0.7,
)

RECIPES = (
    FLOWERS.recipe("ddpm-flowers", lesson="04"),
    replace(FLOWERS, dataset="mnist", channels=1, steps=6_000).recipe("ddpm-mnist", lesson="04"),
)

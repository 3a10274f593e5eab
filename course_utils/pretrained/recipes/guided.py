"""Diffusion models that draw the class that they are told, or any if they are told none (lesson 12)."""

from dataclasses import replace

from course_utils.pretrained.diffusion import DiffusionTraining

FLOWERS = DiffusionTraining(
    dataset="flowers",
    channels=3,
    width=32,
    steps=4000,
    kind="v",
    schedule="cosine",
    times="middle-heavy",
    middle=-0.6,
    classes=10,
    optimiser="muon",
    learning_rate=5e-3,
)

RECIPES = (
    FLOWERS.recipe("guided-flowers", lesson="12"),
    replace(FLOWERS, dataset="mnist", channels=1, steps=2500).recipe("guided-mnist", lesson="12"),
    replace(FLOWERS, size=32, steps=2000).recipe("guided-flowers-32", lesson="12"),
)

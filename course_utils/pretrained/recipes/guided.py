"""Diffusion models that draw the class that they are told, or any if they are told none, by the recipe of lesson 12
under `laptop`, for longer.

It is the recipe of lesson 04 with another schedule (cosine), another target (v), and a network that is told the class
of nine pictures in ten.
"""

from dataclasses import replace

from course_utils.pretrained.recipes import ddpm

FLOWERS = replace(ddpm.FLOWERS, steps=4_000, kind="v", schedule="cosine", middle=-0.6, classes=10)

RECIPES = (
    FLOWERS.recipe("guided-flowers", lesson="12"),
    replace(FLOWERS, dataset="mnist", channels=1, steps=2_500).recipe("guided-mnist", lesson="12"),
    replace(FLOWERS, size=32, steps=2_000).recipe("guided-flowers-32", lesson="12"),
)

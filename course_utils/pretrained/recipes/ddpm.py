"""Diffusion models that draw whatever they like (lesson 04)."""

from course_utils.pretrained.diffusion import DiffusionTraining

RECIPES = (
    DiffusionTraining(dataset="flowers", channels=3).recipe("ddpm-flowers", lesson="04"),
    DiffusionTraining(dataset="mnist", channels=1, steps=3000).recipe("ddpm-mnist", lesson="04"),
)

"""Makes the pictures of the README: `python docs/make_pictures.py`. (Those of lessons: `course pictures`.)"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from course_tools import pictures
from course_utils import data, metrics, plots, pretrained, studies
from course_utils.guidance import sample_cfg
from course_utils.lessons.lesson00.opening import denoise_path
from course_utils.lessons.lesson12.curve import GuidanceCurve
from course_utils.lessons.lesson12.explorer import GuidanceExplorer
from course_utils.plots.sheet import sheet
from course_utils.widgets.brush import Brush

FOLDER = Path(__file__).parent / "pictures"


def save(picture: Image.Image, name: str) -> None:
    """Into docs/pictures, unless the same pixels are there already."""
    changed = pictures.save(picture, FOLDER / name)
    print(f"{name}: {picture.width} x {picture.height}, {'written' if changed else 'as it was'}")


def noise_to_flowers() -> None:
    """Four flowers rise out of noise, from left to right: the exact denoiser of a garden, run backwards."""
    garden = data.load("flowers", n=3000, size=64, seed=3).images
    path = denoise_path(garden, count=4, steps=40, seed=5)
    shown = [path[k] for k in (0, 10, 16, 20, 23, 26, 30, 35, 40)]
    save(sheet([torch.stack([x[i] for x in shown]) for i in range(4)], scale=2), "noise_to_flowers.png")


def cover() -> None:
    """The README's cover: the guided model at w = 2, one row a species, twelve noises, none left out."""
    size = 32 if pretrained.available_guided("flowers", 32) else 16
    model, columns, side, names, gap = pretrained.guided("flowers", size=size), 12, 64, 100, 4
    K = len(model.classes)
    noises = model.noise(columns, torch.Generator().manual_seed(32))
    brush = Brush(names + columns * (side + gap), K * (side + gap), 1)
    for k, species in enumerate(model.classes):
        asked = torch.full((columns,), k)
        row = sample_cfg(model.model, noises, asked, 2.0, model.alpha_bar, 50, kind=model.kind).clamp(-1, 1)
        y = k * (side + gap)
        brush.text(names - 12, y + side / 2 + 5, str(species), size=14, bold=True, anchor="rs")
        for j, picture in enumerate(plots.to_uint8(row)):
            brush.pixels(names + j * (side + gap), y, side, picture)
    save(brush.image, "cover.png")


def guidance_slider() -> None:
    """The explorer of lesson 12 as it begins, with the curve that the lesson's study has measured."""
    model = pretrained.guided("flowers")
    runs = {name: studies.load("cfg_weight", figure=name).runs for name in ("read as asked", "recall")}
    shared = studies.settings("cfg_weight")["shared"]
    curve = GuidanceCurve(
        [float(label.split("=")[1]) for label in runs["recall"]],
        *([sum(values) / len(values) for values in found.values()] for found in runs.values()),
        steps=shared["steps"],
        n=3 * shared["samples"],
    )
    explorer = GuidanceExplorer(
        model.model,
        model.alpha_bar,
        model.noise(3, torch.Generator().manual_seed(1)),
        kind=model.kind,
        classes=model.classes,
        read=metrics.Judge("flowers", 16, n=2).read,
        curve=curve,
    )
    save(explorer.image, "guidance_slider.png")


if __name__ == "__main__":
    cover()
    noise_to_flowers()
    guidance_slider()

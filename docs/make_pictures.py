"""Makes the pictures that the README and the openings of lessons show: `python docs/make_pictures.py`.

No network is involved. The pictures that run backwards use the exact denoiser of a finite garden
(`course_utils.diffusion.ideal_denoiser`), so they end in flowers of that garden: what a perfectly trained model that
has learnt its data by heart would do.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_utils import data, plots, pretrained
from course_utils.diffusion import alpha_bars, cosine_schedule, ideal_denoiser, q_sample
from course_utils.guidance import sample_cfg
from course_utils.lessons.lesson04.film import Film
from course_utils.lessons.lesson12.curve import GuidanceCurve
from course_utils.lessons.lesson12.explorer import GuidanceExplorer

FOLDER = Path(__file__).parent / "pictures"
PAPER, GAP = 255, 4


def denoise_path(garden: Tensor, count: int, steps: int, seed: int) -> list[Tensor]:
    """From noise to the garden's flowers with deterministic DDIM steps (Song et al. 2020, arXiv 2010.02502, eq. 12).

    Args:
        garden: (N, C, H, W), the whole data set.
        count: how many pictures.
        steps: how many steps.
        seed: of the starting noise.

    Returns:
        steps + 1 batches (count, C, H, W), from noise to pictures.
    """
    alpha_bar = alpha_bars(cosine_schedule(1000))
    times = torch.linspace(999, 0, steps + 1).round().long().tolist()
    x = torch.randn(count, *garden.shape[1:], generator=torch.Generator().manual_seed(seed))
    path = [x]
    for t, t_next in itertools.pairwise(times):
        a, a_next = alpha_bar[t].item(), alpha_bar[t_next].item()
        x0 = ideal_denoiser(x, torch.full((count,), t), alpha_bar, garden)
        eps = (x - a**0.5 * x0) / (1 - a) ** 0.5
        x = a_next**0.5 * x0 + (1 - a_next) ** 0.5 * eps
        path.append(x)
    return path


def sheet(rows: list[Tensor], scale: int = 1) -> Image.Image:
    """Rows of pictures, (N, C, H, W) each, on a sheet of white paper."""
    strips = []
    for row in rows:
        tiles = plots.to_uint8(row).repeat(scale, axis=1).repeat(scale, axis=2)  # (N, H, W, C)
        padded = np.pad(tiles, ((0, 0), (GAP, GAP), (GAP, GAP), (0, 0)), constant_values=PAPER)
        strips.append(np.concatenate(list(padded), axis=1))
    return Image.fromarray(np.concatenate(strips))


def save(picture: Image.Image, name: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    picture.save(FOLDER / name, optimize=True)
    print(f"{name}: {picture.width} x {picture.height}, {(FOLDER / name).stat().st_size // 1024} KB")


def noise_to_flowers() -> None:
    """The README's cover: four flowers rise out of noise, from left to right."""
    garden = data.load("flowers", n=3000, size=64, seed=3).images
    path = denoise_path(garden, count=4, steps=40, seed=5)
    shown = [path[k] for k in (0, 10, 16, 20, 23, 26, 30, 35, 40)]
    save(sheet([torch.stack([x[i] for x in shown]) for i in range(4)], scale=2), "noise_to_flowers.png")


def prompts() -> None:
    """Lesson 00: what the last lesson does. Each row asks for another flower."""
    garden = data.load("flowers", n=20000, size=32, seed=4)
    wanted = [("daisy", "white"), ("tulip", "red"), ("sunflower", "yellow"), ("poppy", "pink")]
    rows = []
    for k, (species, colour) in enumerate(wanted):
        match = (garden.table["species"] == species) & (garden.table["petal_colour"] == colour)
        chosen = garden.images[torch.tensor(match.tolist())]
        rows.append(denoise_path(chosen, count=8, steps=40, seed=10 + k)[-1])
    save(sheet(rows, scale=3), "00_prompts.png")


def forward_noising() -> None:
    """Lesson 01: flowers drown in noise, from left to right."""
    flowers = data.load("flowers", n=5, size=32, split="test", seed=1).images
    alpha_bar = alpha_bars(cosine_schedule(1000))
    times = torch.tensor([0, 60, 140, 240, 350, 470, 600, 750, 1000])
    generator = torch.Generator().manual_seed(0)
    rows = []
    for flower in flowers:
        x0 = flower.expand(len(times), -1, -1, -1)
        rows.append(q_sample(x0, times, alpha_bar, torch.randn(x0.shape, generator=generator)))
    save(sheet(rows, scale=3), "01_forward_noising.png")


def one_shot() -> None:
    """Lesson 02: flowers under more and more noise, and below each what a network makes of it in a single guess."""
    from course_utils import weights
    from course_utils.models import plain

    net = plain.UNet(3, width=24)
    weights.load("denoiser-flowers", net)
    times = torch.tensor([50, 200, 350, 500, 650, 800, 900, 950, 1000])
    flowers = data.load("flowers", n=len(times), size=16, split="test", seed=2).images
    eps = torch.randn(flowers.shape, generator=torch.Generator().manual_seed(2))
    x_t = q_sample(flowers, times, alpha_bars(cosine_schedule(1000)), eps)
    with torch.no_grad():
        guess = net.eval()(x_t)
    save(sheet([x_t, guess], scale=6), "02_unet.png")


def time_embeddings() -> None:
    """Lesson 03: 64 features of every step as waves, and which steps they liken to which."""
    from course_utils.lessons.lesson03.maps import paint
    from course_utils.models import sinusoidal_embedding
    from course_utils.models.timed import similarity_map

    steps, side = torch.linspace(0, 1000, 640), 320
    waves = sinusoidal_embedding(steps, 64)  # (640, 64)
    left = Image.fromarray(paint(waves.T)).resize((640, side), Image.Resampling.NEAREST)
    right = Image.fromarray(paint(similarity_map(waves[::2])))  # (320, 320)
    paper = Image.new("RGB", (640 + 4 * GAP + side, side), (PAPER,) * 3)
    paper.paste(left, (0, 0))
    paper.paste(right, (640 + 4 * GAP, 0))
    save(paper.quantize(64), "03_time_embeddings.png")


def norms() -> None:
    """Lesson 05: one flower in seven batches of two, as BatchNorm (above) and GroupNorm (below) hand it on."""
    flowers = data.load("flowers", n=9, size=32, split="test").images
    watched, company = flowers[0], flowers[1:8]
    pairs = [torch.stack([watched, other]) for other in company]
    batch = torch.stack([torch.nn.functional.batch_norm(pair, None, None, training=True)[0] for pair in pairs])
    group = torch.stack([torch.nn.functional.group_norm(pair, 1)[0] for pair in pairs])
    save(sheet([0.6 * batch, 0.6 * group], scale=3), "05_unet_optimizations.png")


def ddpm() -> None:
    """Lesson 04: the model that was trained ahead, at work. Four walks from noise to a flower, from left to right."""
    from course_utils import pretrained, samplers

    ready = pretrained.ddpm("flowers")
    film, generator = Film(), torch.Generator().manual_seed(4)
    x_T = ready.noise(4, generator)
    film.end(samplers.sample_ddpm(ready.predict, x_T, ready.alpha_bar, generator, clip=True, watch=film.watch))
    frames = [film.nearest(t) for t in (1000, 600, 450, 350, 250, 170, 100, 40, 0)]
    save(sheet([torch.stack([film.x_t[k][walk] for k in frames]) for walk in range(4)], scale=6), "04_ddpm.png")


def fast_sampling() -> None:
    """Lesson 06: the same noises with more and more steps, from left to right; DDIM above, DDPM below."""
    from course_utils import pretrained, samplers

    model = pretrained.ddpm("flowers")
    noises = model.noise(3, torch.Generator().manual_seed(5))
    counts = (2, 3, 5, 10, 20, 50, 100, 250)
    settings = {"predict": model.predict, "x_T": noises, "alpha_bar": model.alpha_bar, "clip": True}
    rows = []
    for sampler in ("DDIM", "DDPM"):
        drawn = []
        for steps in counts:
            if sampler == "DDIM":
                drawn.append(samplers.sample_ddim(steps=steps, **settings))
            else:
                drawn.append(samplers.sample_ddpm(steps=steps, generator=torch.Generator().manual_seed(6), **settings))
        rows += [torch.stack([x[i] for x in drawn]) for i in range(len(noises))]
    save(sheet(rows, scale=6), "06_fast_sampling.png")


def evaluation() -> None:
    """Lesson 10: real flowers, and noise that was moved until the recogniser sees those very flowers in it."""
    from course_utils import metrics
    from course_utils.lessons.lesson10.damages import fooling

    real, reader = data.load("flowers", n=9, size=16, seed=5).images, metrics.recogniser("flowers")
    start = 0.6 * torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    fooled = fooling(reader.net.features, reader.features(real), start, steps=100)
    save(sheet([real, fooled], scale=6), "10_evaluation.png")


def guidance_weight() -> None:
    """Lesson 12: one species and one noise a row; from left to right the guidance weight rises from -2 to 8."""
    model = pretrained.guided("flowers")
    weights, species = (-2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0), torch.tensor([0, 1, 2, 4, 5, 7])
    x_T = model.noise(len(species), torch.Generator().manual_seed(12))
    columns = [
        sample_cfg(model.model, x_T, species, w, model.alpha_bar, 30, kind=model.kind).clamp(-1, 1) for w in weights
    ]
    save(
        sheet([torch.stack([x[i] for x in columns]) for i in range(len(species))], scale=5),
        "12_classifier_free_guidance.png",
    )


def cover() -> None:
    """The README's cover: the guided model at w = 2, one row a species, twelve noises, none left out."""
    from course_utils.widgets.brush import Brush

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
    from course_utils import metrics, studies

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
    guidance_slider()
    cover()
    noise_to_flowers()
    prompts()
    forward_noising()
    one_shot()
    time_embeddings()
    norms()
    ddpm()
    fast_sampling()
    evaluation()
    guidance_weight()

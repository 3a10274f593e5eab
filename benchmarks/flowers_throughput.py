"""How many flowers are drawn a second, against a peer in the same run.

    python benchmarks/flowers_throughput.py

The peer is what one would write first: Pillow draws a plain daisy (sky, stem, petals as turned ellipses, a round
centre) at four times the size, one image at a time, and shrinks it. It has no species, shading, leaves or
stars, so the comparison is in its favour. The two alternate, round by round, so that other work on the
machine slows both alike; the best and the median of the rounds are printed. Drawing runs on two threads. The last
column is images per second of one core's time, which other work hardly changes: twice that bounds what two free
cores can give.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageDraw
from timing import start

from course_utils import data
from course_utils.data import flowers

ROUNDS = 7
OURS = {16: 8192, 32: 4096, 64: 1024}  # images a round, about half a second
PEER = {16: 400, 32: 300, 64: 150}
OVERSAMPLING = 4


def pillow_daisy(size: int, petals: int, turn: float, colour: tuple[int, int, int]) -> Image.Image:
    """A plain daisy, anti-aliased by drawing it larger."""
    side = size * OVERSAMPLING
    image = Image.new("RGB", (side, side), (140, 195, 240))
    draw = ImageDraw.Draw(image)
    middle, radius = side / 2, 0.3 * side
    draw.line([(middle, middle), (middle, side)], fill=(60, 140, 70), width=side // 20)
    for k in range(petals):
        angle = turn + 2 * math.pi * k / petals
        outline = []
        for s in range(16):  # a turned ellipse, as a polygon
            a = 2 * math.pi * s / 16
            u, v = 0.6 * radius + 0.4 * radius * math.cos(a), 0.16 * radius * math.sin(a)
            x = middle + u * math.cos(angle) - v * math.sin(angle)
            y = 0.9 * middle + u * math.sin(angle) + v * math.cos(angle)
            outline.append((x, y))
        draw.polygon(outline, fill=colour)
    r = 0.28 * radius
    draw.ellipse([middle - r, 0.9 * middle - r, middle + r, 0.9 * middle + r], fill=(246, 195, 28))
    return image.resize((size, size), Image.Resampling.BOX)


def peer(n: int, size: int) -> torch.Tensor:
    """n Pillow daisies as an image batch, float32 (n, 3, size, size) in [-1, 1]."""
    rng = np.random.default_rng(0)
    images = [
        np.asarray(pillow_daisy(size, int(rng.integers(7, 11)), float(rng.random()), tuple(rng.integers(0, 256, 3))))
        for _ in range(n)
    ]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def rate(work: Callable[[], object], images: int, clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    work()
    return images / (clock() - start)


def main() -> None:
    torch.set_num_threads(2)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, best (median) of {ROUNDS} alternating rounds")
    heads = ("drawn, images/s", "with table, captions", "Pillow, images/s")
    print(f"{'size':>5} {heads[0]:>22} {heads[1]:>22} {heads[2]:>20} {'ratio':>12} {'a core-second':>15}")
    for size, n in OURS.items():
        table = flowers.sample(n)
        drawn, loaded, theirs, core = [], [], [], []
        for _ in range(ROUNDS):
            drawn.append(rate(lambda table=table, size=size: flowers.draw(table, size), n))
            loaded.append(rate(lambda n=n, size=size: data.load("flowers", n=n, size=size), n))
            theirs.append(rate(lambda size=size: peer(PEER[size], size), PEER[size]))
            core.append(rate(lambda table=table, size=size: flowers.draw(table, size), n, time.process_time))
        ratios = [ours / other for ours, other in zip(drawn, theirs, strict=True)]
        cells = [f"{max(r):,.0f} ({statistics.median(r):,.0f})" for r in (drawn, loaded, theirs)]
        ratio = f"{max(drawn) / max(theirs):.1f} ({statistics.median(ratios):.1f})"
        print(f"{size:>5} {cells[0]:>22} {cells[1]:>22} {cells[2]:>20} {ratio:>12} {max(core):>15,.0f}")


if __name__ == "__main__":
    start(main)

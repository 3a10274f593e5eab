"""From a table of attributes to pictures. Flowers of one species are drawn together, a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from course_utils.data.flowers import attributes, faces, palette, profiles, scene
from course_utils.data.flowers.faces import Plane
from course_utils.data.flowers.scene import Brush
from course_utils.data.hashing import uniform

HEADS: dict[str, Callable[[Brush, Plane], None]] = {
    "daisy": faces.daisy,
    "sunflower": faces.sunflower,
    "tulip": profiles.tulip,
    "rose": faces.rose,
    "poppy": faces.poppy,
    "bellflower": profiles.bellflower,
    "lily": faces.lily,
    "pansy": faces.pansy,
    "lotus": profiles.lotus,
    "primrose": faces.primrose,
}
_FACES = frozenset(HEADS) - {"tulip", "bellflower", "lotus"}
RADIUS = {"small": 0.50, "medium": 0.61, "large": 0.73}
_PIXELS = 1 << 17  # pixels a chunk: small enough for a core's cache, large enough to outweigh the calls
_REACH = 1.25  # no petal ends, and no pixel is touched, farther from the centre, in radii of the head
_PETALS = palette.table(list(palette.PETALS.values()))  # (K, 3, 3)
_CENTRES = palette.table(list(palette.CENTRES.values()))
_LEAF = palette.table([palette.LEAF])


def render(table: pd.DataFrame, size: int) -> Tensor:
    """Draw each row of a complete table: float32 (N, 3, size, size) in [-1, 1]."""
    out = torch.empty(len(table), 3, size, size)
    numbers = _numbers(table)
    species = table["species"].to_numpy()
    # Like sizes and numbers of petals go into a chunk together, so that less canvas and fewer petals are computed.
    likes = np.lexsort((table["petals"].to_numpy(), table["size"].to_numpy()))
    chunk = max(1, _PIXELS // size**2)
    jobs: list[tuple[str, Tensor]] = []
    for name in HEADS:
        rows = torch.from_numpy(likes[species[likes] == name])
        jobs += [(name, some) for some in rows.split(chunk)] if len(rows) else []

    def work(job: tuple[str, Tensor]) -> None:
        name, rows = job
        out[rows] = _chunk({key: values[rows] for key, values in numbers.items()}, size, name)

    threads = min(torch.get_num_threads(), len(jobs))
    if threads <= 1:
        for job in jobs:
            work(job)
        return out
    # A chunk to each thread is faster than all threads on each operation: the operations are small, and waiting
    # for one another after each costs more than the work, above all when other programs share the cores.
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(work, jobs))
    finally:
        torch.set_num_threads(before)  # the setting is each thread's own, but threads to come take the last one set
    return out


def _numbers(table: pd.DataFrame) -> dict[str, Tensor]:
    """All that the brushes need to know, one number a flower: choices int64 (N,), measures float32 (N, 1, 1)."""
    key = table["key"].to_numpy().astype(np.uint64)
    numbers = {name: _column(uniform(key, name)) for name in scene.VARIATIONS}
    for name in ("petal_colour", "centre_colour", "sky"):
        places = {value: i for i, value in enumerate(attributes.CHOICES[name])}
        numbers[name] = torch.from_numpy(table[name].map(places).to_numpy().astype(np.int64))
    for name in ("petals", "leaves"):
        numbers[name] = _column(table[name].to_numpy())
    numbers["radius"] = _column(table["size"].map(RADIUS).to_numpy() * (0.98 + 0.04 * uniform(key, "radius")))
    numbers["cx"] = _column(0.14 * uniform(key, "cx") - 0.07)
    numbers["cy"] = _column(0.10 * uniform(key, "cy") + 0.15)
    numbers["exposure"] = _column(0.08 * uniform(key, "exposure") + 0.96)
    return numbers


@torch.no_grad()
def _chunk(numbers: dict[str, Tensor], size: int, species: str) -> Tensor:
    """Flowers of one species: float32 (B, 3, size, size) in [-1, 1]."""
    pixel = 2.0 / size
    centres = (torch.arange(size, dtype=torch.float32) + 0.5) * pixel - 1.0
    x, y = centres.view(1, 1, -1), -centres.view(1, -1, 1)
    sky, exposure = numbers["sky"], numbers["exposure"]
    leaf = _LEAF.expand(len(sky), -1, -1)
    brush = Brush(
        canvas=scene.background(sky, x, y, pixel, numbers),
        x=x,
        y=y,
        pixel=pixel,
        numbers=numbers,
        petal_colour=palette.quadratic(scene.light(_PETALS[numbers["petal_colour"]], sky, exposure)),
        centre_colour=palette.quadratic(scene.light(_CENTRES[numbers["centre_colour"]], sky, exposure)),
        leaf_colour=palette.quadratic(scene.light(leaf, sky, exposure)),
    )
    if species != "bellflower":  # its stem goes round the head
        scene.stem(brush)
    scene.leaves(brush)
    squash = brush.vary("squash", 0.88, 1.0) if species in _FACES else 1.0  # a face is seen a little from below
    # Only the part of the canvas that a head can reach is worth computing: about half of it.
    reach = _REACH * brush.radius
    brush.columns = _span(x, brush.cx - reach, brush.cx + reach)
    brush.rows = _span(y, brush.cy - (9.0 if species == "bellflower" else reach), brush.cy + reach)
    x, y = x[..., brush.columns], y[:, brush.rows]
    across, up = (x - brush.cx) / brush.radius, (y - brush.cy) / (brush.radius * squash)
    HEADS[species](brush, Plane(across, up, pixel / brush.radius))
    return brush.canvas.clamp_(0.0, 1.0).mul_(2.0).sub_(1.0)


def _span(axis: Tensor, low: Tensor, high: Tensor) -> slice:
    """The pixels of an axis between the lowest `low` and the highest `high` of a batch."""
    inside = torch.nonzero((axis.flatten() >= low.min()) & (axis.flatten() <= high.max())).flatten()
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _column(values: np.ndarray) -> Tensor:
    """One number a flower, shaped (N, 1, 1) to go with (N, H, W)."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).view(-1, 1, 1)

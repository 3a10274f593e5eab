"""From a table of attributes to pictures. Flowers of one species are drawn together, a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable

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
RADIUS = {"small": 0.50, "medium": 0.61, "large": 0.73}
_PIXELS = 1 << 17  # pixels a chunk: large enough to keep both cores busy, small enough for their caches
_PETALS = palette.table(list(palette.PETALS.values()))  # (K, 3, 3)
_CENTRES = palette.table(list(palette.CENTRES.values()))
_LEAF = palette.table([palette.LEAF])


@torch.no_grad()
def render(table: pd.DataFrame, size: int) -> Tensor:
    """Draw each row of a complete table: float32 (N, 3, size, size) in [-1, 1]."""
    out = torch.empty(len(table), 3, size, size)
    species = table["species"].to_numpy()
    chunk = max(1, _PIXELS // size**2)
    for name, head in HEADS.items():
        rows = np.flatnonzero(species == name)
        for start in range(0, len(rows), chunk):
            some = rows[start : start + chunk]
            out[torch.from_numpy(some)] = _chunk(table.iloc[some], size, name, head)
    return out


def _chunk(table: pd.DataFrame, size: int, species: str, head: Callable[[Brush, Plane], None]) -> Tensor:
    """Flowers of one species: float32 (B, 3, size, size) in [-1, 1]."""
    key = table["key"].to_numpy().astype(np.uint64)
    vary = {name: _column(uniform(key, name)) for name in scene.VARIATIONS}
    pixel = 2.0 / size
    centres = (torch.arange(size, dtype=torch.float32) + 0.5) * pixel - 1.0
    x, y = centres.view(1, 1, -1), -centres.view(1, -1, 1)
    sky = _codes(table, "sky")
    radius = _column(table["size"].map(RADIUS).to_numpy()) * (1.0 + 0.04 * (_column(uniform(key, "radius")) - 0.5))
    cx = 0.14 * (_column(uniform(key, "cx")) - 0.5)
    cy = 0.20 + 0.10 * (_column(uniform(key, "cy")) - 0.5)
    exposure = 1.0 + 0.08 * (_column(uniform(key, "exposure")) - 0.5)
    brush = Brush(
        canvas=scene.background(sky, x, y, pixel, vary),
        x=x,
        y=y,
        pixel=pixel,
        variation=vary,
        sky=sky,
        cx=cx,
        cy=cy,
        radius=radius,
        petals=_column(table["petals"].to_numpy()),
        leaves=_column(table["leaves"].to_numpy()),
        petal_colour=palette.quadratic(scene.light(_PETALS[_codes(table, "petal_colour")], sky, exposure)),
        centre_colour=palette.quadratic(scene.light(_CENTRES[_codes(table, "centre_colour")], sky, exposure)),
        leaf_colour=palette.quadratic(scene.light(_LEAF.expand(len(table), -1, -1), sky, exposure)),
    )
    if species != "bellflower":  # its stem goes round the head
        scene.stem(brush)
    scene.leaves(brush)
    squash = 1.0 if species in ("tulip", "bellflower", "lotus") else brush.vary("squash", 0.88, 1.0)
    head(brush, Plane((x - cx) / radius, (y - cy) / (radius * squash), pixel / radius))
    return brush.canvas.clamp_(0.0, 1.0).mul_(2.0).sub_(1.0)


def _column(values: np.ndarray) -> Tensor:
    """One number a flower, shaped (B, 1, 1) to go with (B, H, W)."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).view(-1, 1, 1)


def _codes(table: pd.DataFrame, column: str) -> Tensor:
    """The place of each row's value in the list of choices, int64 (B,)."""
    places = {value: i for i, value in enumerate(attributes.CHOICES[column])}
    return torch.from_numpy(table[column].map(places).to_numpy().astype(np.int64))

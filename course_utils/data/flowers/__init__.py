"""Flowers, drawn on the spot: endless, seeded, any size, each with known attributes and a caption.

from course_utils.data import flowers
flowers.draw({"species": "daisy", "petals": 8, "petal_colour": "red", "sky": "dusk"}, size=64)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from course_utils.data.flowers import attributes, captions
from course_utils.data.flowers.attributes import CHOICES, LEAVES, PETALS, SPECIES, sample
from course_utils.data.flowers.painter import render
from course_utils.data.imageset import ImageSet, check_split

__all__ = ["CHOICES", "LEAVES", "PETALS", "SPECIES", "captions", "draw", "load", "sample"]

DEFAULT_COUNT, DEFAULT_SIZE = 1024, 32


def load(n: int | None = None, size: int | None = None, split: str = "train", seed: int = 0) -> ImageSet:
    """The first `n` flowers of `split` and `seed`. The label is the species.

    Flower i is the same flower whatever `n` and `size` are.
    """
    check_split(split)
    table = sample(DEFAULT_COUNT if n is None else n, split, seed)
    species = {name: i for i, name in enumerate(SPECIES)}
    return ImageSet(
        name="flowers",
        images=render(table, DEFAULT_SIZE if size is None else size),
        labels=torch.tensor([species[s] for s in table["species"]], dtype=torch.int64),
        classes=SPECIES,
        table=table,
        captions=captions.write(table),
    )


def draw(
    chosen: pd.DataFrame | Mapping[str, object] | Sequence[Mapping[str, object]],
    size: int = DEFAULT_SIZE,
    seed: int = 0,
) -> torch.Tensor:
    """Draw flowers with the attributes that you choose.

    Args:
        chosen: one flower as a dict, several as a list of dicts or a dict of lists, or a table such as
            `ImageSet.table`. What is left out takes a usual value (a medium red daisy by day with two leaves).
        size: width and height in pixels.
        seed: chooses what has no name: place, turn, tilt, the bend of the stem.

    Returns:
        float32 (N, 3, size, size) in [-1, 1].

    Raises:
        CourseError: an attribute or a value that flowers do not have.
    """
    return render(attributes.complete(chosen, seed), size)

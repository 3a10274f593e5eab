"""What there is to know about a drawn flower, as a table with one row a flower.

An attribute is a hash of (seed, split, index): see `course_utils.data.hashing`. So row i is the same however
many rows are asked for, and "train" and "test" are two unrelated streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from course_utils.data.flowers import palette
from course_utils.data.hashing import hash64, uniform
from course_utils.errors import CourseError

# The numbers of petals that each species has, few enough to be counted at 32 px. Their order is that of the labels.
PETALS: dict[str, tuple[int, ...]] = {
    "daisy": (7, 8, 9, 10),
    "sunflower": (8, 10, 12),
    "tulip": (3, 4, 5),
    "rose": (5, 6, 7),
    "poppy": (4, 5, 6),
    "bellflower": (3, 4, 5),
    "lily": (5, 6, 7, 8),
    "pansy": (5,),
    "lotus": (5, 6, 7),
    "primrose": (4, 5, 6),
}
SPECIES = tuple(PETALS)
CHOICES: dict[str, tuple[str, ...]] = {
    "species": SPECIES,
    "petal_colour": tuple(palette.PETALS),
    "centre_colour": tuple(palette.CENTRES),
    "sky": tuple(palette.SKIES),
    "size": ("small", "medium", "large"),
}
LEAVES = (0, 1, 2)
COLUMNS = ("species", "petals", "petal_colour", "centre_colour", "sky", "size", "leaves", "key")
DEFAULTS = {"petal_colour": "red", "centre_colour": "yellow", "sky": "day", "size": "medium", "leaves": 2}


def sample(n: int, split: str = "train", seed: int = 0, start: int = 0) -> pd.DataFrame:
    """Rows `start` to `start + n` of the endless table of flowers that `split` and `seed` name.

    Columns: species, petals (how many), petal_colour, centre_colour (never that of the petals), sky, size,
    leaves (0, 1 or 2), and key, the number from which the small variations are computed that have no name:
    place, turn, tilt, the bend of the stem, the shade of a colour.
    """
    key = hash64(seed, "flowers", split, index=np.arange(start, start + n))

    def pick(name: str, count: np.ndarray | int) -> np.ndarray:
        return np.floor(uniform(key, name) * count).astype(np.int64)

    species = pick("species", len(SPECIES))
    how_many = np.array([len(p) for p in PETALS.values()])
    columns: dict[str, np.ndarray] = {name: np.array(CHOICES[name])[pick(name, len(CHOICES[name]))] for name in CHOICES}
    columns["species"] = np.array(SPECIES)[species]
    places = pick("petals", how_many[species])
    columns["petals"] = np.array([PETALS[SPECIES[s]][p] for s, p in zip(species, places, strict=True)], dtype=np.int64)
    columns["leaves"] = pick("leaves", len(LEAVES))
    columns["key"] = key
    # A yellow centre on yellow petals could not be seen: such a flower takes the next colour but one or more.
    centres = np.array(CHOICES["centre_colour"])
    same = columns["centre_colour"] == columns["petal_colour"]
    other = (pick("centre_colour", len(centres)) + 1 + pick("other centre", len(centres) - 1)) % len(centres)
    columns["centre_colour"] = np.where(same, centres[other], columns["centre_colour"])
    return pd.DataFrame({name: columns[name] for name in COLUMNS})


def complete(chosen: pd.DataFrame | Mapping[str, object] | Sequence[Mapping[str, object]], seed: int) -> pd.DataFrame:
    """A whole table from attributes that a person chose: fill in what is left out, and check the rest.

    Raises CourseError for an unknown attribute or value, or a number of petals that the species does not have.
    """
    if isinstance(chosen, Mapping):
        scalars = all(isinstance(v, str) or np.ndim(v) == 0 for v in chosen.values())  # type: ignore[arg-type]
        frame = pd.DataFrame([dict(chosen)] if scalars else dict(chosen))
    else:
        frame = pd.DataFrame(chosen) if isinstance(chosen, pd.DataFrame) else pd.DataFrame([dict(c) for c in chosen])
    frame = frame.reset_index(drop=True)
    unknown = [str(c) for c in frame.columns if c not in COLUMNS]
    if unknown:
        raise CourseError(f'A flower has no attribute "{unknown[0]}": choose from {", ".join(COLUMNS[:-1])}.')
    if "species" not in frame:
        frame["species"] = "daisy"
    for name, value in DEFAULTS.items():
        frame[name] = frame[name].fillna(value) if name in frame else value
    for name, allowed in CHOICES.items():
        wrong = frame[name][~frame[name].isin(allowed)]
        if len(wrong):
            raise CourseError(f'"{wrong.iloc[0]}" is no {name} of a flower: choose from {", ".join(allowed)}.')
    if (bad := frame["leaves"][~frame["leaves"].isin(LEAVES)]).size:
        raise CourseError(f"A flower cannot have {bad.iloc[0]} leaves: choose 0, 1 or 2.")
    usual = frame["species"].map(lambda s: PETALS[s][len(PETALS[s]) // 2])
    frame["petals"] = (frame["petals"].fillna(usual) if "petals" in frame else usual).astype(np.int64)
    for species, petals in zip(frame["species"], frame["petals"], strict=True):
        if petals not in PETALS[species]:
            choice = " or ".join(map(str, PETALS[species]))
            raise CourseError(f"A {species} cannot have {petals} petals: choose {choice}.")
    if "key" not in frame:
        frame["key"] = hash64(seed, "flowers", "drawn", index=np.arange(len(frame)))
    frame["leaves"] = frame["leaves"].astype(np.int64)
    return frame[list(COLUMNS)]

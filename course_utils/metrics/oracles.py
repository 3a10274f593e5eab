"""The oracle reads from a flower what it was drawn from, so that one can say whether a flower is what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from course_utils import weights
from course_utils.data.flowers import PETALS, SPECIES
from course_utils.errors import CourseError
from course_utils.metrics.oracle_training import ATTRIBUTES, NAME, NUMBERS, PAIRS, make_net, pair_log_probabilities
from course_utils.models.oracle import OracleNet

CHUNK = 500  # images read at a time


@dataclass(frozen=True)
class Oracle:
    """A trained network that reads clean flowers, drawn or generated, best at 32 px.

    Attributes:
        attributes: what it reads: the possible values by name, with "petals" the number of petals.
        net: the network, in evaluation mode.
    """

    attributes: Mapping[str, tuple[Any, ...]]
    net: OracleNet

    def probabilities(self, x: Tensor) -> dict[str, Tensor]:
        """How probable each value of each attribute is, given the image.

        Args:
            x: images (B, 3, H, W) in [-1, 1], from 16 px, without noise.

        Returns:
            {attribute: (B, K)}, K in the order of `attributes`; each row adds up to 1, on the device of `x`.

        Raises:
            CourseError: not a batch of colour images of 16 px or more.
        """
        read = self._log_probabilities(x)
        pairs = read.pop("pairs").exp()
        by_number = [[i for i, (_, number) in enumerate(PAIRS) if number == wanted] for wanted in NUMBERS]
        petals = torch.stack([pairs[:, places].sum(dim=1) for places in by_number], dim=1)
        found = {name: value.exp() for name, value in read.items()} | {"petals": petals}
        return {name: found[name].to(x.device) for name in self.attributes}

    def read(self, x: Tensor) -> pd.DataFrame:
        """The most probable value of each attribute, one row an image (B, 3, H, W).

        The number of petals is the most probable one of the species that was read, so that `flowers.draw` can draw the
        table again.
        """
        read = self._log_probabilities(x)
        places = {name: value.argmax(dim=1).tolist() for name, value in read.items() if name != "pairs"}
        table = {name: [self.attributes[name][k] for k in found] for name, found in places.items()}
        starts = [PAIRS.index((species, numbers[0])) for species, numbers in PETALS.items()]
        table["petals"] = [
            PETALS[SPECIES[k]][int(row[starts[k] : starts[k] + len(PETALS[SPECIES[k]])].argmax())]
            for k, row in zip(places["species"], read["pairs"], strict=True)
        ]
        return pd.DataFrame({name: table[name] for name in self.attributes})

    def accuracy(self, x: Tensor, table: pd.DataFrame) -> dict[str, float]:
        """The share of images (B, 3, H, W) of which an attribute is read as `table` has it, by attribute, 0 to 1.

        Args:
            x: images.
            table: one row an image; any of the attributes, such as `ImageSet.table`, or what a generator was asked for.

        Raises:
            CourseError: no image, another number of rows than images, or no attribute among the columns.
        """
        known = [name for name in self.attributes if name in table]
        if len(table) != len(x) or len(x) == 0:
            raise CourseError(
                f"There must be one row an image, and one image at least: {len(table)} for {len(x)} images."
            )
        if not known:
            raise CourseError(f"The table has none of {', '.join(self.attributes)}: name a column so.")
        read = self.read(x)
        return {name: float((read[name].to_numpy() == table[name].to_numpy()).mean()) for name in known}

    def sure(self, x: Tensor, attribute: str = "species", threshold: float = 0.9) -> float:
        """The share of images (B, 3, H, W) in which one value of the attribute is more probable than `threshold`."""
        if attribute not in self.attributes:
            raise CourseError(f"The oracle reads no {attribute!r}: choose from {', '.join(self.attributes)}.")
        if len(x) == 0:
            raise CourseError("There are no images to read: give one or more.")
        return (self.probabilities(x)[attribute].amax(dim=1) > threshold).float().mean().item()

    @torch.no_grad()
    def _log_probabilities(self, x: Tensor) -> dict[str, Tensor]:
        """{attribute: (B, K)} for all but the petals, and "pairs" (B, 33): species and number together."""
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point() or min(x.shape[-2:]) < 16:
            raise CourseError(
                "The oracle reads floating point images (B, 3, H, W) in [-1, 1] of 16 px or more; "
                f"this is {x.dtype} of shape {tuple(x.shape)}."
            )
        device = self.net.head.weight.device
        parts = []
        for part in x.split(CHUNK) if len(x) else [x.new_zeros(1, *x.shape[1:])]:  # so that no image gives (0, K)
            scores = self.net(part.to(device, torch.float32))
            pairs = pair_log_probabilities(scores)
            del scores["petals"]
            parts.append({name: value.log_softmax(dim=1) for name, value in scores.items()} | {"pairs": pairs})
        return {name: torch.cat([part[name] for part in parts])[: len(x)].cpu() for name in parts[0]}


def oracle(device: torch.device | str = "cpu", *, folder: Path | None = None) -> Oracle:
    """The oracle that comes with the course.

    Args:
        device: where it computes.
        folder: where its weights are; by default the checkout, then the cache.

    Raises:
        CourseError: its weights are not there, or were damaged. `course train oracle-flowers` makes them.
    """
    return _load(str(device), weights.path(NAME, folder=folder).parent)


@lru_cache(maxsize=4)
def _load(device: str, folder: Path) -> Oracle:
    net = make_net().to(device)
    weights.load(NAME, net, folder=folder)
    return Oracle({**ATTRIBUTES, "petals": NUMBERS}, net.eval())

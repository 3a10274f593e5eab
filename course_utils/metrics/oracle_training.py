"""How the oracle is trained: on clean drawn flowers of three sizes, slightly blurred or noisy, and on broken ones.

Where a picture is broken (two flowers mixed, parts exchanged, blurred or noisy beyond recognition), the right answer
for the species is "any". Without such pictures, a network is sure of something whatever it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data.flowers import CHOICES, LEAVES, PETALS, attributes, painter
from course_utils.metrics.recogniser_training import at_log_snr
from course_utils.models.oracle import OracleNet
from course_utils.training import FEW, Recipe, Teachable, bf16_where_fast, replayed

NAME = "oracle-flowers"
CHUNK = 8  # batches drawn at once
BROKEN = 16  # of the images in a batch
JUDGED_ON, HARDLY_ON = 4000, 64

ATTRIBUTES: dict[str, tuple[Any, ...]] = {**CHOICES, "leaves": LEAVES}
PAIRS = tuple((species, count) for species, counts in PETALS.items() for count in counts)
NUMBERS = tuple(sorted({count for _, count in PAIRS}))  # of petals


@dataclass(frozen=True)
class Drawn:
    """A training batch: images (B, 3, S, S), the place of each attribute's value (B,) by name, and which are broken."""

    images: Tensor
    answers: dict[str, Tensor]
    broken: Tensor


@dataclass(frozen=True)
class OracleTraining(Teachable):
    """The oracle's training.

    Attributes:
        sizes: px, in turn; one named twice is practised twice as often.
        dataset, steps, batch, learning_rate: as for every training.
    """

    sizes: tuple[int, ...] = (32, 16, 32, 24)
    dataset: str = "flowers"
    steps: int = 3000
    batch: int = 128
    learning_rate: float = 3e-3

    def network(self) -> OracleNet:
        return make_net()

    def batches(self, seed: int, device: torch.device | str = "cpu") -> Callable[[int], Drawn]:
        return replayed(lambda: batches(self, torch.Generator().manual_seed(seed), device))

    def loss(self, model: nn.Module, batch: Drawn) -> Tensor:
        """The sum of the attributes' cross entropies; of a broken image only the species', whose answer is "any"."""
        with bf16_where_fast(batch.images.device):
            scores = model(batch.images)
        scores = {name: value.float() for name, value in scores.items()}
        whole = ~batch.broken
        total = -scores["species"][batch.broken].log_softmax(dim=1).mean() if batch.broken.any() else torch.zeros(())
        total = total * batch.broken.float().mean()
        for name in ATTRIBUTES:
            total = total + F.cross_entropy(scores[name][whole], batch.answers[name][whole])
        species = F.cross_entropy(scores["species"][whole], batch.answers["species"][whole])
        pairs = F.nll_loss(pair_log_probabilities(scores)[whole], batch.answers["petals"][whole])
        return total + (pairs - species)  # what is left is the cross entropy of the count, given the species

    def choices(self) -> dict[str, Any]:
        return {**super().choices(), "weight_decay": 0.05}


def make_net() -> OracleNet:
    """The oracle's network, not trained yet."""
    return OracleNet({name: len(values) for name, values in ATTRIBUTES.items()}, len(PAIRS))


def answers(table: pd.DataFrame) -> dict[str, Tensor]:
    """The place of each attribute's value among its choices, int64 (N,); "petals" is a place in `PAIRS`."""
    places = {name: table[name].map({v: i for i, v in enumerate(values)}) for name, values in ATTRIBUTES.items()}
    pairs = {pair: i for i, pair in enumerate(PAIRS)}
    places["petals"] = pd.Series([pairs[pair] for pair in zip(table["species"], table["petals"], strict=True)])
    return {name: torch.tensor(column.to_numpy(), dtype=torch.int64) for name, column in places.items()}


def pair_log_probabilities(scores: dict[str, Tensor]) -> Tensor:
    """log p(species) + log p(count | species) for each of `PAIRS`, (B, 33)."""
    species = scores["species"].log_softmax(dim=1)
    parts = []
    for k, part in enumerate(scores["petals"].split([len(counts) for counts in PETALS.values()], dim=1)):
        parts.append(part.log_softmax(dim=1) + species[:, k : k + 1])
    return torch.cat(parts, dim=1)


def batches(
    training: OracleTraining, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Iterator[Drawn]:
    """Training batches without end, each flower drawn for it and never seen again."""
    by_size = {size: _drawn(training.batch, size, generator) for size in training.sizes}
    for size in cycle(training.sizes):
        images, places = next(by_size[size])
        images = slightly_worse(images, generator)
        images[:BROKEN] = broken(images[:BROKEN], generator)
        which = torch.arange(len(images), device=device) < BROKEN
        yield Drawn(images.to(device), {name: place.to(device) for name, place in places.items()}, which)


def _drawn(batch: int, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    while True:
        seed = int(torch.randint(2**31, (), generator=generator))
        table = attributes.sample(CHUNK * batch, "train", seed)
        images, places = painter.render(table, size), answers(table)
        for rows in torch.arange(len(images)).split(batch):
            yield images[rows], {name: place[rows] for name, place in places.items()}


def slightly_worse(x: Tensor, generator: torch.Generator) -> Tensor:
    """Half the images (B, 3, H, W) a little blurred, half a little noisy: so are generated ones."""
    amount = torch.rand(len(x), 1, 1, 1, generator=generator) - 0.5  # half of them below 0
    x = torch.lerp(x, F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), amount.clamp_min(0) * (x.shape[-1] / 32))
    sigma = 0.2 * (torch.rand(len(x), 1, 1, 1, generator=generator) - 0.5).clamp_min(0)  # up to 0.1
    return x + sigma * torch.randn(x.shape, generator=generator)


def broken(x: Tensor, generator: torch.Generator) -> Tensor:
    """Images (B, 3, H, W), a quarter each mixed with another, with parts exchanged, far too blurred, far too noisy."""
    mixed, parts, blurred, noisy = x.chunk(4)
    side = x.shape[-1]
    half = side // 2
    exchanged = parts.clone()
    exchanged[:, :, :half] = parts.roll(1, dims=0)[:, :, :half]  # one flower's upper half over another's lower ...
    exchanged = exchanged.roll(half, dims=3)  # ... and what was in the middle at the sides
    few = max(4, side // 8)
    smooth = F.interpolate(F.interpolate(blurred, size=(few, few), mode="area"), size=(side, side), mode="bilinear")
    log_snr = torch.empty(len(noisy)).uniform_(-8.0, -1.0, generator=generator)
    noise = at_log_snr(noisy, log_snr, torch.randn(noisy.shape, generator=generator))
    return torch.cat([0.5 * mixed + 0.5 * mixed.roll(1, dims=0), exchanged, smooth, noise])


@torch.no_grad()
def judge(net: OracleNet, training: OracleTraining, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Accuracy on held-out flowers by size and attribute; of the count by species too, and how often it is sure."""
    from course_utils.metrics.oracles import Oracle

    count = JUDGED_ON if training.steps >= FEW else HARDLY_ON
    oracle = Oracle({**ATTRIBUTES, "petals": NUMBERS}, net.eval())
    table = attributes.sample(count, "test", seed=0)
    accuracy, petals, sure = {}, {}, {}
    for size in sorted(set(training.sizes)):
        images = painter.render(table, size).to(device)
        accuracy[f"{size} px"] = {name: round(share, 4) for name, share in oracle.accuracy(images, table).items()}
        right = oracle.read(images)["petals"] == table["petals"]
        petals[f"{size} px"] = {name: round(float(right[table["species"] == name].mean()), 4) for name in PETALS}
        sure[f"{size} px"] = round(oracle.sure(images), 4)
    return {"held_out_images": count, "accuracy": accuracy, "petals_by_species": petals, "sure_of_species": sure}


TRAINING = OracleTraining()
RECIPE = Recipe(
    name=NAME,
    what="reads from a clean flower what it was drawn from",
    lesson="judges",
    training=TRAINING,
    minutes=round(TRAINING.steps / 400),
    judge=judge,
    data=f"flowers, split train, at {', '.join(str(s) for s in sorted(set(TRAINING.sizes)))} px; "
    f"half slightly blurred, half with slight noise, {BROKEN} of {TRAINING.batch} broken",
    about=lambda: {"attributes": {name: list(values) for name, values in {**ATTRIBUTES, "petals": NUMBERS}.items()}},
    tells_loss=False,
)

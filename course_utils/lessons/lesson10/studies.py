"""What lesson 10 measures: which figure notices which failure, and what the bound says of a trained model.

Nothing is trained. The seeds are those of the images, of the noise and of the attack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from course_utils import data, pretrained
from course_utils.diffusion import bound_terms, to_levels
from course_utils.errors import CourseError
from course_utils.lessons.lesson10.damages import blur, fooling, grain, repeated, without_classes
from course_utils.metrics import (
    frechet_distance,
    inception_score,
    kernel_distance,
    mean_pairwise_distance,
    nearest_distance,
    oracle,
    precision_recall,
    recogniser,
)
from course_utils.samplers import ideal_predict, respace
from course_utils.studies.study import Study
from course_utils.training import Pictures

FAILURES = ("none", "half of the classes", "twenty pictures", "training set", "fooling the network", "blur", "grain")
FIGURES = ("Fréchet distance", "kernel distance", "inception score", "precision", "recall", "pair distance", "copies")
ANOTHER = "another network is sure"  # the share; for flowers alone, where there is one: the oracle
COPY = 0.01  # the share of held-out real images that count as copies


@dataclass(frozen=True)
class Failure(Pictures):
    """A generator that fails in one way, made of real images.

    Attributes:
        kind: one of `FAILURES`.
        images: how many are judged; as many real ones they are compared with; and as many the training set has.
        steps: of the attack on the network.
    """

    kind: str = "none"
    images: int = 200
    steps: int = 60

    def __post_init__(self) -> None:
        if self.kind not in FAILURES:
            raise CourseError(f"There is no failure {self.kind!r}: choose one of {', '.join(FAILURES)}.")


def failing(failure: Failure, seed: int) -> Tensor:
    """What the generator draws, (images, C, size, size)."""
    n, generator = failure.images, torch.Generator().manual_seed(3000 + seed)
    real = data.load(failure.dataset, n=3 * n, size=failure.size, split="test", seed=seed)
    x, labels = real.images[n : 2 * n], real.labels[n : 2 * n]
    if failure.kind == "half of the classes":
        more = torch.cat([x, real.images[2 * n :]])  # so that nothing has to be shown twice
        classes = torch.cat([labels, real.labels[2 * n :]])
        return without_classes(more, classes, len(real.classes) // 2)[:n]
    if failure.kind == "twenty pictures":
        return repeated(x, n // 10)
    if failure.kind == "training set":
        return training_set(failure.dataset, failure.size, n, seed)[torch.randperm(n, generator=generator)]
    if failure.kind == "fooling the network":
        reader = recogniser(failure.dataset)
        start = 0.6 * torch.randn(x.shape, generator=generator)
        return fooling(reader.net.features, reader.features(x), start, steps=failure.steps)
    if failure.kind == "blur":
        return blur(x, 0.8)
    if failure.kind == "grain":
        return grain(x, 0.2, generator)
    return x


def run_failure(failure: Failure, seed: int) -> dict[str, Any]:
    """Every figure of what a failing generator draws, beside held-out real images."""
    real = data.load(failure.dataset, n=failure.images, size=failure.size, split="test", seed=seed).images
    training = training_set(failure.dataset, failure.size, failure.images, seed)
    return figures(failure.dataset, real, failing(failure, seed), training)


def figures(dataset: str, real: Tensor, fake: Tensor, training: Tensor) -> dict[str, float]:
    """All of `FIGURES`, and `ANOTHER` for flowers, of images `fake` beside held-out ones `real` and a training set.

    "copies" is the share of images that are nearer, pixel by pixel, to one of the training set than 99 in 100 real
    held-out images are.
    """
    reader = recogniser(dataset)
    a, b = reader.features(fake), reader.features(real)
    near, usual = (nearest_distance(x.flatten(1), training.flatten(1)) for x in (fake, real))
    precision, recall = precision_recall(b, a)
    values = (
        frechet_distance(a, b),
        kernel_distance(a, b),
        inception_score(reader.probabilities(fake)),
        precision,
        recall,
        mean_pairwise_distance(a),
        (near < usual.quantile(COPY)).double().mean().item(),
    )
    found = dict(zip(FIGURES, values, strict=True))
    if dataset == "flowers":
        found[ANOTHER] = oracle().sure(fake)
    return found


@lru_cache(maxsize=4)
def training_set(dataset: str, size: int, n: int, seed: int) -> Tensor:
    """The images that a generator may have learnt by heart, (n, C, size, size): for each seed others."""
    return data.load(dataset, n=n, size=size, split="train", seed=seed).images


@dataclass(frozen=True)
class Bound:
    """The variational bound of a model.

    Attributes:
        dataset: the images, and whose model: the one trained ahead.
        model: "trained"; or "by heart", the ideal denoiser over `images_known` training images.
        split: which images are sent, "train" or "test".
        steps: of the chain.
        variance: of its steps.
        images: how many are sent.
        images_known: by the model that knows them by heart.
    """

    dataset: str = "flowers"
    model: str = "trained"
    split: str = "test"
    steps: int = 50
    variance: str = "beta-tilde"
    images: int = 8
    images_known: int = 200


EDGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1001)  # of the steps of a chain of 1000, gathered in a curve


def run_bound(bound: Bound, seed: int) -> dict[str, Any]:
    """Bits per dimension of images that are sent with a model; for a chain of 1000 steps also by its steps."""
    trained = pretrained.ddpm(bound.dataset)
    alpha_bar = trained.alpha_bar[respace(len(trained.alpha_bar) - 1, bound.steps).flip(0)]
    if bound.model == "trained":
        predict = trained.predict
        # Flowers of the split "train" with seeds from 1 on are those that its training drew, each once.
        first = seed + 1 if bound.split == "train" else seed
        x0 = data.load(bound.dataset, n=bound.images, size=trained.size, split=bound.split, seed=first).images
    else:
        known = to_levels(training_set(bound.dataset, trained.size, bound.images_known, seed))
        predict = ideal_predict(known, alpha_bar)
        new = data.load(bound.dataset, n=bound.images, size=trained.size, split="test", seed=seed).images
        x0 = known[: bound.images] if bound.split == "train" else new
    generator = torch.Generator().manual_seed(4000 + seed)
    terms = bound_terms(predict, to_levels(x0), alpha_bar, generator, variance=bound.variance).mean(dim=1)
    found: dict[str, Any] = {"bits per dimension": terms.sum().item(), "last step": terms[1].item()}
    if bound.steps == EDGES[-1] - 1:
        found["by steps"] = [terms[a:b].sum().item() for a, b in pairwise(EDGES)]
    return found


CHAINS = (10, 20, 50, 100)
THOUSAND = Bound(steps=1000)

STUDIES = [
    Study(
        "failures",
        lesson="10",
        says="what each figure says of generators that fail on purpose",
        variants={kind: Failure(kind=kind) for kind in FAILURES},
        seeds=range(5),
        run=run_failure,
        weights=("recogniser-flowers", "oracle-flowers"),
    ),
    Study(
        "bound_by_steps",
        lesson="10",
        says="bits per dimension of held-out flowers, by the steps of a chain of 1000",
        variants={"beta-tilde, 1000 steps": THOUSAND},
        run=run_bound,
        weights=("ddpm-flowers",),
    ),
    Study(
        "bound",
        lesson="10",
        says="bits per dimension of held-out flowers, by number of steps and variance",
        variants={
            **{f"beta-tilde, {n} steps": Bound(steps=n) for n in CHAINS},
            **{f"beta, {n} steps": Bound(steps=n, variance="beta") for n in CHAINS},
            "beta-tilde, 1000 steps": THOUSAND,
            "trained on them, 20 steps": Bound(steps=20, split="train"),
            "by heart, 20 steps, known": Bound(steps=20, model="by heart", split="train"),
            "by heart, 20 steps, new": Bound(steps=20, model="by heart"),
        },
        run=run_bound,
        weights=("ddpm-flowers",),
    ),
]

"""Lesson 11's study: a diffusion model without classes, steered by classifiers that were trained in two ways."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from course_utils import pretrained
from course_utils.guidance import Classifier, sample_guided
from course_utils.metrics import mean_pairwise_distance
from course_utils.models import NoisyClassifier
from course_utils.studies.sampling import Sampling, judge_of
from course_utils.studies.study import Study

CHUNK = 100  # pictures sampled at a time
SCALES, CLEAN_SCALES = (0, 1, 2, 4, 8, 16, 32), (1, 4, 16)


@dataclass(frozen=True)
class Steer(Sampling):
    """One way to steer `pretrained.ddpm(dataset)`.

    Attributes:
        clean: steer by a classifier that was trained on clean pictures only.
        training_steps: of the classifier, which is trained anew for each seed.
        scale: of the guidance.
        steps: of DDIM, with the guess at x0 clipped.
        samples: equally many of each class.
    """

    clean: bool = False
    training_steps: int = 800
    scale: float = 1.0
    samples: int = 200


def run_steer(steer: Steer, seed: int) -> dict[str, Any]:
    """Train a classifier, steer with it, and judge. The seed chooses its training, and the noise of the pictures.

    Returns:
        "read as asked": the share of pictures in which the oracle (else the recogniser) reads the class wanted.
        "read by itself": the share in which the classifier that steered reads it, told t = 0.
        "recall", "precision": of the pictures, against held-out ones.
        "distance within a class": mean over the classes of the mean distance between two pictures asked for the same.
        "Fréchet distance": of all pictures together.
    """
    model = pretrained.ddpm(steer.dataset)
    judge = judge_of(steer.dataset, model.size, steer.samples)
    net = _classifier(steer.dataset, steer.clean, steer.training_steps, seed)
    classes = net.head.out_features
    y = torch.arange(steer.samples) % classes
    x_T = steer.first_noise(model, seed)
    steering = told_no_time(net) if steer.clean else net
    drawn = [
        sample_guided(
            model.predict, steering, noise, wanted, model.alpha_bar, steer.steps, float(steer.scale), clip=True
        )
        for noise, wanted in zip(x_T.split(CHUNK), y.split(CHUNK), strict=True)
    ]
    x = torch.cat(drawn).clamp(-1, 1)
    with torch.no_grad():
        own = net(x, torch.zeros(len(x))).argmax(dim=1)
    return {
        "read as asked": judge.asked(x, y),
        "read by itself": (own == y).float().mean().item(),
        "recall": judge.recall(x),
        "precision": judge.precision(x),
        "distance within a class": distance_within(judge.reader.features(x), y),
        "Fréchet distance": judge.frechet(x),
    }


def told_no_time(net: NoisyClassifier) -> Classifier:
    """A classifier of clean pictures, told t = 0 always, the only time that it knows."""
    return lambda x, t: net(x, torch.zeros_like(t))


def distance_within(features: Tensor, y: Tensor) -> float:
    """The mean over the classes of the mean distance between two of a class: features (N, D), classes (N,)."""
    each = [mean_pairwise_distance(features[y == k]) for k in y.unique()]
    return sum(each) / len(each)


@lru_cache(maxsize=2)
def _classifier(dataset: str, clean: bool, steps: int, seed: int) -> NoisyClassifier:
    steered = pretrained.training_of(f"ddpm-{dataset}")
    reader = pretrained.Reader(dataset, clean=clean, steps=steps, pool=8192, steers=steered)
    return reader.train(seed, quiet=True)[0]  # type: ignore[no-any-return]


STUDIES = [
    Study(
        "steering",
        lesson="11",
        says="a model without classes, steered by a classifier of noisy pictures or of clean ones, by scale",
        variants={
            **{f"noisy, scale {scale:g}": Steer(scale=scale) for scale in SCALES},
            **{f"clean, scale {scale:g}": Steer(clean=True, scale=scale) for scale in CLEAN_SCALES},
        },
        run=run_steer,
        weights=("ddpm-flowers", "oracle-flowers", "recogniser-flowers"),
    ),
]

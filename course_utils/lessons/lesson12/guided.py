"""Guidance, one setting at a time: what is drawn with a model trained ahead, and how it is judged.

Nothing is trained here but the small classifier that guides, or is compared with the implicit one. The seeds are those
of the noise, with which sampling starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import data, guidance, pretrained
from course_utils.diffusion import model_time, q_sample
from course_utils.errors import CourseError
from course_utils.metrics import mean_pairwise_distance
from course_utils.studies.sampling import Sampling, judge_of

CHUNK = 250  # images sampled at a time
AVERAGED = 2000  # held-out images of which the mean picture is taken


@dataclass(frozen=True)
class Guided(Sampling):
    """One way of asking for classes, all classes equally often.

    Attributes:
        method: "free", or "classifier": the same network without its classes, guided by a classifier (lesson 11).
        strength: w of "free", where 0 is conditional and -1 unconditional; the scale of "classifier", where 0 is
            unconditional and 1 is Bayes' rule.
        low, high: "free" guides at times from low to high, on the scale 0 to 1000.
        every: "free" asks for the unconditional noise at every so many steps.
        steps: of DDIM.
    """

    method: str = "free"
    strength: float = 0.0
    low: float = 0.0
    high: float = 1000.0
    every: int = 1
    steps: int = 10
    samples: int = 120

    def __post_init__(self) -> None:
        if self.method not in ("free", "classifier"):
            raise CourseError(f"Guidance is free or by a classifier, and not {self.method!r}.")


def run_guided(settings: Guided, seed: int) -> dict[str, Any]:
    """Sample, and judge. The seed chooses the first noise, the same for all settings.

    Returns:
        "read as asked": the share of images in which the oracle (the recogniser, for other data) reads the class.
        "Fréchet distance", "kernel distance", "precision", "recall": against held-out images, by the recogniser.
        "distance within a class": the mean pairwise distance of images of one class, averaged over the classes.
        "distance to the mean": root mean square, of the pixels from those of the mean picture of the data.
        "saturated": the share of pixels beyond 0.99.
        "questions": how often the network answered for an image, the gradient of a classifier not counted.
    """
    model = pretrained.guided(settings.dataset)
    judge = judge_of(settings.dataset, model.size, settings.samples)
    y = torch.arange(settings.samples) % model.model.classes
    x_T = settings.first_noise(model, seed)
    counted = Counted(model.model)
    parts = [draw(settings, counted, model, *part) for part in zip(x_T.split(CHUNK), y.split(CHUNK), strict=True)]
    x = torch.cat(parts).clamp(-1, 1)
    features = judge.reader.features(x)
    within = [mean_pairwise_distance(features[y == k]) for k in y.unique().tolist()]
    away = (x - _mean_picture(settings.dataset, judge.size)).square().flatten(1).mean(1).sqrt()
    return {
        "read as asked": judge.asked(x, y),
        "Fréchet distance": judge.frechet(x),
        "kernel distance": judge.kernel(x),
        "precision": judge.precision(x),
        "recall": judge.recall(x),
        "distance within a class": sum(within) / len(within),
        "distance to the mean": away.mean().item(),
        "saturated": (x.abs() > 0.99).float().mean().item(),
        "questions": counted.rows / settings.samples,
    }


class Counted:
    """A network that counts for how many images it was asked."""

    def __init__(self, model: Any) -> None:
        self.model, self.classes, self.rows = model, model.classes, 0

    def __call__(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        self.rows += len(x)
        return self.model(x, t, cond)  # type: ignore[no-any-return]


def draw(settings: Guided, network: Any, model: pretrained.Pretrained, x_T: Tensor, y: Tensor) -> Tensor:
    """The images of the classes y (B,), from the noise x_T (B, C, H, W)."""
    known: dict[str, Any] = {"kind": model.kind, "alpha_bar": model.alpha_bar}
    if settings.method == "free":
        window = (settings.low, settings.high)
        return guidance.sample_cfg(
            network,
            x_T,
            y,
            settings.strength,
            steps=settings.steps,
            interval=window,
            every=settings.every,
            **known,
        )
    unconditional = guidance.guided_predict(network, y, -1.0, **known)
    classifier = noisy_classifier(settings.dataset)
    return guidance.sample_guided(
        unconditional, classifier, x_T, y, model.alpha_bar, settings.steps, settings.strength, clip=True
    )


@lru_cache(maxsize=2)
def noisy_classifier(dataset: str) -> nn.Module:
    """The classifier of lesson 11, trained on the schedule of this model: the same for all runs."""
    net, _ = pretrained.Reader(dataset, steers=pretrained.training_of(f"guided-{dataset}")).train(quiet=True)
    return net.requires_grad_(False)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Reading:
    """One way of reading the class of an image.

    Attributes:
        dataset: whose model.
        by: "implicit": the class under which the diffusion model names the noise best; it knows the clean image.
            "trained": a classifier that sees the noised image alone.
        times: the steps at which it is tried.
        samples: how many held-out images are read.
    """

    dataset: str = "flowers"
    by: str = "implicit"
    times: tuple[int, ...] = (100, 300, 500, 700, 900)
    samples: int = 80

    def __post_init__(self) -> None:
        if self.by not in ("implicit", "trained"):
            raise CourseError(f"An image is read by the implicit or a trained classifier, and not by {self.by!r}.")


def run_reading(settings: Reading, seed: int) -> dict[str, Any]:
    """Read held-out images. The seed chooses them and their noise, the same for both ways of reading.

    Returns:
        "accuracy by t": the share read rightly, at each step alone.
        "accuracy": with the clean image known to both: the evidence of all steps added up, and what the trained
            classifier reads from it, at t = 0.
        "cosine by t": between the gradients of log p(y | x_t) of the two classifiers, of the right class; the mean over
            images.
    """
    model = pretrained.guided(settings.dataset)
    held_out = data.load(settings.dataset, n=settings.samples, size=model.size, split="test", seed=100 + seed)
    x0, y, generator = held_out.images, held_out.labels, torch.Generator().manual_seed(seed)
    classifier, T = noisy_classifier(settings.dataset), len(model.alpha_bar) - 1
    accuracies, cosines, evidence = [], [], []
    for step in settings.times:
        t, eps = torch.full((len(x0),), step), torch.randn(x0.shape, generator=generator)
        x_t, time = q_sample(x0, t, model.alpha_bar, eps), model_time(t, T)
        if settings.by == "implicit":
            found = guidance.implicit_class(model.model, x0, t, model.alpha_bar, eps, model.kind)
            evidence.append(found)
        else:
            with torch.no_grad():
                found = classifier(x_t, time)
        accuracies.append((found.argmax(dim=1) == y).float().mean().item())
        ours = guidance.implicit_gradient(model.model, y, x_t, t, model.alpha_bar, model.kind)
        theirs = guidance.classifier_gradient(classifier, x_t, time, y)
        cosines.append(torch.cosine_similarity(ours.flatten(1), theirs.flatten(1), dim=1).mean().item())
    with torch.no_grad():
        whole = torch.stack(evidence).sum(dim=0) if settings.by == "implicit" else classifier(x0, torch.zeros(len(x0)))
    return {
        "accuracy by t": accuracies,
        "accuracy": (whole.argmax(dim=1) == y).float().mean().item(),
        "cosine by t": cosines,
    }


@lru_cache(maxsize=4)
def _mean_picture(dataset: str, size: int) -> Tensor:
    n = AVERAGED if dataset == "flowers" else None
    return data.load(dataset, n=n, size=size, split="test").images[:AVERAGED].mean(dim=0)

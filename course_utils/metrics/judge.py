"""A judge compares generated images with real ones that no training has seen, and knows how alike real ones are."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils import data, weights
from course_utils.errors import CourseError
from course_utils.metrics.distances import frechet_distance, kernel_distance
from course_utils.metrics.neighbours import precision_recall
from course_utils.metrics.oracle_training import NAME as ORACLE
from course_utils.metrics.oracles import oracle
from course_utils.metrics.recognisers import recogniser

CALIBRATED_ON, CALIBRATION_SEED = 500, 1
SURE = 0.9  # a probability above this counts as sure


class Judge:
    """Figures for generated images of one data set and size, each beside its floor: the figure for real images.

    Two sets of `n` held-out images are taken, which share none: the first is what everything is compared with, the
    second gives the floor. A distance depends on the number of images, so all are measured with `n`.

    Args:
        dataset: a name that `course_utils.data.load` knows.
        size: of the images, in px.
        n: how many images are compared. A set with fewer than 2 n held-out images lowers it to half of them: 180 for
            digits. `judge.n` says what it became.
        seed: which held-out images.
        device: where the networks compute.

    Raises:
        CourseError: an unknown data set, an impossible number, or a data set that cannot be had.
    """

    def __init__(
        self, dataset: str, size: int, n: int = 1000, seed: int = 0, device: torch.device | str = "cpu"
    ) -> None:
        if n < 2:
            raise CourseError(f"A judge cannot compare n = {n} images: give it 2 or more, better 500.")
        self.dataset, self.size, self.device = dataset, size, str(device)
        self.reader = recogniser(dataset, device)
        self.n = min(n, _available(dataset) // 2)
        self._key = (dataset, size, self.n, seed, self.device)

    @property
    def features(self) -> Tensor:
        """Of the real images that all are compared with, (n, D)."""
        return _real(*self._key)[0]

    @property
    def floor(self) -> dict[str, float]:
        """What `scores` gives for the other real images: no generator can be expected to do better."""
        return dict(_real(*self._key)[1])

    def frechet(self, x: Tensor) -> float:
        """The Fréchet distance of images (B, C, size, size) from real ones. B is at least n; the first n count."""
        return frechet_distance(self._features_of(x), self.features)

    def kernel(self, x: Tensor) -> float:
        """The kernel distance (KID) of images (B, C, size, size) from real ones, of which the first n count."""
        return kernel_distance(self._features_of(x), self.features)

    def sure(self, x: Tensor, threshold: float = SURE, *, by_recogniser: bool = False) -> float:
        """The share of images, 0 to 1, whose class is read with a probability above `threshold`.

        For flowers, the oracle reads the species. Else, or if asked to, the data set's recogniser reads the class,
        calibrated for clean images (see `temperature`). Both are blind to what was asked for.
        """
        self._check(x)
        if len(x) == 0:
            raise CourseError("There are no images to judge: give one or more.")
        read = _sure_by_recogniser if by_recogniser else _sure
        return read(self.dataset, self.size, self.device, x, threshold)

    def read(self, x: Tensor) -> Tensor:
        """The class read in each image (B, C, size, size) -> (B,) int64: by the oracle for flowers (the species)."""
        self._check(x)
        return _read(self.dataset, self.device, x)

    def asked(self, x: Tensor, y: Tensor) -> float:
        """The share of images (B, C, size, size), 0 to 1, in which the class is read that was asked for, y (B,)."""
        if y.shape != x.shape[:1] or len(y) == 0:
            raise CourseError(
                f"There must be one class asked for an image, and at least one image: there are {tuple(y.shape)} "
                f"classes for images of shape {tuple(x.shape)}."
            )
        return (self.read(x) == y.to(x.device)).float().mean().item()

    @property
    def floor_asked(self) -> float:
        """What `asked` gives for real images and their labels: no generator can be expected to do better."""
        return _real_asked(self.dataset, self.size, self.n, self._key[3], self.device)

    def precision(self, x: Tensor) -> float:
        """The share of images (B, C, size, size), of which the first n count, that lie among the real ones."""
        return precision_recall(self.features, self._features_of(x))[0]

    def recall(self, x: Tensor) -> float:
        """The share of real images that lie among images (B, C, size, size), of which the first n count."""
        return precision_recall(self.features, self._features_of(x))[1]

    @property
    def floor_precision(self) -> float:
        """What `precision` gives for the other real images."""
        return _real_neighbours(*self._key)[0]

    @property
    def floor_recall(self) -> float:
        """What `recall` gives for the other real images: no generator can be expected to do better."""
        return _real_neighbours(*self._key)[1]

    def scores(self, x: Tensor, *, by_recogniser: bool = False) -> dict[str, float]:
        """All figures of images (B, C, size, size): {"frechet": ..., "kernel": ..., "sure": ...} (see `sure`)."""
        features = self._features_of(x)
        return {
            "frechet": frechet_distance(features, self.features),
            "kernel": kernel_distance(features, self.features),
            "sure": self.sure(x, by_recogniser=by_recogniser),
        }

    def _features_of(self, x: Tensor) -> Tensor:
        self._check(x)
        if len(x) < self.n:
            raise CourseError(
                f"This judge compares {self.n} images and was given {len(x)}, and the distance depends on the number: "
                f"generate more, or make Judge({self.dataset!r}, {self.size}, n={max(len(x), 2)})."
            )
        return self.reader.features(x[: self.n])

    def _check(self, x: Tensor) -> None:
        if x.ndim == 4 and x.shape[-2:] != (self.size, self.size):  # the rest, the recogniser checks
            raise CourseError(
                f"This judge compares images of {self.size} x {self.size} px and these have "
                f"{x.shape[-2]} x {x.shape[-1]}: make a Judge of their size."
            )
        if not torch.isfinite(x).all():
            raise CourseError(
                "Some pixels are infinite or no numbers: training or sampling diverged, so look at the loss first."
            )


@lru_cache(maxsize=32)
def _real(dataset: str, size: int, n: int, seed: int, device: str) -> tuple[Tensor, dict[str, float]]:
    """The features of one half of the real images, and the scores of the other half."""
    real, other = held_out(dataset, size, n, seed)
    reads = recogniser(dataset, device).features
    a, b = reads(other), reads(real)
    floor = {
        "frechet": frechet_distance(a, b),
        "kernel": kernel_distance(a, b),
        "sure": _sure(dataset, size, device, other, SURE),
    }
    return b, floor


@lru_cache(maxsize=32)
def _real_neighbours(dataset: str, size: int, n: int, seed: int, device: str) -> tuple[float, float]:
    """Precision and recall of the other real images."""
    other = held_out(dataset, size, n, seed)[1]
    return precision_recall(_real(dataset, size, n, seed, device)[0], recogniser(dataset, device).features(other))


@lru_cache(maxsize=32)
def _real_asked(dataset: str, size: int, n: int, seed: int, device: str) -> float:
    """The share of real images in which their own label is read: of the set that gives the floor."""
    real = data.load(dataset, n=2 * n, size=size, split="test", seed=seed)
    return (_read(dataset, device, real.images[:n]) == real.labels[:n]).float().mean().item()


def _read(dataset: str, device: str, x: Tensor) -> Tensor:
    if dataset == "flowers" and weights.available(ORACLE):
        return oracle(device).probabilities(x)["species"].argmax(dim=1)
    return recogniser(dataset, device).predict(x)


def held_out(dataset: str, size: int, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two sets of `n` images of the split "test", (n, C, size, size) each, that share no image."""
    images = data.load(dataset, n=2 * n, size=size, split="test", seed=seed).images
    return images[:n], images[n:]


@lru_cache(maxsize=8)
def _available(dataset: str) -> int:
    """How many held-out images there are; flowers never end."""
    return 2**31 if dataset == "flowers" else len(data.load(dataset, split="test"))


def _sure(dataset: str, size: int, device: str, x: Tensor, threshold: float) -> float:
    if dataset == "flowers" and weights.available(ORACLE):
        return oracle(device).sure(x, "species", threshold)
    return _sure_by_recogniser(dataset, size, device, x, threshold)


def _sure_by_recogniser(dataset: str, size: int, device: str, x: Tensor, threshold: float) -> float:
    probabilities = recogniser(dataset, device).probabilities(x)
    calibrated = (probabilities.log() / temperature(dataset, size, device)).softmax(dim=1)
    return (calibrated.amax(dim=1) > threshold).float().mean().item()


@lru_cache(maxsize=32)
def temperature(dataset: str, size: int, device: str = "cpu") -> float:
    """What a recogniser's scores must be divided by so that, on clean images, it is right as often as it is sure.

    It has learnt from noisy images and cannot know that these are clean, so it says 0.8 where it is right 97 times in
    100. One number mends that: the temperature under which the labels of held-out real images are most probable (Guo et
    al. 2017, arXiv:1706.04599, section 4.2). It changes no answer, only how sure it is.
    """
    real = data.load(dataset, n=min(CALIBRATED_ON, _available(dataset)), size=size, split="test", seed=CALIBRATION_SEED)
    logs = recogniser(dataset, device).probabilities(real.images).log()
    # Not below 0.4: where all of a few hundred images are read rightly, the most probable temperature would be 0.
    candidates = torch.linspace(0.4, 2.5, 106)
    losses = torch.stack([F.cross_entropy(logs / t, real.labels) for t in candidates])
    return candidates[losses.argmin()].item()

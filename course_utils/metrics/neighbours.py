"""Measures that look at neighbours among the features: precision and recall, variety, and copies."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.metrics.distances import checked_features

CHUNK = 2048  # rows of a matrix of distances at a time


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> tuple[float, float]:
    """The share of fakes that lie among the real images, and the share of real images that lie among the fakes.

    Around each point of a set lies a ball that reaches to its k-th nearest neighbour in that set; the union of the
    balls stands for where the set is (Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2, who take k = 3 and
    50,000 images). Precision falls when images are wrong, recall when kinds of images are missing. Both depend on the
    number of images, so compare equally many, and with the figures for two sets of real ones.

    Args:
        real: features (N, D), N more than k.
        fake: features (M, D), M more than k.
        k: which neighbour bounds a ball; a point is not its own neighbour.

    Returns:
        precision, recall: each from 0 to 1.

    Raises:
        CourseError: not two matrices of features with equally many columns, or too few images for k.
    """
    real, fake = checked_features(real, fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise CourseError(
            f"The neighbour k = {k} is to be one of the others in its set, and the smaller set has "
            f"{min(len(real), len(fake))} images: give more images, or a smaller k from 1."
        )
    across, of_real, of_fake = _distances(fake, real), _radii(real, k), _radii(fake, k)  # (M, N), (N,), (M,)
    precise = (across <= of_real).any(dim=1)  # (M,)
    recalled = (across <= of_fake[:, None]).any(dim=0)  # (N,)
    return precise.double().mean().item(), recalled.double().mean().item()


def mean_pairwise_distance(features: Tensor) -> float:
    """The mean distance of two different images, over all pairs: how varied a set is.

    Args:
        features: (N, D), N at least 2.

    Returns:
        in the units of the features; 0 if all are equal. It has no bias, whatever N.

    Raises:
        CourseError: not a matrix of features of two images or more.
    """
    features, _ = checked_features(features, features)
    n = len(features)
    total = sum(_distances(part, features).sum() for part in features.split(CHUNK))  # a point is at 0 from itself
    return float(total / (n * (n - 1)))


def nearest_distance(x: Tensor, others: Tensor) -> Tensor:
    """How far each row of `x` is from the nearest of `others`: 0 for a copy.

    Args:
        x: (N, D), features or flattened images.
        others: (M, D), such as the training set.

    Returns:
        (N,), float64, in the units of the rows.

    Raises:
        CourseError: as for `frechet_distance`.
    """
    x, others = checked_features(x, others)
    return torch.cat([_distances(part, others).amin(dim=1) for part in x.split(CHUNK)])


def _radii(points: Tensor, k: int) -> Tensor:
    """From each point to its k-th nearest neighbour among the others, (N,): the smallest distance is its own, 0."""
    return _distances(points, points).kthvalue(k + 1, dim=1).values


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, D), (M, D) -> (N, M), without the shortcut over scalar products, which does not find a copy at 0."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")

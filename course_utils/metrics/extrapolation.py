"""The Fréchet distance without its bias: measured with several numbers of images, and followed to infinitely many."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from course_utils.errors import CourseError
from course_utils.metrics.distances import checked_features, frechet_distance

SHARES = (0.25, 0.375, 0.5, 0.75, 1.0)  # of the images, at which the distance is measured by default


def extrapolate(counts: Sequence[float], values: Sequence[float]) -> float:
    """Where a figure would end with infinitely many images, if its bias goes as 1/n.

    The straight line of least squares through (1/n, value); its height at 1/n = 0 (Chong & Forsyth 2020,
    arXiv:1911.07023, section 3).

    Args:
        counts: numbers of images, two different ones at least.
        values: the figure with each number.

    Raises:
        CourseError: not one value a number, numbers below 1, or all numbers equal.
    """
    n = torch.as_tensor(counts, dtype=torch.float64)
    y = torch.as_tensor(values, dtype=torch.float64)
    if n.ndim != 1 or n.shape != y.shape or not (n > 0).all() or len(n.unique()) < 2:
        raise CourseError(
            "A line needs figures measured with two different numbers of images or more, one figure a number: "
            f"there are {tuple(y.shape)} figures for the numbers {n.tolist()}."
        )
    u = 1 / n
    slope = ((u - u.mean()) * (y - y.mean())).sum() / (u - u.mean()).square().sum()
    return (y.mean() - slope * u.mean()).item()


def extrapolated_frechet(
    a: Tensor, b: Tensor, generator: Generator, *, shares: Sequence[float] = SHARES, repeats: int = 5
) -> float:
    """The Fréchet distance of two sets as it would be with infinitely many images of both kinds.

    Both sets are thinned alike, at random, to each of `shares` of the smaller one, and a line in 1/n is followed to
    1/n = 0 (Chong & Forsyth 2020, arXiv:1911.07023). It can come out below 0, where a distance cannot be. The bias is a
    straight line only where n is several times as large as the number of features that matter.

    Args:
        a, b: features (N, D) and (M, D).
        generator: says which images are taken.
        shares: of the smaller number of images, each above 0 and at most 1, two different ones at least.
        repeats: how often each share below 1 is drawn.

    Returns:
        an estimate of d^2, in squared units of the features.

    Raises:
        CourseError: as for `frechet_distance` and `extrapolate`, or a share that is none.
    """
    a, b = checked_features(a, b)
    if not shares or not all(0 < share <= 1 for share in shares) or repeats < 1:
        raise CourseError(f"Shares of the images are above 0 and at most 1, drawn once or more: they are {shares}.")
    most = min(len(a), len(b))
    counts, values = [], []
    for share in shares:
        n = max(2, round(share * most))
        for _ in range(1 if n == len(a) == len(b) else repeats):
            drawn = [x[torch.randperm(len(x), generator=generator)[:n]] for x in (a, b)]
            counts.append(n)
            values.append(frechet_distance(*drawn))
    return extrapolate(counts, values)

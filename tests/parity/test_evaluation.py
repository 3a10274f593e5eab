"""Scores, neighbours, pairs and the interval of a share agree with SciPy, scikit-learn and written-out loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import entropy
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors

from course_utils.metrics import (
    extrapolate,
    inception_score,
    mean_pairwise_distance,
    nearest_distance,
    precision_recall,
)


def features(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.relu(torch.randn(n, d, generator=generator, dtype=torch.float64)) + shift


def test_inception_score_against_scipys_entropies():
    """exp of: the entropy of the mean less the mean of the entropies."""
    p = (3 * torch.randn(300, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).softmax(dim=1)
    p[0] = torch.eye(10, dtype=torch.float64)[3]  # with zeros in it
    q = p.numpy()
    assert inception_score(p) == pytest.approx(np.exp(entropy(q.mean(0)) - entropy(q, axis=1).mean()), rel=1e-10)
    divergences = entropy(q, np.broadcast_to(q.mean(0), q.shape), axis=1)
    assert inception_score(p) == pytest.approx(np.exp(divergences.mean()), rel=1e-10)


def inside(points: np.ndarray, support: np.ndarray, k: int) -> float:
    """The share of points in a ball about one of `support` that reaches to its k-th neighbour, by scikit-learn."""
    nearest = NearestNeighbors(n_neighbors=k + 1, algorithm="ball_tree").fit(support)
    radius = nearest.kneighbors(support)[0][:, k]
    distance, index = NearestNeighbors(n_neighbors=len(support), algorithm="brute").fit(support).kneighbors(points)
    return float((distance <= radius[index]).any(axis=1).mean())


@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.6, 0.1), (1.5, 0.4)])
def test_precision_and_recall_against_scikit_learns_neighbours(k, scale, shift):
    real, fake = features(220, 6, 0), features(180, 6, 1, scale, shift)
    precision, recall = precision_recall(real, fake, k)
    assert precision == pytest.approx(inside(fake.numpy(), real.numpy(), k), abs=1e-12)
    assert recall == pytest.approx(inside(real.numpy(), fake.numpy(), k), abs=1e-12)


def test_pairs_against_scipy_and_copies_against_scikit_learn():
    a, b = features(150, 20, 2), features(200, 20, 3)
    assert mean_pairwise_distance(a) == pytest.approx(pdist(a.numpy()).mean(), rel=1e-12)
    want = NearestNeighbors(n_neighbors=1).fit(b.numpy()).kneighbors(a.numpy())[0][:, 0]
    assert np.allclose(nearest_distance(a, b).numpy(), want, rtol=1e-10)


def test_the_extrapolation_against_scikit_learns_line():
    counts = np.array([256, 512, 512, 1024, 4096])
    values = 1.3 + 40 / counts + 0.01 * np.random.default_rng(0).standard_normal(5)
    line = LinearRegression().fit((1 / counts)[:, None], values)
    assert extrapolate(counts.tolist(), values.tolist()) == pytest.approx(line.intercept_, rel=1e-10)

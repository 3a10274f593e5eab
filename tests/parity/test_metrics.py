"""Fréchet and kernel distance agree with independent computations on the same features."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.metrics.pairwise import polynomial_kernel

from course_utils.metrics import frechet_distance, kernel_distance


def features(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    """Correlated and skewed, as a network's features are."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    return scale * torch.relu(torch.randn(n, d, generator=generator, dtype=torch.float64) @ mixing) + shift


def frechet_with_sqrtm(a: np.ndarray, b: np.ndarray) -> float:
    """The formula as it stands in the paper, by a Schur decomposition of the product of the covariances."""
    c_a, c_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(c_a @ c_b)
    means = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(means + np.trace(c_a + c_b - 2 * np.real(root)))


@pytest.mark.parametrize(("n", "m", "d"), [(500, 500, 4), (400, 700, 24), (1000, 900, 128)])
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.3, 0.5)])
def test_frechet_against_scipys_matrix_root(n: int, m: int, d: int, scale: float, shift: float) -> None:
    a, b = features(n, d, 0), features(m, d, 1, scale, shift)
    assert frechet_distance(a, b) == pytest.approx(frechet_with_sqrtm(a.numpy(), b.numpy()), rel=1e-8)


def whitened(n: int, d: int, seed: int) -> torch.Tensor:
    """(n, d) whose sample mean is exactly 0 and whose sample covariance is exactly the identity."""
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(x - x.mean(0)).Q * (n - 1) ** 0.5


def test_frechet_in_closed_form_for_known_moments() -> None:
    n, d = 300, 6
    spread_a, spread_b = torch.linspace(0.5, 2, d), torch.linspace(3, 0.1, d)
    turn = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(5), dtype=torch.float64)).Q
    shift = torch.arange(d, dtype=torch.float64)
    # covariances with the same axes: d^2 = |shift|^2 + sum (s_a - s_b)^2
    a = (whitened(n, d, 0) * spread_a) @ turn
    b = (whitened(n, d, 1) * spread_b) @ turn + shift
    want = shift.square().sum() + (spread_a - spread_b).double().square().sum()
    assert frechet_distance(a, b) == pytest.approx(want.item(), rel=1e-6)
    # one dimension: |m_a - m_b|^2 + (s_a - s_b)^2
    one = frechet_distance(2.0 * whitened(50, 1, 2) + 1.0, 0.5 * whitened(80, 1, 3) - 1.0)
    assert one == pytest.approx(4.0 + 1.5**2, rel=1e-12)
    # against the identity: |shift|^2 + sum (lambda^(1/2) - 1)^2, lambda the eigenvalues of any covariance
    mixing = torch.randn(d, d, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    eigenvalues = torch.linalg.eigvalsh(mixing.T @ mixing)
    want = (eigenvalues.clamp_min(0).sqrt() - 1).square().sum().item()
    assert frechet_distance(whitened(n, d, 4) @ mixing, whitened(n, d, 5)) == pytest.approx(want, rel=1e-8)


def test_frechet_with_fewer_images_than_features() -> None:
    """Covariances that cannot be inverted: compare with the eigenvalues of C_a^(1/2) C_b C_a^(1/2)."""
    a, b = features(20, 64, 0), features(30, 64, 1, 1.2)
    c_a, c_b = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(c_a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ c_b @ root).clamp_min(0).sqrt().sum()
    want = (a.mean(0) - b.mean(0)).square().sum() + c_a.trace() + c_b.trace() - 2 * shared
    assert frechet_distance(a, b) == pytest.approx(want.item(), rel=1e-5)


def test_kernel_distance_against_a_double_loop() -> None:
    a, b = features(7, 3, 0).tolist(), features(9, 3, 1, 1.4).tolist()

    def k(x: list[float], y: list[float]) -> float:
        return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3

    within = [
        sum(k(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j) / (len(s) * (len(s) - 1))
        for s in (a, b)
    ]
    across = sum(k(x, y) for x in a for y in b) / (len(a) * len(b))
    got = kernel_distance(torch.tensor(a), torch.tensor(b))  # float32 in: the same within its precision
    assert got == pytest.approx(sum(within) - 2 * across, rel=1e-4)
    exact = kernel_distance(features(7, 3, 0), features(9, 3, 1, 1.4))
    assert exact == pytest.approx(sum(within) - 2 * across, rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 16), (500, 400, 128)])
def test_kernel_distance_against_scikit_learn(n: int, m: int, d: int) -> None:
    a, b = features(n, d, 0).numpy(), features(m, d, 1, 1.1).numpy()
    parts = {"aa": (a, a), "bb": (b, b), "ab": (a, b)}
    k = {name: polynomial_kernel(x, y, degree=3, gamma=1 / d, coef0=1) for name, (x, y) in parts.items()}
    off = {name: (k[name].sum() - np.trace(k[name])) / (c * (c - 1)) for name, c in (("aa", n), ("bb", m))}
    want = off["aa"] + off["bb"] - 2 * k["ab"].mean()
    assert kernel_distance(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(want, rel=1e-9)

"""Two distances between clouds of features: how far apart two sets of images are, as a network sees them."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils.errors import CourseError


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The squared Fréchet distance between Gaussians with the means and covariances of two sets of features.

    d^2 = |mu_a - mu_b|^2 + tr(C_a) + tr(C_b) - 2 tr((C_a C_b)^(1/2)), Heusel et al. 2017, arXiv:1706.08500, eq. 6.
    On features of an Inception network it is called FID; on others its numbers are others too. It is biased: with fewer
    images it comes out larger, so compare only distances of equally many images, and with real against other real ones.

    Args:
        a: features (N, D), N at least 2.
        b: features (M, D), M at least 2.

    Returns:
        d^2, in squared units of the features; 0 for equal sets.

    Raises:
        CourseError: not two matrices of finite features with equally many columns and two rows or more.
    """
    a, b = checked_features(a, b)
    root_a, root_b = _root(a), _root(b)  # C_a = root_a^T root_a
    # The eigenvalues of C_a C_b are the squares of the singular values of root_a root_b^T. So no matrix root is needed,
    # no rounding makes an eigenvalue negative, and fewer images than features do no harm.
    shared = torch.linalg.svdvals(root_a @ root_b.T).sum()  # tr((C_a C_b)^(1/2))
    means = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    return max(0.0, (means + root_a.square().sum() + root_b.square().sum() - 2 * shared).item())


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The squared maximum mean discrepancy of two sets of features under the kernel k(x, y) = (x.y / D + 1)^3.

    Bińkowski et al. 2018, arXiv:1801.01401, section 4, who call it KID; the estimate is that of Gretton et al. 2012,
    lemma 6: pairs of an image with itself are left out. So it has no bias, whatever the number of images, and for two
    sets of the same kind it varies about 0 and can be below.

    Args:
        a: features (N, D), N at least 2.
        b: features (M, D), M at least 2.

    Raises:
        CourseError: as for `frechet_distance`.
    """
    a, b = checked_features(a, b)
    aa, bb, ab = _cubic(a, a), _cubic(b, b), _cubic(a, b)
    n, m = len(a), len(b)
    within_a = (aa.sum() - aa.diagonal().sum()) / (n * (n - 1))
    within_b = (bb.sum() - bb.diagonal().sum()) / (m * (m - 1))
    return (within_a + within_b - 2 * ab.mean()).item()


def _cubic(x: Tensor, y: Tensor) -> Tensor:
    """(N, D), (M, D) -> (N, M)."""
    return (x @ y.T / x.shape[1] + 1).pow(3)


def _root(x: Tensor) -> Tensor:
    """A triangular R (min(N, D), D) with R^T R = the covariance of the rows (with N - 1 in the denominator)."""
    centred = (x - x.mean(dim=0)) / (len(x) - 1) ** 0.5
    return torch.linalg.qr(centred, mode="r").R


def checked_features(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float64 on the CPU, or a sentence that says what is wrong with them."""
    for x in (a, b):
        if x.ndim != 2 or x.shape[1] == 0 or x.is_complex():
            raise CourseError(
                f"Features are a matrix (N, D), one row an image, and these have shape {tuple(x.shape)}: "
                "take `recogniser(...).features(images)`, or flatten what you have."
            )
        if len(x) < 2:
            raise CourseError(
                f"A spread needs two images or more, and there {'is one' if len(x) else 'are none'}: add some."
            )
    if a.shape[1] != b.shape[1]:
        raise CourseError(
            f"The features have {a.shape[1]} columns on one side and {b.shape[1]} on the other: "
            "take both from the same network."
        )
    a, b = (x.detach().to("cpu", torch.float64) for x in (a, b))
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise CourseError(
            "Some features are infinite or no numbers: look at the images, the training may have diverged."
        )
    return a, b

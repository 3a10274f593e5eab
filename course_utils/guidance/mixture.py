"""A world where all is known: classes that are normal distributions, with the exact denoiser and the exact classifier.

Noise turns a normal distribution into another, so at every t the density, its score, the class probabilities and their
gradient are formulas. What a sampler should give under guidance can be computed, and compared with what it does give.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from course_utils.diffusion import schedule_step
from course_utils.diffusion.forward import per_image
from course_utils.errors import CourseError
from course_utils.guidance.classifier import Classifier
from course_utils.samplers import Predict


@dataclass(frozen=True, eq=False)
class Mixture:
    """Points of D numbers: class k, chosen with probability shares[k], is normal about means[k].

    Attributes:
        means: (K, D), float64.
        std: the standard deviation of every class, in every direction.
        shares: (K,), adding up to 1.

    Raises:
        CourseError: shapes that do not belong together, a std that is not positive, or shares that do not add up.
    """

    means: Tensor
    std: float
    shares: Tensor

    def __post_init__(self) -> None:
        if self.means.ndim != 2 or self.shares.shape != self.means.shape[:1]:
            raise CourseError(
                f"A mixture has means (K, D) and shares (K,): these are {tuple(self.means.shape)} and "
                f"{tuple(self.shares.shape)}."
            )
        if self.std <= 0 or (self.shares <= 0).any() or abs(float(self.shares.sum()) - 1) > 1e-6:
            raise CourseError("A mixture has a positive std, and positive shares that add up to 1.")

    def sample(self, y: Tensor, generator: Generator) -> Tensor:
        """A point of each class in y (B,), as (B, D)."""
        eps = torch.randn(len(y), self.means.shape[1], generator=generator, dtype=self.means.dtype)
        return self.means[y] + self.std * eps

    def log_joint(self, x: Tensor, a: Tensor | float) -> Tensor:
        """log p(x_t, k) for every class k: x (B, D), a = alpha_bar_t, a number or (B,) -> (B, K)."""
        level = torch.as_tensor(a, dtype=x.dtype).reshape(-1, 1)  # (B, 1) or (1, 1)
        v = level * self.std**2 + 1 - level
        away = x[:, None] - level[..., None].sqrt() * self.means.to(x)  # (B, K, D)
        normal = -0.5 * (away.square().sum(dim=2) / v + x.shape[1] * torch.log(2 * torch.pi * v))
        return self.shares.to(x).log() + normal

    def class_scores(self, x: Tensor, a: Tensor | float) -> Tensor:
        """grad_x log p(x_t | k) for every class k, (B, K, D)."""
        level = torch.as_tensor(a, dtype=x.dtype).reshape(-1, 1, 1)
        return (level.sqrt() * self.means.to(x) - x[:, None]) / (level * self.std**2 + 1 - level)

    def guided_score(self, x: Tensor, a: Tensor | float, y: Tensor, scale: float) -> Tensor:
        """grad_x [log p(x_t) + scale log p(y | x_t)], (B, D): see `mixture_guided_score`."""
        each = self.class_scores(x, a)  # (B, K, D)
        score = (self.log_joint(x, a).softmax(dim=1)[..., None] * each).sum(dim=1)
        return score + scale * (each[torch.arange(len(x)), y] - score)

    def predict(self, alpha_bar: Tensor) -> Predict:
        """The exact denoiser, as noise: eps = -sqrt(1 - alpha_bar_t) grad log p(x_t); it knows nothing of classes."""

        def predict(x: Tensor, t: Tensor) -> Tensor:
            a = alpha_bar[schedule_step(t, len(alpha_bar) - 1)]
            nothing = torch.zeros(len(x), dtype=torch.int64)
            return -per_image((1 - a).sqrt(), x) * self.guided_score(x, a, nothing, 0.0)

        return predict

    def classifier(self, alpha_bar: Tensor) -> Classifier:
        """The exact classifier of x_t: `classifier(x, t)` gives scores (B, K), of which the softmax is p(k | x_t)."""
        return lambda x, t: self.log_joint(x, alpha_bar[schedule_step(t, len(alpha_bar) - 1)])

    def tilted(self, x: Tensor, y: int, scale: float) -> Tensor:
        """log of p(x) p(y | x)^scale at t = 0, up to a constant, (B,): the density that guidance seems to promise."""
        joint = self.log_joint(x, 1.0)  # (B, K)
        return joint.logsumexp(dim=1) + scale * joint.log_softmax(dim=1)[:, y]


def mixture_guided_score(
    x: Tensor, y: Tensor, a: float, scale: float, means: Tensor, std: float, shares: Tensor
) -> Tensor:
    """The exact guided score of a mixture of normal classes, at one level of noise.

    With m_k = sqrt(a) means_k and v = a std^2 + 1 - a, class k is normal about m_k with variance v at this level, its
    score is (m_k - x) / v, and that of all together is the average of those, weighted by p(k | x). The gradient of
    log p(y | x) is the score of class y less that average.

    Args:
        x: noisy points, (B, D).
        y: the class wanted of each, (B,), int64.
        a: alpha_bar at this level, above 0 and at most 1.
        scale: 0 is the score without a class, 1 that of p(x_t | y).
        means: (K, D).
        std: of every class.
        shares: (K,), adding up to 1.

    Returns:
        (B, D), in the dtype of x.
    """
    return Mixture(means, std, shares).guided_score(x, a, y, scale)

"""The variational bound as bits per dimension: what it would cost to send an image with the help of a model.

The bound of Ho et al. 2020 (arXiv:2006.11239, eq. 5) has one term a step: how far the model's step back is from the
step that knows the image; what is left of the image at T, where the model knows nothing; and the last step, from x_1
to one of the 256 values that a pixel can have. All terms are in nats, summed over pixels and channels; divided by their
number and by ln 2 they are bits per dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.diffusion.forward import q_sample, recover_x0
from course_utils.diffusion.posterior import levels as neighbours
from course_utils.diffusion.posterior import posterior_variance, step_variance
from course_utils.diffusion.times import model_time
from course_utils.errors import CourseError

LEVELS = 256  # values of a pixel, evenly spaced from -1 to 1
LEAST = 1e-300  # probability: below it, float64 has no logarithm


def to_levels(x: Tensor, levels: int = LEVELS) -> Tensor:
    """Round images in [-1, 1] to the values that a file can hold, any shape -> the same; 256 values by default."""
    return ((x.clamp(-1, 1) + 1) / 2 * (levels - 1)).round() / (levels - 1) * 2 - 1


def bits_of_prior(x0: Tensor, alpha_bar: Tensor) -> Tensor:
    """KL( q(x_T | x0) || N(0, I) ): what is left of the image at T (Ho et al. 2020, eq. 5, L_T).

    Args:
        x0: images, (B, C, H, W).
        alpha_bar: (T + 1,).

    Returns:
        (B,), float64, bits per dimension: 0 if nothing is left.
    """
    a = alpha_bar[-1].to(x0.device, torch.float64)
    nats = (a * x0.double().square() - a - torch.log1p(-a)) / 2  # mean sqrt(a) x0, variance 1 - a
    return nats.flatten(1).mean(dim=1) / math.log(2)


def bits_of_step(x0: Tensor, x0_hat: Tensor, t: Tensor, alpha_bar: Tensor, sigma2: Tensor | None = None) -> Tensor:
    """KL( q(x_{t-1} | x_t, x0) || p(x_{t-1} | x_t) ) for t of 2 and more (Ho et al. 2020, eq. 5, L_{t-1}).

    The first is normal with the variance beta-tilde_t, the second with sigma2; their means are those of eq. 7 for x0
    and for the guess at it, so they differ by f |x0 - x0_hat|, f = sqrt(alpha_bar_{t-1}) beta_t / (1 - alpha_bar_t):

        KL = ( beta-tilde / sigma2 - 1 - ln(beta-tilde / sigma2) + f^2 |x0 - x0_hat|^2 / sigma2 ) / 2, each dimension

    Where sigma2 is beta-tilde this is (SNR(t-1) - SNR(t)) / 2 |x0 - x0_hat|^2, with SNR = alpha_bar / (1 - alpha_bar)
    (Kingma et al. 2021, arXiv:2107.00630, eq. 13): a step costs what it adds to the signal times what the guess is off.

    Args:
        x0: images, (B, C, H, W).
        x0_hat: the model's guess at them from x_t, shaped like x0.
        t: (B,), int64, 2 to T.
        alpha_bar: (T + 1,).
        sigma2: (B,), the variances of the model's steps; by default beta-tilde_t.

    Returns:
        (B,), float64, bits per dimension.

    Raises:
        CourseError: if a step is below 2, where the last step needs `bits_of_last_step`, or above T.
    """
    if t.numel() and int(t.min()) < 2:
        raise CourseError("The step from t = 1 ends at pixels of 256 values: use bits_of_last_step for it.")
    a, before = neighbours(t, alpha_bar.double())
    tilde = posterior_variance(t, alpha_bar.double())
    sigma2 = tilde if sigma2 is None else sigma2.to(tilde)
    factor = before.sqrt() * (1 - a / before) / (1 - a)  # of x0 in the mean
    off = (x0.double() - x0_hat.double()).square().flatten(1).mean(dim=1)  # (B,)
    ratio = tilde / sigma2
    return (ratio - 1 - ratio.log() + factor**2 * off / sigma2) / (2 * math.log(2))


def bits_of_last_step(x0: Tensor, x0_hat: Tensor, sigma: float | Tensor, levels: int = LEVELS) -> Tensor:
    """-log2 p(x0 | x_1), where p gives each value of a pixel the share of a normal distribution in its bin.

    The bins are 2 / (levels - 1) wide; the outermost two reach to infinity (Ho et al. 2020, eq. 13).

    Args:
        x0: images whose pixels are among the levels (see `to_levels`), (B, C, H, W).
        x0_hat: the mean of the normal distribution, shaped like x0.
        sigma: its standard deviation; `variational_bound` takes sqrt(beta_1).
        levels: how many values a pixel can have.

    Returns:
        (B,), float64, bits per dimension.
    """
    half = 1 / (levels - 1)
    x, mean = x0.double(), x0_hat.double()
    low = torch.where(x < -1 + half, -torch.inf, (x - half - mean) / sigma)
    high = torch.where(x > 1 - half, torch.inf, (x + half - mean) / sigma)
    # The share between two points far above the mean is a difference of two numbers near 1; mirrored, of two near 0.
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)
    share = torch.special.ndtr(high) - torch.special.ndtr(low)
    return -share.clamp(min=LEAST).log2().flatten(1).mean(dim=1)


@torch.no_grad()
def bound_terms(
    predict: Callable[[Tensor, Tensor], Tensor],
    x0: Tensor,
    alpha_bar: Tensor,
    generator: Generator,
    *,
    variance: str | Tensor = "beta-tilde",
    levels: int = LEVELS,
) -> Tensor:
    """Every term of the variational bound, image by image: one call of the network for each of the T steps.

    Guesses at x0 are clamped to [-1, 1]. For a shorter chain give its own schedule, `alpha_bar[respace(T,
    steps).flip(0)]`: its bound is another.

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        x0: images, (B, C, H, W), with pixels among the levels (see `to_levels`).
        alpha_bar: (T + 1,).
        generator: where the noise of each step comes from, on the CPU.
        variance: of the model's steps back: "beta", "beta-tilde" (in the last step, where that is 0, beta), or a
            tensor (T + 1,) with one for each step from 1 on.
        levels: how many values a pixel can have.

    Returns:
        (T + 1, B), float64, bits per dimension: at 0 the prior's term, at t the term of the step from t to t - 1.

    Raises:
        CourseError: no batch of images, or no such variance.
    """
    if x0.ndim != 4 or len(x0) == 0:
        raise CourseError(
            f"The bound is computed for a batch of images (B, C, H, W); this has shape {tuple(x0.shape)}."
        )
    T = len(alpha_bar) - 1
    sigma2 = _variances(variance, alpha_bar)
    terms = [bits_of_prior(x0, alpha_bar)]
    for step in range(1, T + 1):
        t = torch.full((len(x0),), step, device=x0.device)
        eps = torch.randn(x0.shape, generator=generator, dtype=x0.dtype).to(x0.device)
        x_t = q_sample(x0, t, alpha_bar, eps)
        x0_hat = recover_x0(x_t, t, alpha_bar, predict(x_t, model_time(t, T))).clamp(-1, 1)
        if step == 1:
            terms.append(bits_of_last_step(x0, x0_hat, sigma2[1].sqrt().item(), levels))
        else:
            terms.append(bits_of_step(x0, x0_hat, t, alpha_bar, sigma2[t]))
    return torch.stack(terms)


def variational_bound(
    predict: Callable[[Tensor, Tensor], Tensor],
    x0: Tensor,
    alpha_bar: Tensor,
    generator: Generator,
    *,
    variance: str | Tensor = "beta-tilde",
    levels: int = LEVELS,
) -> float:
    """An upper bound on the bits per dimension that images cost under a model (Ho et al. 2020, eq. 5): lower is better.

    The sum of `bound_terms`, averaged over the images.

    Args and errors as for `bound_terms`.

    Returns:
        bits per dimension; a model that knows nothing needs log2(levels), 8.
    """
    return bound_terms(predict, x0, alpha_bar, generator, variance=variance, levels=levels).sum(dim=0).mean().item()


def _variances(variance: str | Tensor, alpha_bar: Tensor) -> Tensor:
    """Of the model's steps back, (T + 1,), float64; the entry at 0 belongs to no step."""
    every = torch.arange(1, len(alpha_bar))
    beta = step_variance(every, alpha_bar.double())
    if isinstance(variance, Tensor):
        if variance.shape != alpha_bar.shape:
            raise CourseError(
                f"Variances have the shape of alpha_bar, {tuple(alpha_bar.shape)}: these have {tuple(variance.shape)}."
            )
        return variance.double()
    if variance == "beta-tilde":
        tilde = posterior_variance(every, alpha_bar.double())
        beta = torch.cat([beta[:1], tilde[1:]])
    elif variance != "beta":
        raise CourseError(f"A step's variance is 'beta', 'beta-tilde' or a tensor: it is {variance!r}.")
    return torch.cat([beta.new_zeros(1), beta])

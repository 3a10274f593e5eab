"""One step back when the clean picture is known: the distribution of x_{t-1} given x_t and x0.

Going forward, x_{t-1} is normal given x0, and x_t is normal given x_{t-1}. By Bayes' rule x_{t-1} is then normal
given both, and its mean lies on a line between x0 and x_t. A diffusion model is trained to stand in for the x0.
"""

from __future__ import annotations

from torch import Tensor

from course_utils.diffusion.forward import per_image
from course_utils.errors import CourseError


def posterior_mean(x0: Tensor, x_t: Tensor, t: Tensor, alpha_bar: Tensor) -> Tensor:
    """The mean of q(x_{t-1} | x_t, x0), a mixture of the two (Ho et al. 2020, arXiv 2006.11239, eq. 7).

    mean = sqrt(alpha_bar_{t-1}) beta_t / (1 - alpha_bar_t) x0
         + sqrt(alpha_t) (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) x_t

    Args:
        x0: clean images, (B, C, H, W) or any shape (B, ...).
        x_t: the same images at step t, shaped like x0.
        t: (B,), int64, 1 to T; each image has its own step.
        alpha_bar: (T + 1,).

    Returns:
        The mean, shaped like x_t, in its dtype and on its device. At t = 1 it is x0: only one step is left.

    Raises:
        CourseError: if a step is below 1 or above T.
    """
    a, a_prev = levels(t, alpha_bar)  # (B,), alpha_bar_t and alpha_bar_{t-1}
    alpha = a / a_prev
    beta = 1 - alpha
    of_x0 = a_prev.sqrt() * beta / (1 - a)
    of_x_t = alpha.sqrt() * (1 - a_prev) / (1 - a)
    return per_image(of_x0, x_t) * x0 + per_image(of_x_t, x_t) * x_t


def posterior_variance(t: Tensor, alpha_bar: Tensor) -> Tensor:
    """The variance of q(x_{t-1} | x_t, x0), "beta-tilde" (Ho et al. 2020, eq. 7).

    beta-tilde_t = (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t) beta_t

    Args:
        t: (B,), int64, 1 to T.
        alpha_bar: (T + 1,).

    Returns:
        (B,), in the dtype of alpha_bar. Below beta_t, because knowing x0 helps; 0 at t = 1, where x_{t-1} is x0.

    Raises:
        CourseError: if a step is below 1 or above T.
    """
    a, a_prev = levels(t, alpha_bar)
    beta = 1 - a / a_prev
    return (1 - a_prev) / (1 - a) * beta


def bound_weight(t: Tensor, alpha_bar: Tensor) -> Tensor:
    """The factor of |eps - eps_hat|^2 in the bound (Ho et al. 2020, arXiv 2006.11239, eq. 12, sigma_t^2 = beta_t).

    beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)) = beta_t / (2 alpha_t (1 - alpha_bar_t))

    Args:
        t: (B,), int64, 1 to T.
        alpha_bar: (T + 1,).

    Returns:
        (B,), in the dtype of alpha_bar: nats for each unit of squared error. `ddpm_loss` puts 1 in its place.

    Raises:
        CourseError: if a step is below 1 or above T.
    """
    a, a_prev = levels(t, alpha_bar)
    alpha = a / a_prev
    beta = 1 - alpha
    return beta / (2 * alpha * (1 - a))


def levels(t: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor]:
    """alpha_bar_t and alpha_bar_{t-1}, each (B,), on the device of t. Refuses a step that has none before it."""
    T = len(alpha_bar) - 1
    # alpha_bar[-1] exists: without this check, t = 0 would quietly take the last level for the one before the first.
    if t.numel() and (t.min() < 1 or t.max() > T):
        raise CourseError(f"A step back starts at t = 1 to {T}: t goes from {int(t.min())} to {int(t.max())}.")
    alpha_bar = alpha_bar.to(t.device)
    return alpha_bar[t], alpha_bar[t - 1]


def step_variance(t: Tensor, alpha_bar: Tensor) -> Tensor:
    """beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}, (B,): the schedule's own betas, from their products."""
    a, a_prev = levels(t, alpha_bar)
    return 1 - a / a_prev

"""The variational bound's view of a wrong noise: how much an error at each step counts."""

from __future__ import annotations

from torch import Tensor

from course_utils.diffusion.posterior import levels


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

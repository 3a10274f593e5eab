"""The bound's weight: it turns an error of the noise into the divergence of two steps."""

import pytest
import torch

from course_utils import diffusion
from course_utils.errors import CourseError


@pytest.mark.parametrize("schedule", [diffusion.linear_schedule, diffusion.cosine_schedule])
def test_weight_times_error_is_the_divergence(schedule):
    alpha_bar = diffusion.alpha_bars(schedule(100))
    generator = torch.Generator().manual_seed(0)
    x_t, eps, eps_hat = torch.randn(3, 5, 2, 3, 3, generator=generator, dtype=torch.float64)
    t = torch.tensor([1, 2, 40, 90, 100])
    means = [
        diffusion.posterior_mean(diffusion.recover_x0(x_t, t, alpha_bar, e), x_t, t, alpha_bar) for e in (eps, eps_hat)
    ]
    beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
    per_coordinate = torch.distributions.kl_divergence(
        *(torch.distributions.Normal(mean, beta.sqrt().reshape(-1, 1, 1, 1)) for mean in means)
    )
    want = per_coordinate.sum((1, 2, 3))
    got = diffusion.bound_weight(t, alpha_bar) * (eps - eps_hat).square().sum((1, 2, 3))
    assert torch.allclose(got, want, rtol=1e-6)


def test_weight_by_hand():
    alpha_bar = torch.tensor([1.0, 0.8, 0.4], dtype=torch.float64)
    got = diffusion.bound_weight(torch.tensor([1, 2]), alpha_bar)
    assert got.tolist() == pytest.approx([0.2 / (2 * 0.8 * 0.2), 0.5 / (2 * 0.5 * 0.6)])


@pytest.mark.parametrize("t", [0, 3])
def test_no_such_step(t):
    with pytest.raises(CourseError, match="starts at t = 1"):
        diffusion.bound_weight(torch.tensor([t]), torch.tensor([1.0, 0.8, 0.4]))

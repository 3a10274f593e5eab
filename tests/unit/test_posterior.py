"""One step back with x0 known: values by hand, identities, and what a wrong step is told."""

import pytest
import torch

from course_utils import diffusion
from course_utils.errors import CourseError

# Two steps with betas 0.5 and 0.8: alpha_bar is 1, 0.5, 0.1.
BY_HAND = torch.tensor([1.0, 0.5, 0.1], dtype=torch.float64)


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_by_hand():
    t = torch.tensor([2])
    # sqrt(0.5) * 0.8 / 0.9 = 0.62854 and sqrt(0.2) * 0.5 / 0.9 = 0.24845
    mean = diffusion.posterior_mean(torch.tensor([1.0]).double(), torch.tensor([2.0]).double(), t, BY_HAND)
    assert mean.item() == pytest.approx(0.628539 + 2 * 0.248452, abs=1e-6)
    assert diffusion.posterior_variance(t, BY_HAND).item() == pytest.approx(0.5 / 0.9 * 0.8)


def test_mean_of_noise_free_pictures_follows_the_forward_process():
    """With x_t = sqrt(alpha_bar_t) x0, nothing is random: the mean is sqrt(alpha_bar_{t-1}) x0."""
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(30))
    x0, t = normal(0, 3, 1, 2, 2), torch.tensor([1, 7, 30])
    a, a_prev = alpha_bar[t].reshape(3, 1, 1, 1), alpha_bar[t - 1].reshape(3, 1, 1, 1)
    torch.testing.assert_close(diffusion.posterior_mean(x0, a.sqrt() * x0, t, alpha_bar), a_prev.sqrt() * x0)


def test_it_is_equation_11_with_the_noise_put_in():
    """Ho et al. 2020: the mean is (x_t - beta_t / sqrt(1 - alpha_bar_t) eps) / sqrt(alpha_t)."""
    betas = diffusion.linear_schedule(100)
    alpha_bar = diffusion.alpha_bars(betas)
    x0, eps, t = normal(0, 5, 2, 3), normal(1, 5, 2, 3), torch.tensor([1, 2, 50, 99, 100])
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    beta, a = betas[t - 1].reshape(5, 1, 1), alpha_bar[t].reshape(5, 1, 1)
    want = (x_t - beta / (1 - a).sqrt() * eps) / (1 - beta).sqrt()
    torch.testing.assert_close(diffusion.posterior_mean(x0, x_t, t, alpha_bar), want)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 2, 4, 4)])
def test_shape_and_dtype_are_kept(shape, dtype):
    x0, x_t = normal(0, *shape).to(dtype), normal(1, *shape).to(dtype)
    mean = diffusion.posterior_mean(x0, x_t, torch.tensor([1, 2, 2]), BY_HAND)
    assert mean.shape == shape and mean.dtype == dtype


@pytest.mark.parametrize(("t", "said"), [(0, "goes from 0"), (3, "to 3"), (-1, "goes from -1")])
def test_a_step_that_is_none(t, said):
    """t = 0 would find alpha_bar[-1], the last level, before the first."""
    with pytest.raises(CourseError, match=said):
        diffusion.posterior_variance(torch.tensor([1, t]), BY_HAND)
    with pytest.raises(CourseError, match="A step back starts at t = 1 to 2"):
        diffusion.posterior_mean(torch.zeros(1), torch.zeros(1), torch.tensor([t]), BY_HAND)

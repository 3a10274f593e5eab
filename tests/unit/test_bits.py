"""The bound in bits: on Gaussian data every term is known in closed form, and the whole lies above the true entropy."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence

from course_utils import diffusion
from course_utils.diffusion import (
    alpha_bars,
    bits_of_last_step,
    bits_of_prior,
    bits_of_step,
    bound_terms,
    cosine_schedule,
    linear_schedule,
    to_levels,
    variational_bound,
)
from course_utils.errors import CourseError

S = 0.2  # standard deviation of the data: five of them fit in [-1, 1]
SHORT = alpha_bars(linear_schedule(40, 1e-3, 0.4))


def gaussian_predict(alpha_bar):
    """The best guess at the noise where every pixel is N(0, S^2): E[x0 | x_t] = sqrt(a) S^2 / (a S^2 + 1 - a) x_t."""
    T = len(alpha_bar) - 1

    def predict(x, t):
        a = alpha_bar[(t * T / 1000).round().long()].reshape(-1, 1, 1, 1).to(x)
        x0 = a.sqrt() * S**2 / (a * S**2 + 1 - a) * x
        return (x - a.sqrt() * x0) / (1 - a).sqrt()

    return predict


def best_variances(alpha_bar):
    """Of x_{t-1} given x_t where every pixel is N(0, S^2): beta-tilde, and what is uncertain about x0 (law of total
    variance)."""
    a, before = alpha_bar[1:], alpha_bar[:-1]
    beta, left = 1 - a / before, S**2 * (1 - a) / (a * S**2 + 1 - a)
    factor = before.sqrt() * beta / (1 - a)
    return torch.cat([torch.zeros(1, dtype=torch.float64), (1 - before) / (1 - a) * beta + factor**2 * left])


def gaussian_terms(alpha_bar, variance="beta", levels=256):
    """The expected terms, from the means and variances of normal distributions alone; the last step by an integral."""
    a = alpha_bar.tolist()
    T = len(a) - 1
    left = [S**2 * (1 - v) / (v * S**2 + 1 - v) for v in a]  # variance of x0 given x_t
    terms = [(a[T] * S**2 - a[T] - math.log(1 - a[T])) / 2]
    beta = [0.0] + [1 - a[t] / a[t - 1] for t in range(1, T + 1)]
    tilde = [0.0] + [(1 - a[t - 1]) / (1 - a[t]) * beta[t] for t in range(1, T + 1)]
    sigma2 = {"beta": beta, "beta-tilde": [0.0, beta[1], *tilde[2:]], "best": best_variances(alpha_bar).tolist()}[
        variance
    ]
    half, sigma = 1 / (levels - 1), math.sqrt(sigma2[1])

    def cost(r):
        share = norm.cdf((r + half) / sigma) - norm.cdf((r - half) / sigma)
        return -math.log(share) * norm.pdf(r, scale=math.sqrt(left[1]))

    reach = 8 * math.sqrt(left[1])
    terms.append(integrate.quad(cost, -reach, reach)[0])
    for t in range(2, T + 1):
        factor = math.sqrt(a[t - 1]) * beta[t] / (1 - a[t])  # of x0 in the posterior mean
        ratio = tilde[t] / sigma2[t]
        terms.append((ratio - 1 - math.log(ratio) + factor**2 * left[t] / sigma2[t]) / 2)
    return torch.tensor(terms, dtype=torch.float64) / math.log(2)


def gaussian_images(n, seed=0):
    return to_levels(S * torch.randn(n, 1, 16, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


@pytest.mark.parametrize("variance", ["beta", "beta-tilde", "best"])
@pytest.mark.parametrize("alpha_bar", [SHORT, alpha_bars(cosine_schedule(25))], ids=["linear", "cosine"])
def test_every_term_on_gaussian_data_is_the_closed_form(alpha_bar, variance):
    x0 = gaussian_images(400)
    given = best_variances(alpha_bar) if variance == "best" else variance
    generator = torch.Generator().manual_seed(1)
    got = bound_terms(gaussian_predict(alpha_bar), x0, alpha_bar, generator, variance=given).mean(dim=1)
    want = gaussian_terms(alpha_bar, variance)
    assert torch.allclose(got, want, rtol=0.02, atol=2e-3), (got - want).abs().max()
    total = variational_bound(gaussian_predict(alpha_bar), x0, alpha_bar, generator.manual_seed(1), variance=given)
    assert total == pytest.approx(want.sum().item(), rel=2e-3)


def test_the_bound_lies_above_the_entropy_and_touches_it_with_the_best_variances():
    entropy = math.log2(S * math.sqrt(2 * math.pi * math.e)) + math.log2(255 / 2)
    for T in (10, 30, 100, 1000):
        alpha_bar = alpha_bars(cosine_schedule(T))
        by_variance = {v: gaussian_terms(alpha_bar, v).sum().item() for v in ("beta", "beta-tilde", "best")}
        assert by_variance["best"] == pytest.approx(entropy, abs=0.01)
        assert entropy < min(by_variance["beta"], by_variance["beta-tilde"])
        assert T < 100 or by_variance["beta"] < by_variance["beta-tilde"]  # such data are noise themselves


def test_a_step_is_the_divergence_of_the_two_normal_distributions():
    x0, x0_hat, eps = torch.randn(3, 4, 3, 5, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    t = torch.tensor([2, 9, 25, 40])
    x_t = diffusion.q_sample(x0, t, SHORT, eps)
    spread = diffusion.posterior_variance(t, SHORT).sqrt().reshape(-1, 1, 1, 1)
    means = [diffusion.posterior_mean(x, x_t, t, SHORT) for x in (x0, x0_hat)]
    want = kl_divergence(*(Normal(mean, spread) for mean in means)).flatten(1).mean(dim=1) / math.log(2)
    assert torch.allclose(bits_of_step(x0, x0_hat, t, SHORT), want, rtol=1e-9)
    gained = diffusion.snr(SHORT[t - 1]) - diffusion.snr(SHORT[t])  # the same by Kingma et al. 2021
    assert torch.allclose(want, gained * (x0 - x0_hat).square().mean((1, 2, 3)) / (2 * math.log(2)), rtol=1e-9)
    beta = 1 - SHORT[t] / SHORT[t - 1]
    other = [Normal(means[0], spread), Normal(means[1], beta.sqrt().reshape(-1, 1, 1, 1))]
    want = kl_divergence(*other).flatten(1).mean(dim=1) / math.log(2)
    assert torch.allclose(bits_of_step(x0, x0_hat, t, SHORT, beta), want, rtol=1e-9)


def test_the_priors_term_is_a_divergence_too():
    x0 = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    a = SHORT[-1]
    want = kl_divergence(Normal(a.sqrt() * x0, (1 - a).sqrt()), Normal(0.0, 1.0)).flatten(1).mean(dim=1) / math.log(2)
    assert torch.allclose(bits_of_prior(x0, SHORT), want, rtol=1e-6)


def test_the_values_of_a_pixel_share_a_probability_of_one():
    values = torch.linspace(-1, 1, 256, dtype=torch.float64).reshape(256, 1, 1, 1)
    for mean, sigma in ((0.0, 0.05), (0.97, 0.3), (-1.4, 0.01), (3.0, 1.0)):
        bits = bits_of_last_step(values, torch.full_like(values, mean), sigma)
        assert torch.exp2(-bits).sum().item() == pytest.approx(1)
        assert torch.isfinite(bits).all()
    two = bits_of_last_step(values[[0, -1]], torch.zeros(2, 1, 1, 1), 1.0, levels=2)
    assert torch.allclose(two, torch.ones(2, dtype=torch.float64))


def test_the_last_step_is_mirrored_and_mild_for_a_faint_mean():
    values = torch.linspace(-1, 1, 256, dtype=torch.float64).reshape(256, 1, 1, 1)
    up, down = bits_of_last_step(values, 0.3 + 0 * values, 0.02), bits_of_last_step(-values, -0.3 + 0 * values, 0.02)
    assert torch.allclose(up, down, rtol=1e-6)
    assert up.argmin() == (values - 0.3).abs().argmin()


def test_who_knows_nothing_pays_for_every_value_alike():
    assert bits_of_last_step(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4), 1e3)[0] > 8
    levels = to_levels(torch.rand(3, 5, generator=torch.Generator().manual_seed(4)) * 2 - 1)
    assert torch.equal(to_levels(levels), levels)
    assert set(((levels + 1) * 127.5).round().flatten().tolist()) <= set(range(256))
    assert (to_levels(torch.tensor([-3.0, 3.0])) == torch.tensor([-1.0, 1.0])).all()


def test_the_bound_keeps_images_apart_and_its_randomness_to_itself():
    x0 = gaussian_images(6)
    predict = gaussian_predict(SHORT)
    first = bound_terms(predict, x0, SHORT, torch.Generator().manual_seed(5))
    assert first.shape == (41, 6) and first.dtype == torch.float64
    assert torch.equal(first, bound_terms(predict, x0, SHORT, torch.Generator().manual_seed(5)))
    assert not torch.equal(first, bound_terms(predict, x0, SHORT, torch.Generator().manual_seed(6)))
    with pytest.raises(CourseError, match="bits_of_last_step"):
        bits_of_step(x0, x0, torch.tensor([1] * 6), SHORT)
    with pytest.raises(CourseError, match="batch of images"):
        bound_terms(predict, x0[0], SHORT, torch.Generator())
    with pytest.raises(CourseError, match="'beta', 'beta-tilde' or a tensor"):
        variational_bound(predict, x0, SHORT, torch.Generator(), variance="gamma")
    with pytest.raises(CourseError, match="shape of alpha_bar"):
        variational_bound(predict, x0, SHORT, torch.Generator(), variance=SHORT[1:])

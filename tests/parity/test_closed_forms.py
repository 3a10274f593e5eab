"""Samplers and posterior against what can be worked out: a single picture, a normal distribution, Bayes on a grid."""

import pytest
import torch

from course_utils import diffusion, samplers

SCHEDULES = {
    "linear": diffusion.linear_schedule(1000),
    "cosine": diffusion.cosine_schedule(200),
    "mended": diffusion.mended_schedule(60),
}


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", list(SCHEDULES))
@pytest.mark.parametrize("steps", [1, 3, 20])
def test_one_picture_is_reached_from_any_noise(name, steps):
    """With one picture c, eps = (x_t - sqrt(a_t) c) / sqrt(1 - a_t) stays the same all the way of DDIM (eta = 0).

    So x_t = sqrt(a_t) c + sqrt((1 - a_t) / (1 - a_T)) (x_T - sqrt(a_T) c) at every step, and x_0 = c.
    """
    alpha_bar = diffusion.alpha_bars(SCHEDULES[name])
    c, x_T = normal(0, 1, 3, 4, 4).clamp(-1, 1), 10 * normal(1, 5, 3, 4, 4)
    seen = []

    def watch(t, x_t, x0_hat):
        a, a_T = alpha_bar[t], alpha_bar[-1]
        seen.append(t)
        want = a.sqrt() * c + ((1 - a) / (1 - a_T)).sqrt() * (x_T - a_T.sqrt() * c)
        torch.testing.assert_close(x_t, want, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(x0_hat, c.expand_as(x_T), rtol=1e-6, atol=1e-6)

    x_0 = samplers.sample_ddim(samplers.ideal_predict(c, alpha_bar), x_T, alpha_bar, steps, watch=watch)
    assert len(seen) == steps
    torch.testing.assert_close(x_0, c.expand_as(x_T), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_fresh_noise_does_not_lead_away_from_one_picture(eta):
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(50))
    c, x_T = normal(0, 1, 2, 3, 3), normal(1, 4, 2, 3, 3)
    predict, generator = samplers.ideal_predict(c, alpha_bar), torch.Generator().manual_seed(0)
    x_0 = samplers.sample_ddim(predict, x_T, alpha_bar, 10, eta=eta, generator=generator)
    torch.testing.assert_close(x_0, c.expand_as(x_T), rtol=1e-9, atol=1e-9)
    for variance in ("beta", "beta-tilde"):
        x_0 = samplers.sample_ddpm(predict, x_T, alpha_bar, generator, variance=variance)
        torch.testing.assert_close(x_0, c.expand_as(x_T), rtol=1e-9, atol=1e-9)


def test_up_and_down_again_through_one_picture():
    """eps is the same at every point of the way, so that walking it backwards makes no error at all."""
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    c = normal(0, 1, 2, 4, 4)
    x_5 = c + 0.01 * normal(1, 3, 2, 4, 4)  # off the picture by a little
    predict = samplers.ideal_predict(c, alpha_bar)
    x_T = samplers.ddim_invert(predict, c.expand(3, -1, -1, -1), alpha_bar, 10)
    assert x_T.isfinite().all()
    torch.testing.assert_close(samplers.sample_ddim(predict, x_T, alpha_bar, 10), c.expand(3, -1, -1, -1))
    torch.testing.assert_close(
        samplers.sample_truncated(predict, x_5, 300, alpha_bar, 5, normal(2, 3, 2, 4, 4)), c.expand_as(x_5)
    )


def gaussian_predict(width, alpha_bar):
    """The ideal noise for data from N(0, width^2): eps = sqrt(1 - a) / (a width^2 + 1 - a) x."""

    def predict(x, t):
        a = alpha_bar[diffusion.schedule_step(t, len(alpha_bar) - 1)].reshape(-1, *[1] * (x.ndim - 1))
        return (1 - a).sqrt() / (a * width**2 + 1 - a) * x

    return predict


@pytest.mark.parametrize("width", [0.1, 0.5, 1.0, 2.0])
def test_ddim_stretches_noise_to_the_width_of_normal_data(width):
    """Every step multiplies x by a number; with many steps they multiply to the width of the data."""
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    x_T = normal(0, 50, 1)
    x_0 = samplers.sample_ddim(gaussian_predict(width, alpha_bar), x_T, alpha_bar, 1000)
    torch.testing.assert_close(x_0, width * x_T, rtol=0.02, atol=0)


@pytest.mark.parametrize("width", [0.1, 1.0, 2.0])
def test_ddim_backwards_shrinks_normal_data_to_noise(width):
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    x0, predict = width * normal(0, 50, 1), gaussian_predict(width, alpha_bar)
    errors = []
    for steps in (10, 100, 1000):
        x_T = samplers.ddim_invert(predict, x0, alpha_bar, steps)
        errors.append((samplers.sample_ddim(predict, x_T, alpha_bar, steps) - x0).abs().max().item())
    torch.testing.assert_close(x_T, x0 / width, rtol=0.02, atol=0)
    assert errors[0] > 3 * errors[1] > 9 * errors[2]  # the error shrinks with the length of the steps


@pytest.mark.parametrize("variance", ["beta", "beta-tilde"])
def test_ddpm_keeps_the_variance_of_normal_data(variance):
    """By the recursion of the steps: each multiplies the variance by m^2 and adds sigma^2.

    beta is exact for data of variance 1 (Ho et al. 2020, section 3.2), where beta-tilde ends a little too narrow.
    """
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    predict = gaussian_predict(1.0, alpha_bar)
    one, total = torch.ones(1, 1, dtype=torch.float64), 1.0
    for t in range(1000, 0, -1):
        m = samplers.p_sample(predict, one, t, alpha_bar, torch.zeros_like(one), variance=variance).item()
        sigma = samplers.p_sample(predict, 0 * one, t, alpha_bar, one, variance=variance).item()
        total = m**2 * total + sigma**2
    if variance == "beta":
        assert total == pytest.approx(1, abs=2e-4)
    else:
        assert 0.9 < total < 0.999


@pytest.mark.parametrize("t", [1, 2, 7, 20])
def test_posterior_against_bayes_on_a_grid(t):
    """q(x_{t-1} | x_t, x0) is proportional to q(x_t | x_{t-1}) q(x_{t-1} | x0): multiply the two and normalise."""
    betas = diffusion.mended_schedule(20)
    alpha_bar = diffusion.alpha_bars(betas)
    x0, x_t, steps = torch.tensor([0.7, -0.2]).double(), torch.tensor([-0.4, 1.3]).double(), torch.tensor([t, t])
    mean = diffusion.posterior_mean(x0, x_t, steps, alpha_bar)
    variance = diffusion.posterior_variance(steps, alpha_bar)
    if t == 1:  # q(x_0 | x0) is a point
        torch.testing.assert_close(mean, x0)
        assert (variance == 0).all()
        return
    y = torch.linspace(-6, 6, 200_001, dtype=torch.float64)  # candidates for x_{t-1}
    beta, a_prev = betas[t - 1], alpha_bar[t - 1]
    for k in range(2):
        log_q = -(x_t[k] - (1 - beta).sqrt() * y).square() / (2 * beta)
        log_q = log_q - (y - a_prev.sqrt() * x0[k]).square() / (2 * (1 - a_prev))
        p = torch.softmax(log_q, 0)
        by_bayes = (p * y).sum()
        assert mean[k].item() == pytest.approx(by_bayes.item(), abs=1e-8)
        assert variance[k].item() == pytest.approx((p * (y - by_bayes).square()).sum().item(), rel=1e-6)

"""The variational term of the hybrid loss against numerical integrals, and which part of the network it trains."""

import math

import pytest
import torch

from course_utils import diffusion
from course_utils.diffusion import variance

ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(40))
SHAPE = (2, 1, 2, 2)


def normal(seed, *shape):
    return torch.randn(*(shape or SHAPE), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def density(y, mean, var):
    return torch.exp(-(y - mean).square() / (2 * var)) / (2 * math.pi * var).sqrt()


@pytest.mark.parametrize("t", [2, 5, 20, 40])
def test_a_term_is_the_integral_of_q_log_q_over_p(t):
    steps = torch.full((2,), t)
    x0, eps, eps_hat = normal(0).clamp(-1, 1), normal(1), normal(2)
    x_t = diffusion.q_sample(x0, steps, ALPHA_BAR, eps)
    v = torch.rand(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    log_variance = diffusion.interpolate_log_variance(v, steps, ALPHA_BAR)
    got = variance.vlb_bits(x0, x_t, steps, ALPHA_BAR, eps_hat, log_variance)

    q_mean = diffusion.posterior_mean(x0, x_t, steps, ALPHA_BAR)
    guess = diffusion.recover_x0(x_t, steps, ALPHA_BAR, eps_hat)
    p_mean = diffusion.posterior_mean(guess, x_t, steps, ALPHA_BAR)
    q_var = diffusion.posterior_variance(steps, ALPHA_BAR)[0]
    u = torch.linspace(-12, 12, 40_001, dtype=torch.float64)  # in standard deviations of q
    for image in range(2):
        terms = []
        for m_q, m_p, log_v in zip(
            q_mean[image].flatten(), p_mean[image].flatten(), log_variance[image].flatten(), strict=True
        ):
            y = m_q + q_var.sqrt() * u
            log_q = -(u**2) / 2 - (2 * math.pi * q_var).log() / 2
            log_p = -(y - m_p).square() / (2 * log_v.exp()) - (2 * math.pi * log_v.exp()).log() / 2
            terms.append(torch.trapezoid(log_q.exp() * (log_q - log_p), y).item())
        assert got[image].item() == pytest.approx(sum(terms) / len(terms) / math.log(2), rel=1e-6)


def test_the_first_term_is_the_probability_of_the_right_grey_level():
    steps = torch.tensor([1, 1])
    x0 = torch.tensor([[-1.0, 1.0], [0.0, 2 * 77 / 255 - 1]], dtype=torch.float64).reshape(2, 1, 2)  # both ends too
    x_1 = diffusion.q_sample(x0, steps, ALPHA_BAR, normal(4, 2, 1, 2))
    log_variance = torch.full_like(x0, math.log(4e-4))
    eps_hat = normal(5, 2, 1, 2)
    got = variance.vlb_bits(x0, x_1, steps, ALPHA_BAR, eps_hat, log_variance)
    mean = diffusion.recover_x0(x_1, steps, ALPHA_BAR, eps_hat)
    for image in range(2):
        bits = []
        for x, m in zip(x0[image].flatten().tolist(), mean[image].flatten(), strict=True):
            low, high = (-9.0 if x == -1 else x - 1 / 255), (9.0 if x == 1 else x + 1 / 255)
            y = torch.linspace(max(low, m.item() - 0.4), min(high, m.item() + 0.4), 200_001, dtype=torch.float64)
            mass = torch.trapezoid(density(y, m, torch.tensor(4e-4)), y) if y[-1] > y[0] else torch.tensor(0.0)
            bits.append(-math.log2(max(mass.item(), 1e-12)))
        assert got[image].item() == pytest.approx(sum(bits) / len(bits), rel=1e-5)


def test_all_grey_levels_together_have_probability_1():
    levels = torch.linspace(-1, 1, 256, dtype=torch.float64)[:, None]
    nll = variance.grey_level_nll(levels, torch.full_like(levels, 0.3), torch.full_like(levels, math.log(0.04)))
    assert (-nll).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_the_bound_trains_the_variance_and_not_the_mean():
    x0, eps = normal(0, 6, 2, 3, 3).clamp(-1, 1), normal(1, 6, 2, 3, 3)
    t = torch.tensor([1, 2, 3, 10, 30, 40])
    output = normal(2, 6, 4, 3, 3).requires_grad_()

    def gradient(vlb_weight):
        loss = diffusion.hybrid_loss(lambda x, t, cond: output, x0, t, ALPHA_BAR, eps, vlb_weight=vlb_weight)
        return torch.autograd.grad(loss, output)[0].chunk(2, dim=1)

    of_noise, of_variance = gradient(0.001)
    torch.testing.assert_close(of_noise, -2 * (eps - output.detach()[:, :2]) / eps.numel())  # that of L_simple alone
    assert (of_variance.abs().flatten(1).sum(1) > 0).all()  # of every image, at t = 1 too
    torch.testing.assert_close(gradient(0.002)[1], 2 * of_variance)


def test_hybrid_loss_is_the_sum_of_its_two_parts():
    x0, eps = normal(0).clamp(-1, 1), normal(1)
    t, output = torch.tensor([7, 30]), normal(2, 2, 2, 2, 2)
    x_t = diffusion.q_sample(x0, t, ALPHA_BAR, eps)
    log_variance = diffusion.interpolate_log_variance((output[:, 1:] + 1) / 2, t, ALPHA_BAR)
    vlb = 40 * variance.vlb_bits(x0, x_t, t, ALPHA_BAR, output[:, :1], log_variance).mean()
    simple = (eps - output[:, :1]).square().mean()
    got = diffusion.hybrid_loss(lambda x, t, cond: output, x0, t, ALPHA_BAR, eps, vlb_weight=0.01)
    torch.testing.assert_close(got, simple + 0.01 * vlb)


def test_the_best_variance_of_a_perfect_network_is_beta_tilde():
    """With the right noise the bound is least, and 0, where p is q itself: v = 0."""
    x0, eps, t = normal(0).clamp(-1, 1), normal(1), torch.tensor([9, 25])
    x_t = diffusion.q_sample(x0, t, ALPHA_BAR, eps)
    bits = [
        variance.vlb_bits(
            x0, x_t, t, ALPHA_BAR, eps, diffusion.interpolate_log_variance(torch.full(SHAPE, v), t, ALPHA_BAR)
        )
        for v in (0.0, 0.3, 1.0)
    ]
    torch.testing.assert_close(bits[0], torch.zeros_like(bits[0]), rtol=0, atol=1e-5)
    assert (bits[1] > bits[0]).all() and (bits[2] > bits[1]).all()

"""Schedules and the forward process: values by hand, identities and statistics."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from course_utils import diffusion
from course_utils.errors import CourseError

SCHEDULES = [
    diffusion.linear_schedule,
    diffusion.cosine_schedule,
    diffusion.sigmoid_schedule,
    diffusion.mended_schedule,
]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("T", [1, 2, 20, 1000])
def test_a_schedule_is_one(schedule, T):
    betas = schedule(T)
    assert betas.shape == (T,) and betas.dtype == torch.float64
    assert ((betas > 0) & (betas < 1)).all()
    alpha_bar = diffusion.alpha_bars(betas)
    assert alpha_bar.shape == (T + 1,) and alpha_bar[0] == 1 and (alpha_bar.diff() < 0).all()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_steps_get_a_sentence(schedule):
    with pytest.raises(CourseError, match="at least one step"):
        schedule(0)


def test_cosine_by_its_formula():
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(10))
    for t in range(10):  # the last beta is cut off, so the last value differs
        f = [math.cos((u / 10 + 0.008) / 1.008 * math.pi / 2) ** 2 for u in (t, 0)]
        assert alpha_bar[t].item() == pytest.approx(f[0] / f[1], abs=1e-12)


def test_sigmoid_by_its_formula():
    def s(v):
        return 1 / (1 + math.exp(-v / 0.7))

    alpha_bar = diffusion.alpha_bars(diffusion.sigmoid_schedule(8, start=-2, end=3, tau=0.7))
    for t in range(8):
        assert alpha_bar[t].item() == pytest.approx((s(3) - s(-2 + 5 * t / 8)) / (s(3) - s(-2)), abs=1e-12)


def test_the_figure_of_the_trap():
    assert diffusion.alpha_bars(diffusion.linear_schedule(150))[-1].item() == pytest.approx(0.219, abs=5e-4)
    assert diffusion.alpha_bars(diffusion.mended_schedule(150))[-1].item() < 1e-4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.integers(0, 2**31))
def test_recovery_undoes_the_jump(t, seed):
    generator = torch.Generator().manual_seed(seed)
    x0, eps = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64, generator=generator)
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(50))
    steps = torch.full((3,), t)
    x_t = diffusion.q_sample(x0, steps, alpha_bar, eps)
    torch.testing.assert_close(diffusion.recover_x0(x_t, steps, alpha_bar, eps), x0)


def test_the_walk_has_the_distribution_of_the_jump():
    betas, generator = diffusion.linear_schedule(30, 0.01, 0.2), torch.Generator().manual_seed(0)
    x = torch.full((4000, 1), 0.7, dtype=torch.float64)
    for t in range(1, 31):
        x = diffusion.noise_one_step(x, t, betas, torch.randn(x.shape, generator=generator, dtype=x.dtype))
    a = diffusion.alpha_bars(betas)[-1].item()
    assert stats.kstest(x.flatten().numpy(), stats.norm(0.7 * a**0.5, (1 - a) ** 0.5).cdf).pvalue > 0.01


def test_the_ideal_denoiser_is_bayes_rule():
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(5, 1, 2, 2, dtype=torch.float64, generator=generator)
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(20))
    x_t = torch.randn(3, 1, 2, 2, dtype=torch.float64, generator=generator)
    t = torch.tensor([3, 10, 20])
    got = diffusion.ideal_denoiser(x_t, t, alpha_bar, data)
    for i in range(3):
        a = alpha_bar[t[i]].item()
        density = [stats.norm(a**0.5 * d.numpy(), (1 - a) ** 0.5).pdf(x_t[i].numpy()).prod() for d in data]
        want = sum(p * d for p, d in zip(density, data, strict=True)) / sum(density)
        torch.testing.assert_close(got[i], want)


def test_the_ideal_denoiser_of_one_picture_gives_that_picture():
    only = torch.linspace(-1, 1, 12).reshape(1, 3, 2, 2)
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(10))
    got = diffusion.ideal_denoiser(torch.randn(4, 3, 2, 2), torch.tensor([1, 4, 7, 10]), alpha_bar, only)
    torch.testing.assert_close(got, only.expand(4, -1, -1, -1))

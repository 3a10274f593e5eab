"""What lesson 03 measures: the noise level read off a picture, similarities, and how many directions are used."""

import pytest
import torch

from course_utils import data, diffusion, models
from course_utils.errors import CourseError
from course_utils.models import timed

EVERY_STEP = torch.linspace(0, 1, 1001, dtype=torch.float64)


@pytest.mark.parametrize("level", [0.05, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_level_of_pure_noise(level, channels):
    x = level * torch.randn(6, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    got = diffusion.guess_noise_level(x)
    assert got.shape == (6,) and ((got / level - 1).abs() < 0.1).all()


def test_the_noise_level_of_flowers():
    x0 = data.load("flowers", n=64, size=32, split="test").images
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(1000))
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
    for t in (150, 400, 700):
        x_t = diffusion.q_sample(x0, torch.full((64,), t), alpha_bar, eps)
        level = diffusion.guess_noise_level(x_t)
        assert level.mean().item() == pytest.approx((1 - alpha_bar[t]).sqrt().item(), rel=0.08)
        assert (diffusion.step_of_noise_level(level, alpha_bar) - t).double().mean().abs() < 40


def test_slopes_and_odd_sides_are_no_noise():
    row = torch.linspace(-1, 1, 17)
    assert diffusion.guess_noise_level((row[:, None] + 3 * row).expand(2, 3, 17, 17)).abs().max() < 1e-6


def test_the_step_of_a_noise_level_is_the_nearest():
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(100, 0.001, 0.1))
    exact = (1 - alpha_bar).sqrt()
    assert torch.equal(diffusion.step_of_noise_level(exact, alpha_bar), torch.arange(101))
    assert diffusion.step_of_noise_level(torch.tensor([-1.0, 7.0]), alpha_bar).tolist() == [0, 100]


def test_a_similarity_depends_on_the_difference_alone():
    t = torch.arange(50, dtype=torch.float64)
    likeness = timed.similarity_map(models.sinusoidal_embedding(t, 16))
    for k in (0, 1, 20):
        want = torch.cos(k * timed.frequencies(8)).mean()
        torch.testing.assert_close(likeness.diagonal(k), want.expand(50 - k))


def test_t_over_T_in_8_sinusoids_is_a_raw_float():
    bug = models.sinusoidal_embedding(EVERY_STEP, 8)
    assert timed.variance_shares(bug)[0].item() == pytest.approx(0.98, abs=0.005)
    # More features make it worse, and more of the scale mends it.
    assert timed.variance_shares(models.sinusoidal_embedding(EVERY_STEP, 128))[0] > 0.98
    assert timed.variance_shares(timed.mended_embedding(EVERY_STEP))[0] < 0.2


def test_shares_add_up():
    shares = timed.variance_shares(torch.randn(40, 6, generator=torch.Generator().manual_seed(2)))
    assert shares.shape == (6,) and shares.sum().item() == pytest.approx(1, abs=1e-5)
    assert (shares.diff() <= 0).all()


def test_helpful_sentence():
    with pytest.raises(CourseError, match="at least one frequency"):
        timed.frequencies(0)

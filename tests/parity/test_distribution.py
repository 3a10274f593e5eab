"""With the ideal denoiser of a small data set, the samplers draw from that data set: two-sample tests.

The seeds are fixed, so that a test passes or fails for ever. A sampler is accepted if its p-value is above LEVEL: the
24 tests of right samplers together would fail by bad luck for one choice of the seeds in 42. The biased samplers below
must be found by the same tests, beyond doubt: a test that passes everything proves nothing.
"""

import pytest
import torch
from scipy import stats

from course_utils import diffusion, samplers

LEVEL, BIASED = 0.001, 1e-6
T, N = 200, 1400
ALPHA_BARS = {
    "mended": diffusion.alpha_bars(diffusion.mended_schedule(T)),
    "cosine": diffusion.alpha_bars(diffusion.cosine_schedule(T)),
}
# Seven points without any symmetry: three in a corner, one in the middle, where a timid sampler ends up.
POINTS = torch.tensor(
    [[-0.9, -0.8], [-0.7, -0.9], [-0.75, -0.6], [0.1, 0.9], [0.8, 0.2], [0.9, -0.7], [0.3, 0.0]], dtype=torch.float64
)

SAMPLERS = {
    "ddpm, beta": lambda p, x, a, g: samplers.sample_ddpm(p, x, a, g),
    "ddpm, beta-tilde": lambda p, x, a, g: samplers.sample_ddpm(p, x, a, g, variance="beta-tilde"),
    "ddpm, 100 steps": lambda p, x, a, g: samplers.sample_ddpm(p, x, a, g, variance="beta-tilde", steps=100),
    "ddim": lambda p, x, a, g: samplers.sample_ddim(p, x, a, T),
    "ddim, 50 steps": lambda p, x, a, g: samplers.sample_ddim(p, x, a, 50),
    "ddim, eta 0.5": lambda p, x, a, g: samplers.sample_ddim(p, x, a, 100, eta=0.5, generator=g),
    "ddim, eta 1": lambda p, x, a, g: samplers.sample_ddim(p, x, a, 100, eta=1.0, generator=g),
}


def without_noise(predict, x, alpha_bar, generator):
    """Mistake: only the means of DDPM. Everything ends in the middle."""
    for t in range(T, 0, -1):
        x = samplers.p_sample(predict, x, t, alpha_bar, torch.zeros_like(x))
    return x


def half_the_noise(predict, x, alpha_bar, generator):
    """Mistake: z too small at every step."""
    for t in range(T, 0, -1):
        x = samplers.p_sample(predict, x, t, alpha_bar, 0.5 * samplers.steps.normal_like(x, generator))
    return x


def the_same_noise(predict, x, alpha_bar, generator):
    """Mistake: z drawn once, before the loop (lesson 06's trap)."""
    z = samplers.steps.normal_like(x, generator)
    for t in range(T, 0, -1):
        x = samplers.p_sample(predict, x, t, alpha_bar, z)
    return x


def too_much_taken_out(predict, x, alpha_bar, generator):
    """A network whose noise is five percent too loud."""
    return samplers.sample_ddim(lambda x, t: 1.05 * predict(x, t), x, alpha_bar, T)


def quiet_start(predict, x, alpha_bar, generator):
    """Mistake: x_T with less variance than training ended with."""
    return samplers.sample_ddim(predict, 0.5 * x, alpha_bar, T)


def time_unscaled(predict, x, alpha_bar, generator):
    """Mistake: the network is told t, and was trained with 1000 t / T (lesson 04's trap)."""
    return samplers.sample_ddim(lambda x, t: predict(x, (t * T / 1000).clamp(min=1000 / T)), x, alpha_bar, T)


def eta_without_making_room(predict, x, alpha_bar, generator):
    """Mistake: fresh noise is added, and the old noise not reduced by as much (sigma^2 missing under the root)."""
    for t in range(T, 0, -1):
        eps = predict(x, samplers.predict.times_for(x, t, alpha_bar))
        step = samplers.ddim_step(x, eps, t, t - 1, alpha_bar)
        if t > 1:
            sigma = diffusion.posterior_variance(torch.tensor([t]), alpha_bar).sqrt()
            step = step + sigma * samplers.steps.normal_like(x, generator)
        x = step
    return x


MISTAKES = [
    without_noise,
    half_the_noise,
    the_same_noise,
    too_much_taken_out,
    quiet_start,
    time_unscaled,
    eta_without_making_room,
]


def draw(sampler, data, alpha_bar, n, seed):
    generator = torch.Generator().manual_seed(seed)
    x_T = torch.randn(n, data.shape[1], dtype=torch.float64, generator=generator)
    return sampler(samplers.ideal_predict(data, alpha_bar), x_T, alpha_bar, generator)


def nearest_point_p(x, points):
    """How often each point is the nearest, against equally often: the p-value of a chi-square test."""
    counts = torch.bincount(torch.cdist(x, points).argmin(1), minlength=len(points))
    return stats.chisquare(counts.numpy()).pvalue


@pytest.mark.parametrize("schedule", list(ALPHA_BARS))
@pytest.mark.parametrize("name", list(SAMPLERS))
def test_every_point_is_drawn_equally_often(name, schedule):
    x = draw(SAMPLERS[name], POINTS, ALPHA_BARS[schedule], N, seed=2)
    # A long last step may end between two points that are close together; all others end on one.
    assert torch.cdist(x, POINTS).min(1).values.mean() < 0.02
    assert nearest_point_p(x, POINTS) > LEVEL


@pytest.mark.parametrize("sampler", MISTAKES)
def test_the_count_of_points_finds_a_biased_sampler(sampler):
    assert nearest_point_p(draw(sampler, POINTS, ALPHA_BARS["cosine"], N, seed=2), POINTS) < BIASED


def two_moons(n, seed):
    """n points on two interlocking half circles, more of them on the first, with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    angle = torch.pi * torch.rand(n, dtype=torch.float64, generator=generator)
    second = torch.rand(n, generator=generator) < 0.3
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    moved = torch.where(second[:, None], 1 - circle - torch.tensor([0.0, 0.5]), circle) - torch.tensor([0.5, 0.25])
    return 0.6 * moved + 0.03 * torch.randn(n, 2, dtype=torch.float64, generator=generator)


def energy_p(x, y, seed=0, permutations=1999):
    """The p-value of a permutation test on the energy distance 2 E|x - y| - E|x - x'| - E|y - y'|.

    It cannot fall below 1 / (permutations + 1), so a biased sampler is asked for that.
    """
    distances, n = torch.cdist(torch.cat([x, y]), torch.cat([x, y])), len(x)
    generator = torch.Generator().manual_seed(seed)
    sign = torch.ones(2 * n, permutations + 1, dtype=torch.float64)
    sign[n:, 0] = -1  # the true labels first, then shuffled ones
    for k in range(1, permutations + 1):
        sign[torch.randperm(2 * n, generator=generator)[n:], k] = -1
    energy = -(sign * (distances @ sign)).sum(0)  # n^2 times the energy distance of each labelling
    return (energy >= energy[0]).double().mean().item()


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_two_moons_by_the_energy_distance(name):
    moons = two_moons(60, seed=0)
    generator = torch.Generator().manual_seed(9)
    real = moons[torch.randint(60, (250,), generator=generator)]  # drawn from the data set itself
    assert energy_p(draw(SAMPLERS[name], moons, ALPHA_BARS["cosine"], 250, seed=1), real) > LEVEL


@pytest.mark.parametrize("sampler", MISTAKES)
def test_the_energy_distance_finds_a_biased_sampler(sampler):
    moons = two_moons(60, seed=0)
    real = moons[torch.randint(60, (250,), generator=torch.Generator().manual_seed(9))]
    assert energy_p(draw(sampler, moons, ALPHA_BARS["cosine"], 250, seed=1), real) == 1 / 2000


def ks_p(x, data):
    """Kolmogorov and Smirnov's test of numbers against the distribution function of the data, which has steps.

    It is compared where it is flat, between the data. Against a function with steps the p-value is too large rather
    than too small.
    """
    ordered = data[:, 0].sort().values
    between = (ordered[1:] + ordered[:-1]) / 2  # (N - 1,)
    share = (x < between).double().mean(0)  # of the samples that are below
    distance = (share - torch.arange(1, len(data)) / len(data)).abs().max()
    return stats.kstwo.sf(distance.item(), len(x))


HEAPS = torch.tensor([-0.62, -0.6, -0.55, 0.1, 0.2, 0.25, 0.3, 0.45, 0.6, 0.9], dtype=torch.float64)[:, None]


@pytest.mark.parametrize("name", ["ddpm, beta", "ddpm, beta-tilde", "ddim"])
def test_numbers_by_kolmogorov_and_smirnov(name):
    """One dimension, two heaps of different width. All T steps: of fewer, the last is so long that it ends between
    neighbours as close as these, and the test finds even that."""
    assert ks_p(draw(SAMPLERS[name], HEAPS, ALPHA_BARS["cosine"], N, seed=3), HEAPS) > LEVEL


@pytest.mark.parametrize("sampler", MISTAKES)
def test_kolmogorov_and_smirnov_find_a_biased_sampler(sampler):
    assert ks_p(draw(sampler, HEAPS, ALPHA_BARS["cosine"], N, seed=3), HEAPS) < BIASED

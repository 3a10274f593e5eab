"""Where everything is known, classifier guidance at scale 1 gives the class itself: two-sample tests, and the score.

The seeds are fixed, so that a test passes or fails for ever. Right samplers must pass with p above LEVEL, and the
biased ones below must be found by the same test, beyond doubt.
"""

import numpy as np
import pytest
import torch
from scipy import stats

from course_utils import diffusion, guidance, samplers
from course_utils.guidance import Mixture

LEVEL, BIASED = 0.001, 1e-6
T, N, STEPS = 400, 1500, 200
ALPHA_BARS = {
    "cosine": diffusion.alpha_bars(diffusion.cosine_schedule(T)),
    "mended": diffusion.alpha_bars(diffusion.mended_schedule(T)),
}
SHARES = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
LINE = Mixture(torch.tensor([[-1.2], [0.2], [1.0]], dtype=torch.float64), 0.35, SHARES)
PLANE = Mixture(torch.tensor([[-0.9, -0.4], [0.3, 0.8], [0.8, -0.6]], dtype=torch.float64), 0.4, SHARES)


def draw(world, y, scale, alpha_bar, sampler="ddim", seed=0, classifier=None, steps=STEPS):
    generator = torch.Generator().manual_seed(seed)
    x_T = torch.randn(N, world.means.shape[1], dtype=torch.float64, generator=generator)
    classifier = classifier or world.classifier(alpha_bar)
    args = (world.predict(alpha_bar), classifier, x_T, torch.full((N,), y), alpha_bar, steps)
    if sampler == "ddim":
        return guidance.sample_guided(*args, scale)
    return guidance.sample_guided_ddpm(*args, generator, scale)


def real(world, y, seed=9):
    return world.sample(torch.full((N,), y), torch.Generator().manual_seed(seed))


def two_sample_p(x, z):
    """The smallest p-value of Kolmogorov and Smirnov's test along the axes and the diagonals, times their number."""
    ways = [[1.0]] if x.shape[1] == 1 else [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]]
    found = []
    for way in ways:
        direction = torch.tensor(way, dtype=x.dtype)
        found.append(stats.ks_2samp((x @ direction).numpy(), (z @ direction).numpy()).pvalue)
    return min(1.0, len(found) * min(found))


@pytest.mark.parametrize("schedule", list(ALPHA_BARS))
@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize(
    ("world", "y"), [(LINE, 0), (LINE, 2), (PLANE, 1), (PLANE, 2)], ids=["1d-0", "1d-2", "2d-1", "2d-2"]
)
def test_scale_one_gives_the_class(world, y, sampler, schedule):
    assert two_sample_p(draw(world, y, 1.0, ALPHA_BARS[schedule], sampler), real(world, y)) > LEVEL


def test_scale_zero_gives_everything():
    generator = torch.Generator().manual_seed(3)
    y = torch.multinomial(SHARES, N, replacement=True, generator=generator)
    everything = LINE.sample(y, generator)
    assert two_sample_p(draw(LINE, 2, 0.0, ALPHA_BARS["cosine"]), everything) > LEVEL


def of_the_mean(world, alpha_bar):
    """The trap: a classifier whose gradient is that of a mean over the batch, N times too small."""
    right = world.classifier(alpha_bar)
    return lambda x, t: right(x, t).log_softmax(dim=1) / N


def told_another_time(world, alpha_bar):
    right = world.classifier(alpha_bar)
    return lambda x, t: right(x, (t / 2).clamp(min=1000 / T))


def of_clean_points(world, alpha_bar):
    """A classifier that has never seen noise."""
    return lambda x, t: world.log_joint(x, 1.0)


@pytest.mark.parametrize("mistake", [of_the_mean, told_another_time, of_clean_points])
def test_a_wrong_classifier_is_found(mistake):
    alpha_bar = ALPHA_BARS["cosine"]
    x = draw(LINE, 2, 1.0, alpha_bar, classifier=mistake(LINE, alpha_bar))
    assert two_sample_p(x, real(LINE, 2)) < BIASED


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_another_scale_is_found(scale):
    assert two_sample_p(draw(LINE, 2, scale, ALPHA_BARS["cosine"]), real(LINE, 2)) < BIASED


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("scale", [2.0, 4.0])
def test_above_one_it_is_not_the_tilted_density(scale, sampler):
    """p(x) p(y | x)^scale is what the guided score of clean data belongs to, and not what comes out."""
    line = torch.linspace(-5, 5, 20001, dtype=torch.float64)
    weight = LINE.tilted(line[:, None], 2, scale)
    weight = (weight - weight.max()).exp()
    cdf = (weight / weight.sum()).cumsum(0)
    x = draw(LINE, 2, scale, ALPHA_BARS["cosine"], sampler)[:, 0]
    p = stats.kstest(x.numpy(), lambda q: np.interp(q, line.numpy(), cdf.numpy())).pvalue
    assert p < BIASED
    mean = (weight * line).sum() / weight.sum()
    assert x.mean() > mean + 0.05  # it overshoots


def test_at_scale_one_it_is_the_tilted_density():
    line = torch.linspace(-5, 5, 20001, dtype=torch.float64)
    weight = LINE.tilted(line[:, None], 2, 1.0).exp()
    assert torch.allclose(
        weight / weight.sum(), LINE.log_joint(line[:, None], 1.0)[:, 2].exp() / 0.2 * (line[1] - line[0]), atol=1e-7
    )


@pytest.mark.parametrize("schedule", list(ALPHA_BARS))
@pytest.mark.parametrize("scale", [-1.0, 0.0, 0.5, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("t", [1, 40, 200, 360, 400])
def test_the_guided_score_is_the_analytic_one(t, scale, schedule):
    """What the samplers are given, against the slope of log p(x_t) + scale log p(y | x_t) by finite differences."""
    alpha_bar = ALPHA_BARS[schedule]
    generator = torch.Generator().manual_seed(t)
    x, y = torch.randn(5, 2, dtype=torch.float64, generator=generator), torch.tensor([0, 1, 2, 1, 0])
    a, time = alpha_bar[t], samplers.predict.times_for(x, t, alpha_bar)
    guided = guidance.classifier_predict(PLANE.predict(alpha_bar), PLANE.classifier(alpha_bar), y, scale, alpha_bar)
    score = -guided(x, time) / (1 - a).sqrt()

    def height(x):
        joint = PLANE.log_joint(x, a)
        return joint.logsumexp(1) + scale * joint.log_softmax(1).gather(1, y[:, None])[:, 0]

    h, found = 1e-5, []
    for way in torch.eye(2, dtype=torch.float64):
        found.append((height(x + h * way) - height(x - h * way)) / (2 * h))
    assert torch.allclose(score, torch.stack(found, 1), rtol=1e-4, atol=1e-5)
    assert torch.allclose(
        score, guidance.mixture_guided_score(x, y, float(a), scale, PLANE.means, 0.4, SHARES), atol=1e-9
    )


def test_the_exact_denoiser_is_that_of_many_points():
    """The formula for eps against the ideal denoiser of a large sample, where noise is plenty and classes are wide."""
    alpha_bar = ALPHA_BARS["cosine"]
    generator = torch.Generator().manual_seed(0)
    y = torch.multinomial(SHARES, 40_000, replacement=True, generator=generator)
    ideal = samplers.ideal_predict(PLANE.sample(y, generator), alpha_bar)
    x = torch.randn(20, 2, dtype=torch.float64, generator=generator)
    for t in (200, 300, 380):
        time = samplers.predict.times_for(x, t, alpha_bar)
        assert (ideal(x, time) - PLANE.predict(alpha_bar)(x, time)).abs().max() < 0.03


def test_the_class_probabilities_are_those_of_a_count():
    """p(k | x_t) against how often each class is found near x, among many noised points."""
    generator, t, alpha_bar = torch.Generator().manual_seed(1), 150, ALPHA_BARS["cosine"]
    y = torch.multinomial(SHARES, 400_000, replacement=True, generator=generator)
    x0 = LINE.sample(y, generator)
    eps = torch.randn(x0.shape, generator=generator, dtype=torch.float64)
    x_t = diffusion.q_sample(x0, torch.full((len(x0),), t), alpha_bar, eps)[:, 0]
    for place in (-0.8, 0.1, 0.9):
        near = (x_t - place).abs() < 0.02
        counted = torch.bincount(y[near], minlength=3).double() / near.sum()
        exact = LINE.log_joint(torch.tensor([[place]], dtype=torch.float64), alpha_bar[t]).softmax(1)[0]
        assert (counted - exact).abs().max() < 0.02


def test_both_algorithms_agree_where_steps_are_short():
    """The shifted mean and the shifted noise, one step: the difference vanishes faster than the push itself."""
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    x = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    y, scale, t, ratios = torch.tensor([0, 1, 2, 0, 1, 2]), 2.0, 500, []
    time = samplers.predict.times_for(x, t, alpha_bar)
    eps = PLANE.predict(alpha_bar)(x, time)
    gradient = guidance.classifier_gradient(PLANE.classifier(alpha_bar), x, time, y)
    for s in (400, 490, 499):
        mean, variance = guidance.step_back(x, eps, t, s, alpha_bar)
        first = guidance.guided_mean(mean, variance, gradient, scale)
        shifted = guidance.guided_eps(eps, gradient, torch.full((6,), t), alpha_bar, scale)
        second, _ = guidance.step_back(x, shifted, t, s, alpha_bar)
        ratios.append(((first - second).norm() / (first - mean).norm()).item())
    assert ratios[0] > 5 * ratios[1] > 25 * ratios[2]

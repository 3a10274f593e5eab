"""Classifier-free guidance against diffusers' convention, and against a mixture of normal classes, where all is exact.

The two-sample tests have fixed seeds, so that they pass or fail for ever. What guidance does NOT draw from is found by
the same tests, beyond doubt.
"""

import pytest
import torch
from scipy import stats

from course_utils import diffusion, guidance

LEVEL, BEYOND_DOUBT = 0.001, 1e-12
T, N, STEPS = 1000, 3000, 250
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
MIXTURE = guidance.Mixture(
    torch.tensor([[-1.0, 0.3], [0.9, 0.6], [0.2, -0.9]], dtype=torch.float64),
    0.5,
    torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64),
)
K = 3


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def exact(x, t, cond):
    """The mixture as a class-conditional network: it is told a class, or K for none, and gives the expected noise."""
    a = ALPHA_BAR[diffusion.schedule_step(t, T)]
    asked = (cond < K).to(x)[:, None]
    return -(1 - a).sqrt()[:, None] * MIXTURE.guided_score(x, a, cond.clamp(max=K - 1), asked)


def sample(y, w, seed=0, n=N, **choices):
    cond = torch.full((n,), y)
    return guidance.sample_cfg(exact, normal(seed, n, 2), cond, w, ALPHA_BAR, STEPS, null=K, clip=False, **choices)


def p_values(x, other):
    """Two-sample tests along both axes and both diagonals."""
    ways = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    return [stats.ks_2samp((x @ way).numpy(), (other @ way).numpy()).pvalue for way in ways]


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5, 7.5])
def test_guide_is_diffusers_after_conversion(scale):
    """diffusers' pipelines write noise_pred_uncond + guidance_scale * (noise_pred_text - noise_pred_uncond)."""
    text, uncond = normal(1, 4, 3, 8, 8), normal(2, 4, 3, 8, 8)
    theirs = uncond + scale * (text - uncond)
    torch.testing.assert_close(guidance.guide(text, uncond, guidance.cfg_from_scale(scale)), theirs)


def test_guide_is_diffusers_own_guider():
    guiders = pytest.importorskip("diffusers.guiders", reason="diffusers with its guiders")
    text, uncond = normal(3, 4, 3, 8, 8), normal(4, 4, 3, 8, 8)
    for scale in (1.5, 7.5):
        theirs = guiders.ClassifierFreeGuidance(guidance_scale=scale).forward(text, uncond).pred
        torch.testing.assert_close(guidance.guide(text, uncond, guidance.cfg_from_scale(scale)), theirs)
        # and their switch to the convention of the paper
        original = guiders.ClassifierFreeGuidance(guidance_scale=scale, use_original_formulation=True)
        torch.testing.assert_close(guidance.guide(text, uncond, scale), original.forward(text, uncond).pred)


@pytest.mark.parametrize("w", [-2.0, -1.0, 0.0, 1.0, 4.0])
def test_guided_score_is_the_analytic_one_at_every_t(w):
    """-eps / sqrt(1 - alpha_bar) = grad [(1 + w) log p_t(x | y) - w log p_t(x)], the gradient taken by autograd."""
    y, x = torch.tensor([0, 1, 2, 0, 1]), normal(5, 5, 2).requires_grad_(True)
    predict = guidance.guided_predict(exact, y, w, null=K)
    for step in (1, 100, 400, 700, 950, 1000):
        a = ALPHA_BAR[step]
        joint = MIXTURE.log_joint(x, a)
        of_class = joint.gather(1, y[:, None]).sum()  # log p(x, y), as good as log p(x | y)
        (want,) = torch.autograd.grad((1 + w) * of_class - w * joint.logsumexp(dim=1).sum(), x)
        t = torch.full((5,), 1000.0 * step / T)
        got = -predict(x.detach(), t) / (1 - a).sqrt()
        torch.testing.assert_close(got, want, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("w", [0.0, 1.0, 3.0])
def test_free_guidance_is_classifier_guidance_with_the_exact_classifier(w):
    """From the conditional model with scale w, and from the unconditional one with scale 1 + w: the same eps."""
    y, x, t = torch.tensor([0, 1, 2]), normal(6, 3, 2), torch.full((3,), 400.0)
    free = guidance.guided_predict(exact, y, w, null=K)(x, t)
    from_nothing = guidance.classifier_predict(
        MIXTURE.predict(ALPHA_BAR), MIXTURE.classifier(ALPHA_BAR), y, 1 + w, ALPHA_BAR
    )
    torch.testing.assert_close(free, from_nothing(x, t))


@pytest.mark.parametrize("y", [0, 1, 2])
def test_w_zero_lands_on_the_exact_conditional_distribution(y):
    real = MIXTURE.sample(torch.full((N,), y), torch.Generator().manual_seed(7))
    assert min(p_values(sample(y, 0.0, seed=8 + y), real)) > LEVEL


def test_w_minus_one_lands_on_the_exact_whole():
    which = torch.multinomial(MIXTURE.shares, N, replacement=True, generator=torch.Generator().manual_seed(9))
    real = MIXTURE.sample(which, torch.Generator().manual_seed(10))
    assert min(p_values(sample(0, -1.0, seed=11), real)) > LEVEL


@pytest.mark.parametrize("w", [1.0, 3.0])
def test_above_zero_the_samples_are_not_those_of_the_sharpened_distribution(w):
    """p(x | y)^(1 + w) p(x)^(-w) is what the guided score is the score of at t = 0, and NOT what is drawn."""
    x = sample(0, w, seed=12)
    axis = torch.linspace(-5, 5, 401, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    shares = MIXTURE.tilted(points, 0, 1 + w).softmax(dim=0)  # p(x) p(y | x)^(1 + w), which is the same up to a number
    chosen = points[torch.multinomial(shares, N, replacement=True, generator=torch.Generator().manual_seed(13))]
    sharpened = chosen + (torch.rand(N, 2, generator=torch.Generator().manual_seed(14)) - 0.5) * 0.025
    assert min(p_values(x, sharpened)) < BEYOND_DOUBT
    # the test itself is fair: draws from the same density pass it
    again = points[torch.multinomial(shares, N, replacement=True, generator=torch.Generator().manual_seed(15))]
    again = again + (torch.rand(N, 2, generator=torch.Generator().manual_seed(16)) - 0.5) * 0.025
    assert min(p_values(again, sharpened)) > LEVEL
    # and the samples lie further out: further from the other classes than the sharpened ones do on average
    assert x[:, 0].mean() < sharpened[:, 0].mean() - 0.2


def test_more_steps_do_not_bring_it_nearer():
    """It is no error of the steps: with five times as many the same distribution comes out."""
    few, many = sample(0, 3.0, seed=17, n=500), None
    cond = torch.zeros(500, dtype=torch.int64)
    many = guidance.sample_cfg(exact, normal(17, 500, 2), cond, 3.0, ALPHA_BAR, 1000, null=K, clip=False)
    assert (few - many).abs().mean() < 0.02

"""Samplers: values by hand, what is random and what is not, shapes and types, and what bad input is told."""

from itertools import pairwise

import pytest
import torch

from course_utils import diffusion, samplers
from course_utils.errors import CourseError

T = 30
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
SHAPE = (4, 2, 3, 3)


def normal(seed, *shape, dtype=torch.float64):
    return torch.randn(*(shape or SHAPE), dtype=dtype, generator=torch.Generator().manual_seed(seed))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def predict(x, t):
    """A noise that bends with x and t."""
    return 0.8 * torch.sin(x + t.to(x).reshape(-1, *[1] * (x.ndim - 1)) / 300)


WAYS = {
    "ddpm": lambda x, g, **k: samplers.sample_ddpm(predict, x, ALPHA_BAR, g, **k),
    "ddim": lambda x, g, **k: samplers.sample_ddim(predict, x, ALPHA_BAR, k.pop("steps", 7), generator=g, **k),
    "ddim, eta 1": lambda x, g, **k: samplers.sample_ddim(
        predict, x, ALPHA_BAR, k.pop("steps", 7), eta=1.0, generator=g, **k
    ),
}

# ---------------------------------------------------------------- which steps


def test_respace_by_hand():
    assert samplers.respace(10, 4).tolist() == [10, 8, 5, 2, 0]
    assert samplers.respace(1000, 1).tolist() == [1000, 0]
    assert samplers.respace(5, 5).tolist() == [5, 4, 3, 2, 1, 0]
    assert samplers.respace(1000, 20).dtype == torch.int64


def test_respace_keeps_the_ends_and_never_stands_still():
    for whole in (*range(1, 70), 1000):
        for steps in range(1, whole + 1, 1 if whole < 70 else 37):
            ways = samplers.respace(whole, steps).tolist()
            assert len(ways) == steps + 1 and ways[0] == whole and ways[-1] == 0
            lengths = [t - s for t, s in pairwise(ways)]
            assert min(lengths) >= 1 and max(lengths) - min(lengths) <= 2


@pytest.mark.parametrize("steps", [0, -3, 31])
def test_a_number_of_steps_that_cannot_be(steps):
    for call in (
        lambda: samplers.respace(T, steps),
        lambda: samplers.sample_ddim(predict, normal(0), ALPHA_BAR, steps),
        lambda: samplers.sample_ddpm(predict, normal(0), ALPHA_BAR, seeded(), steps=steps),
        lambda: samplers.ddim_invert(predict, normal(0), ALPHA_BAR, steps),
        lambda: samplers.sample_truncated(predict, normal(0), T, ALPHA_BAR, steps, normal(1)),
    ):
        with pytest.raises(CourseError, match=f"1 to {T} steps to take: steps is {steps}"):
            call()


# ---------------------------------------------------------------- single steps

# Two steps with betas 0.5 and 0.8.
BY_HAND = torch.tensor([1.0, 0.5, 0.1], dtype=torch.float64)


def test_p_sample_by_hand():
    x, z = torch.tensor([2.0]).double(), torch.tensor([1.0]).double()

    def one(x, t):
        assert t.dtype == torch.float32 and t.item() in (500, 1000)
        return torch.ones_like(x)

    # (2 - 0.8 / sqrt(0.9)) / sqrt(0.2) = 2.586524, plus sqrt(0.8) or sqrt(0.8 * 0.5 / 0.9)
    got = samplers.p_sample(one, x, 2, BY_HAND, z)
    assert got.item() == pytest.approx(2.586524 + 0.894427, abs=1e-5)
    got = samplers.p_sample(one, x, 2, BY_HAND, z, variance="beta-tilde")
    assert got.item() == pytest.approx(2.586524 + 0.666667, abs=1e-5)
    # the last step: (2 - 0.5 / sqrt(0.5)) / sqrt(0.5) = 1.828427, and no noise
    assert samplers.p_sample(one, x, 1, BY_HAND, z).item() == pytest.approx(1.828427, abs=1e-5)


def test_ddim_step_by_hand():
    x, eps, z = (torch.tensor([v]).double() for v in (2.0, 1.0, 1.0))
    # x0_hat = (2 - sqrt(0.9)) / sqrt(0.1) = 3.324555; then sqrt(0.5) x0_hat + sqrt(0.5) eps
    assert samplers.ddim_step(x, eps, 2, 1, BY_HAND).item() == pytest.approx(3.057922, abs=1e-5)
    # eta 1: sigma^2 = 0.5 / 0.9 * 0.8 = 4 / 9, and sqrt(0.5 - 4 / 9) = 0.235702 is left for eps
    got = samplers.ddim_step(x, eps, 2, 1, BY_HAND, 1.0, z)
    assert got.item() == pytest.approx(2.350816 + 0.235702 + 0.666667, abs=1e-5)
    assert samplers.ddim_step(x, eps, 2, 0, BY_HAND, 1.0, z).item() == pytest.approx(3.324555, abs=1e-5)


def test_the_last_step_ignores_the_noise():
    x, z = normal(0), normal(1)
    for variance in ("beta", "beta-tilde"):
        a, b = (samplers.p_sample(predict, x, 1, ALPHA_BAR, noise, variance=variance) for noise in (z, 100 * z))
        assert torch.equal(a, b)
    a, b = (samplers.ddim_step(x, predict(x, torch.ones(4)), 9, 0, ALPHA_BAR, 1.0, noise) for noise in (z, 100 * z))
    assert torch.equal(a, b)


@pytest.mark.parametrize("clip", [False, True])
def test_p_sample_is_the_posterior_of_the_predicted_picture(clip):
    for t in (1, 2, 15, T):
        x, z = 2 * normal(t), normal(9)
        eps = predict(x, torch.full((4,), 1000 * t / T))
        steps = torch.full((4,), t)
        x0_hat = diffusion.recover_x0(x, steps, ALPHA_BAR, eps)
        x0_hat = x0_hat.clamp(-1, 1) if clip else x0_hat
        want = diffusion.posterior_mean(x0_hat, x, steps, ALPHA_BAR)
        want = want + diffusion.posterior_variance(steps, ALPHA_BAR).sqrt().reshape(4, 1, 1, 1) * z
        got = samplers.p_sample(predict, x, t, ALPHA_BAR, z, variance="beta-tilde", clip=clip)
        torch.testing.assert_close(got, want)


def test_two_short_steps_of_ddim_are_a_long_one_if_eps_stays():
    x, eps = normal(0), normal(1)
    half = samplers.ddim_step(x, eps, 30, 12, ALPHA_BAR)
    torch.testing.assert_close(
        samplers.ddim_step(half, eps, 12, 3, ALPHA_BAR), samplers.ddim_step(x, eps, 30, 3, ALPHA_BAR)
    )


def test_every_image_may_have_its_own_eta():
    x, eps, z = normal(0), normal(1), normal(2)
    eta = torch.tensor([0.0, 0.3, 0.7, 1.0])
    got = samplers.ddim_step(x, eps, 20, 9, ALPHA_BAR, eta, z)
    for k in range(4):
        want = samplers.ddim_step(x[k : k + 1], eps[k : k + 1], 20, 9, ALPHA_BAR, eta[k].item(), z[k : k + 1])
        torch.testing.assert_close(got[k : k + 1], want)
    whole = samplers.sample_ddim(predict, x, ALPHA_BAR, 5, eta=torch.zeros(4))
    torch.testing.assert_close(whole, samplers.sample_ddim(predict, x, ALPHA_BAR, 5))


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_a_step_keeps_the_spread_of_training(eta):
    """With the true noise, x_s is distributed as q(x_s | x0) whatever eta: mean sqrt(a_s) x0, variance 1 - a_s."""
    n, x0, t, s = 40_000, 0.7, 22, 9
    eps, z = normal(0, n), normal(1, n)
    x_t = ALPHA_BAR[t].sqrt() * x0 + (1 - ALPHA_BAR[t]).sqrt() * eps
    x_s = samplers.ddim_step(x_t, eps, t, s, ALPHA_BAR, eta, z)
    assert x_s.mean().item() == pytest.approx(ALPHA_BAR[s].sqrt().item() * x0, abs=0.01)
    assert x_s.var().item() == pytest.approx(1 - ALPHA_BAR[s].item(), rel=0.03)


def test_steps_have_gradients():
    x = normal(0).requires_grad_()
    samplers.p_sample(predict, x, 9, ALPHA_BAR, normal(1), clip=True).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    x.grad = None
    samplers.ddim_step(x, predict(x, torch.ones(4)), 9, 3, ALPHA_BAR, 0.5, normal(1)).sum().backward()
    assert x.grad.abs().sum() > 0


def test_wrong_steps_and_words_get_a_sentence():
    x, z = normal(0), normal(1)
    for t in (0, T + 1, -2):
        with pytest.raises(CourseError, match=f"from t = 1 to {T}: t is {t}"):
            samplers.p_sample(predict, x, t, ALPHA_BAR, z)
    for t, s in [(5, 5), (3, 9), (T + 1, 2), (4, -1)]:
        with pytest.raises(CourseError, match=f"earlier s.*{t} to {s}"):
            samplers.ddim_step(x, z, t, s, ALPHA_BAR)
    with pytest.raises(CourseError, match="beta, beta-tilde, learned: it is 'small'"):
        samplers.p_sample(predict, x, 3, ALPHA_BAR, z, variance="small")
    with pytest.raises(CourseError, match="one of beta, beta-tilde, learned"):
        samplers.sample_ddpm(predict, x, ALPHA_BAR, seeded(), variance="small")
    with pytest.raises(CourseError, match="outputs=4"):
        samplers.p_sample(predict, x, 3, ALPHA_BAR, z, variance="learned")
    with pytest.raises(CourseError, match="learned variance needs v"):
        samplers.ddpm_step(x, z, 5, 3, ALPHA_BAR, z, variance="learned")
    with pytest.raises(CourseError, match="give z, shaped like x_t"):
        samplers.ddpm_step(x, z, 5, 3, ALPHA_BAR, None)
    with pytest.raises(CourseError, match="give z, shaped like x_t"):
        samplers.ddim_step(x, z, 5, 3, ALPHA_BAR, 0.5)
    with pytest.raises(CourseError, match=r"eta, is between 0 and 1: it is 1\.5"):
        samplers.ddim_step(x, z, 5, 3, ALPHA_BAR, 1.5, z)
    with pytest.raises(CourseError, match="give a generator"):
        samplers.sample_ddim(predict, x, ALPHA_BAR, 5, eta=0.5)
    for start in (0, T + 1):
        with pytest.raises(CourseError, match=f"start is {start}"):
            samplers.sample_ddim(predict, x, ALPHA_BAR, 1, start=start)
        with pytest.raises(CourseError, match=f"t_start is {start}"):
            samplers.sample_truncated(predict, x, start, ALPHA_BAR, 1, z)


# ---------------------------------------------------------------- whole ways


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 1, 4, 4)])
def test_shape_and_dtype_are_kept_and_x_t_is_not_touched(way, dtype, shape):
    x_T = normal(0, *shape, dtype=torch.float64).to(dtype)
    before = x_T.clone()
    x_0 = WAYS[way](x_T, seeded())
    assert x_0.shape == shape and x_0.dtype == dtype and torch.equal(x_T, before)


@pytest.mark.parametrize("way", list(WAYS))
def test_the_same_seed_gives_the_same_pictures(way):
    x_T = normal(0)
    first, again, other = (WAYS[way](x_T, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (way == "ddim")  # without fresh noise, only x_T counts


@pytest.mark.parametrize("way", list(WAYS))
def test_the_global_generator_is_left_alone(way):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    WAYS[way](normal(0), seeded())
    assert torch.equal(torch.get_rng_state(), state)


def test_sample_ddpm_is_p_sample_over_and_over():
    x, generator = normal(0), seeded(5)
    got = samplers.sample_ddpm(predict, x, ALPHA_BAR, seeded(5), clip=True)
    for t in range(T, 0, -1):
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype) if t > 1 else torch.zeros_like(x)
        x = samplers.p_sample(predict, x, t, ALPHA_BAR, z, clip=True)
    assert torch.equal(got, x)


def test_fewer_steps_of_ddpm_are_all_steps_of_a_schedule_with_those_levels():
    """ "The same formulas with alpha_bar at the kept times": only the network must be told the old times."""
    kept = samplers.respace(T, 6).flip(0)
    got = samplers.sample_ddpm(predict, normal(0), ALPHA_BAR, seeded(5), steps=6, variance="beta-tilde")

    def told(x, t):
        return predict(x, diffusion.model_time(kept[diffusion.schedule_step(t, 6)], T))

    want = samplers.sample_ddpm(told, normal(0), ALPHA_BAR[kept], seeded(5), variance="beta-tilde")
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("way", list(WAYS))
def test_watch_sees_every_step_and_changes_nothing(way):
    seen = []

    def watch(t, x_t, x0_hat):
        eps = predict(x_t, torch.full((4,), 1000 * t / T))
        want = diffusion.recover_x0(x_t, torch.full((4,), t), ALPHA_BAR, eps).clamp(-1, 1)
        torch.testing.assert_close(x0_hat, want)
        seen.append((t, x_t.clone()))

    x_T = normal(0)
    x_0 = WAYS[way](x_T, seeded(), steps=6, clip=True, watch=watch)
    assert [t for t, _ in seen] == samplers.respace(T, 6).tolist()[:-1]
    assert torch.equal(seen[0][1], x_T)
    assert torch.equal(x_0, WAYS[way](x_T, seeded(), steps=6, clip=True))
    assert x_0.abs().max() <= 1 + 1e-9  # the last step ends on the clipped picture


def test_a_later_start_is_the_rest_of_the_way():
    seen = {}
    x_0 = samplers.sample_ddim(predict, normal(0), ALPHA_BAR, 10, watch=lambda t, x_t, x0_hat: seen.update({t: x_t}))
    x_15 = seen[15]
    torch.testing.assert_close(samplers.sample_ddim(predict, x_15, ALPHA_BAR, 5, start=15), x_0)

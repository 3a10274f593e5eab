"""Targets, times and losses: values by hand, identities, statistics, and what a wrong word is told."""

import pytest
import torch
from scipy import stats

from course_utils import diffusion
from course_utils.errors import CourseError

T = 50
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))
KINDS = ["eps", "x0", "v"]


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def some(shape=(4, 3, 2, 2)):
    x0, eps, t = normal(0, *shape).clamp(-1, 1), normal(1, *shape), torch.tensor([1, 9, 30, T])
    return x0, eps, t, diffusion.q_sample(x0, t, ALPHA_BAR, eps)


def test_v_by_hand():
    alpha_bar = torch.tensor([1.0, 0.64], dtype=torch.float64)
    x0, eps, t = torch.tensor([0.5, -1.0]).double(), torch.tensor([2.0, 1.0]).double(), torch.tensor([1, 0])
    # 0.8 * 2 - 0.6 * 0.5 = 1.3; at t = 0, v is eps
    torch.testing.assert_close(diffusion.target("v", x0, eps, t, alpha_bar), torch.tensor([1.3, 1.0]).double())


@pytest.mark.parametrize("shape", [(4,), (4, 7), (4, 3, 2, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_target_gives_back_picture_and_noise(kind, shape):
    x0, eps, t, x_t = some(shape)
    said = diffusion.target(kind, x0, eps, t, ALPHA_BAR)
    torch.testing.assert_close(diffusion.to_eps(kind, said, x_t, t, ALPHA_BAR), eps, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(diffusion.to_x0(kind, said, x_t, t, ALPHA_BAR), x0, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_any_prediction_says_a_picture_and_a_noise_that_make_x_t(kind):
    """Not only the right one: sqrt(a) x0 + sqrt(1 - a) eps is x_t, whatever the network says."""
    _, _, t, x_t = some()
    said = normal(5, *x_t.shape)
    x0_hat = diffusion.to_x0(kind, said, x_t, t, ALPHA_BAR)
    eps_hat = diffusion.to_eps(kind, said, x_t, t, ALPHA_BAR)
    torch.testing.assert_close(diffusion.q_sample(x0_hat, t, ALPHA_BAR, eps_hat), x_t)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_dtype_is_kept(kind, dtype):
    x0, eps, t, x_t = (x.to(dtype) if x.is_floating_point() else x for x in some())
    for made in (
        diffusion.target(kind, x0, eps, t, ALPHA_BAR),
        diffusion.to_eps(kind, eps, x_t, t, ALPHA_BAR),
        diffusion.to_x0(kind, eps, x_t, t, ALPHA_BAR),
    ):
        assert made.dtype == dtype and made.shape == x0.shape


def test_a_kind_that_is_none():
    x0, eps, t, x_t = some()
    for call in (
        lambda: diffusion.target("noise", x0, eps, t, ALPHA_BAR),
        lambda: diffusion.to_eps("noise", eps, x_t, t, ALPHA_BAR),
        lambda: diffusion.to_x0("noise", eps, x_t, t, ALPHA_BAR),
        lambda: diffusion.diffusion_loss(lambda x, t, c: x, x0, t, ALPHA_BAR, eps, kind="noise"),
    ):
        with pytest.raises(CourseError, match="one of eps, x0, v: kind is 'noise'"):
            call()


# ---------------------------------------------------------------- times


def test_a_network_is_told_the_share_of_the_way():
    t = torch.tensor([0, 1, 25, 50])
    told = diffusion.model_time(t, 50)
    assert told.dtype == torch.float32 and told.tolist() == [0, 20, 500, 1000]


@pytest.mark.parametrize("steps", [1, 3, 10, 150, 777, 1000, 4000])
def test_the_way_back_to_the_step_is_exact(steps):
    t = torch.arange(steps + 1)
    assert torch.equal(diffusion.schedule_step(diffusion.model_time(t, steps), steps), t)


def test_uniform_times_take_every_step_equally_often():
    t = diffusion.uniform_times(20_000, 10, torch.Generator().manual_seed(0))
    assert t.dtype == torch.int64 and t.min() == 1 and t.max() == 10
    assert stats.chisquare(torch.bincount(t)[1:].numpy()).pvalue > 0.01


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.8, 0.5), (1.0, 1.5)])
def test_middle_heavy_times_have_a_normal_logit(mean, std):
    t = diffusion.middle_heavy_times(20_000, 20, torch.Generator().manual_seed(1), mean=mean, std=std)
    assert t.dtype == torch.int64 and t.min() >= 1 and t.max() <= 20
    edges = stats.norm(mean, std).cdf(torch.logit(torch.arange(21, dtype=torch.float64) / 20).numpy())
    assert stats.chisquare(torch.bincount(t, minlength=21)[1:].numpy(), 20_000 * (edges[1:] - edges[:-1])).pvalue > 0.01


@pytest.mark.parametrize("draw", [diffusion.uniform_times, diffusion.middle_heavy_times])
def test_the_same_seed_draws_the_same_times(draw):
    first, again, other = (draw(64, 1000, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert (draw(64, 1, torch.Generator()) == 1).all()
    with pytest.raises(CourseError, match="at least one step"):
        draw(4, 0, torch.Generator())


def test_no_spread_gets_a_sentence():
    with pytest.raises(CourseError, match="std is 0"):
        diffusion.middle_heavy_times(4, 10, torch.Generator(), std=0)


# ---------------------------------------------------------------- losses


def test_the_loss_of_a_network_that_says_nothing_is_the_noise():
    x0, eps, t, _ = some()
    loss = diffusion.ddpm_loss(lambda x, t, cond: torch.zeros_like(x), x0, t, ALPHA_BAR, eps)
    torch.testing.assert_close(loss, eps.square().mean())
    assert loss.shape == ()


def test_the_network_gets_x_t_its_own_time_and_the_condition():
    x0, eps, t, x_t = some()
    labels, seen = torch.tensor([3, 1, 4, 1]), {}

    def model(x, time, cond=None):
        seen.update(x=x, time=time, cond=cond)
        return x

    for loss in (diffusion.ddpm_loss, diffusion.diffusion_loss):
        seen.clear()
        loss(model, x0, t, ALPHA_BAR, eps, labels)
        torch.testing.assert_close(seen["x"], x_t)
        assert seen["time"].tolist() == [20, 180, 600, 1000] and seen["cond"] is labels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("distance", "of"),
    [
        ("l2", lambda e: e.square()),
        ("l1", lambda e: e.abs()),
        ("huber", lambda e: torch.where(e.abs() < 1, 0.5 * e.square(), e.abs() - 0.5)),
    ],
)
def test_distance_and_weight(distance, of, kind):
    x0, eps, t, _ = some()
    said, weight = normal(5, *x0.shape), torch.tensor([0.0, 1.0, 2.0, 0.5])
    error = of(said - diffusion.target(kind, x0, eps, t, ALPHA_BAR))

    def loss(**kwargs):
        return diffusion.diffusion_loss(
            lambda x, t, c: said, x0, t, ALPHA_BAR, eps, kind=kind, distance=distance, **kwargs
        )

    torch.testing.assert_close(loss(), error.mean())
    torch.testing.assert_close(loss(weight=torch.ones(4)), error.mean())
    torch.testing.assert_close(loss(weight=weight), (weight.double().reshape(4, 1, 1, 1) * error).mean())


def test_without_choices_it_is_ddpm_loss_and_both_have_its_gradient():
    x0, eps, t, x_t = some()
    w = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    for loss in (diffusion.ddpm_loss, diffusion.diffusion_loss):
        (gradient,) = torch.autograd.grad(loss(lambda x, t, c: w * x, x0, t, ALPHA_BAR, eps), w)
        torch.testing.assert_close(gradient, (2 * (0.3 * x_t - eps) * x_t).mean())


def test_min_snr_weights_make_the_eps_loss_the_x0_loss():
    """|x0 - x0_hat|^2 = |eps - eps_hat|^2 (1 - a) / a: with the weight SNR the x0 loss is the noise loss."""
    x0, eps, t, x_t = some()
    t = t.clamp(max=T - 1)
    x_t = diffusion.q_sample(x0, t, ALPHA_BAR, eps)
    eps_hat = normal(6, *x0.shape)
    x0_hat = diffusion.recover_x0(x_t, t, ALPHA_BAR, eps_hat)
    want = diffusion.ddpm_loss(lambda x, t, c: eps_hat, x0, t, ALPHA_BAR, eps)
    got = diffusion.diffusion_loss(
        lambda x, t, c: x0_hat, x0, t, ALPHA_BAR, eps, kind="x0", weight=diffusion.snr(ALPHA_BAR)[t]
    )
    torch.testing.assert_close(got, want)


def test_bfloat16_predictions_are_judged_in_float32():
    x0, eps, t, _ = (x.float() if x.is_floating_point() else x for x in some())
    for distance in ("l2", "l1", "huber"):
        loss = diffusion.diffusion_loss(lambda x, t, c: x.bfloat16(), x0, t, ALPHA_BAR, eps, distance=distance)
        assert loss.dtype == torch.float32 and loss.isfinite()


def test_wrong_words_get_a_sentence():
    x0, eps, t, _ = some()

    def loss(**kwargs):
        return diffusion.diffusion_loss(lambda x, t, c: x, x0, t, ALPHA_BAR, eps, **kwargs)

    with pytest.raises(CourseError, match="l2, l1, huber: it is 'L2'"):
        loss(distance="L2")
    with pytest.raises(CourseError, match=r"each of the 4 images: their shape is \(3,\)"):
        loss(weight=torch.ones(3))


# ---------------------------------------------------------------- learned variance


def test_the_log_variance_runs_from_beta_tilde_to_beta():
    betas, t = diffusion.cosine_schedule(T), torch.tensor([2, 9, 30, T])
    ones = torch.ones(4, 3, 2, 2, dtype=torch.float64)
    low, middle, high = (diffusion.interpolate_log_variance(v * ones, t, ALPHA_BAR).exp() for v in (0, 0.5, 1))
    beta, beta_tilde = betas[t - 1].reshape(4, 1, 1, 1), diffusion.posterior_variance(t, ALPHA_BAR).reshape(4, 1, 1, 1)
    torch.testing.assert_close(high, beta * ones)
    torch.testing.assert_close(low, beta_tilde * ones)
    torch.testing.assert_close(middle, (beta * beta_tilde).sqrt() * ones)  # the geometric mean


def test_at_the_first_step_beta_tilde_of_the_second_stands_in():
    v = torch.zeros(1, 1, dtype=torch.float64)
    got = diffusion.interpolate_log_variance(v, torch.tensor([1]), ALPHA_BAR)
    torch.testing.assert_close(got.exp()[0], diffusion.posterior_variance(torch.tensor([2]), ALPHA_BAR))
    with pytest.raises(CourseError, match="at least two steps"):
        diffusion.interpolate_log_variance(v, torch.tensor([1]), ALPHA_BAR[:2])


def test_a_network_without_a_second_half_is_told_how_to_build_one():
    x0, eps, t, _ = some()
    with pytest.raises(CourseError, match=r"gives 6 channels.*this one gives 3.*outputs=6"):
        diffusion.hybrid_loss(lambda x, t, c: x, x0, t, ALPHA_BAR, eps)

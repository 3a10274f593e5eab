"""The samplers agree with diffusers' DDPMScheduler and DDIMScheduler: single steps and whole ways, in float64.

Two habits of theirs are translated throughout. Their step number k is our t = k + 1, because they have no number for
the clean picture. And of their three ways to space few steps, "trailing" is the one that begins at the last step of
training and ends at the picture, as ours does; the other two are compared in `test_respacing.py`.
"""

from itertools import pairwise

import pytest
import torch

from course_utils import diffusion, samplers

diffusers = pytest.importorskip("diffusers", reason="parity with diffusers: pip install diffusers")

SCHEDULES = ["linear", "squaredcos_cap_v2", "scaled_linear"]
PREDICTION = {"eps": "epsilon", "x0": "sample", "v": "v_prediction"}
VARIANCE = {"beta": "fixed_large", "beta-tilde": "fixed_small"}
SHAPE = (3, 2, 4, 4)


def double_precision(theirs):
    """Their schedule with exact products in float64, and the same as our alpha_bar (T + 1,)."""
    theirs.betas = theirs.betas.double()
    theirs.alphas_cumprod = torch.cumprod(1 - theirs.betas, 0)
    one = torch.ones((), dtype=torch.float64)
    for name in ("one", "final_alpha_cumprod", "initial_alpha_cumprod"):
        if hasattr(theirs, name):
            setattr(theirs, name, one)
    return theirs, torch.cat([one[None], theirs.alphas_cumprod])


def ddpm(schedule, T, **kwargs):
    return double_precision(
        diffusers.DDPMScheduler(
            T, beta_schedule=schedule, **{"clip_sample": False, "timestep_spacing": "trailing", **kwargs}
        )
    )


def ddim(schedule, T, cls=None, **kwargs):
    cls = cls or diffusers.DDIMScheduler
    return double_precision(
        cls(T, beta_schedule=schedule, **{"clip_sample": False, "timestep_spacing": "trailing", **kwargs})
    )


def stub(alpha_bar):
    """A predict that bends with x and t and lets a way of a thousand steps neither die out nor run away."""
    T = len(alpha_bar) - 1

    def predict(x, t):
        a = alpha_bar[diffusion.schedule_step(t, T)].reshape(-1, 1, 1, 1)
        return (1 - a).sqrt() * x + 0.2 * torch.cos(3 * x.roll(1, -1) + t.double().reshape(-1, 1, 1, 1) / 100)

    return predict


def normal(seed, *shape):
    return torch.randn(*(shape or SHAPE), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def times(x, k, alpha_bar):
    return diffusion.model_time(torch.full((len(x),), k + 1), len(alpha_bar) - 1)


def close(got, want):
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("variance", list(VARIANCE))
@pytest.mark.parametrize("kind", list(PREDICTION))
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ddpm_steps(schedule, kind, variance, clip):
    """Every target, both variances, with and without clipping, near both ends and in the middle."""
    T = 200
    theirs, alpha_bar = ddpm(
        schedule, T, prediction_type=PREDICTION[kind], variance_type=VARIANCE[variance], clip_sample=clip
    )
    model = stub(alpha_bar)
    predict = samplers.as_predict(lambda x, t, cond: model(x, t), kind=kind, alpha_bar=alpha_bar)
    for t in (1, 2, 37, T - 1, T):
        x_t = normal(t)
        z = normal(7)
        got = samplers.p_sample(predict, x_t, t, alpha_bar, z, variance=variance, clip=clip)
        output = model(x_t, times(x_t, t - 1, alpha_bar))
        want = theirs.step(output, t - 1, x_t, generator=torch.Generator().manual_seed(7))
        if kind == "eps" or clip or t < T:
            close(got, want.prev_sample)
        else:  # x0 to eps and back at alpha_bar = 1e-9: four digits are lost to the division
            torch.testing.assert_close(got, want.prev_sample, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("clip", [False, True])
def test_learned_variance_steps(schedule, clip):
    T = 100
    theirs, alpha_bar = ddpm(schedule, T, variance_type="learned_range", clip_sample=clip)
    output = normal(3, 3, 4, 4, 4).tanh()  # twice the channels: the noise, then o in [-1, 1]
    for t in (1, 2, 50, T):
        x_t, z = normal(t), normal(5, 3, 4, 4, 4)[:, :2]
        got = samplers.p_sample(lambda x, t: output, x_t, t, alpha_bar, z, variance="learned", clip=clip)
        # They would draw z themselves: a mean without it, and their log variance, give the same step.
        mean = theirs.step(output, t - 1, x_t, generator=torch.Generator()).pred_original_sample
        mean = diffusion.posterior_mean(mean, x_t, torch.full((3,), t), alpha_bar)
        log_variance = theirs._get_variance(t - 1, predicted_variance=output[:, 2:])
        close(got, mean + (0.5 * log_variance).exp() * z if t > 1 else mean)
        ours = diffusion.interpolate_log_variance((output[:, 2:] + 1) / 2, torch.full((3,), t), alpha_bar)
        if t > 1:  # at t = 1 they take log 1e-20 for beta-tilde, we beta-tilde_2, as the paper's authors did
            close(ours, log_variance)


@pytest.mark.parametrize("variance", [*VARIANCE, "learned"])
@pytest.mark.parametrize(("schedule", "T", "steps"), [("linear", 200, None), ("scaled_linear", 300, 20)])
def test_a_whole_way_of_ddpm(schedule, T, steps, variance):
    """Their loop and ours from the same x_T, each drawing from a generator with the same seed."""
    theirs, alpha_bar = ddpm(schedule, T, variance_type=VARIANCE.get(variance, "learned_range"))
    noise = stub(alpha_bar)

    def predict(x, t):
        return torch.cat([noise(x, t), x.sin()], dim=1) if variance == "learned" else noise(x, t)

    theirs.set_timesteps(steps or T)
    x_T = normal(1)
    x, generator = x_T, torch.Generator().manual_seed(11)
    for k in theirs.timesteps.tolist():
        before, x = x, theirs.step(predict(x, times(x, k, alpha_bar)), k, x, generator=generator).prev_sample
    if k > 0:
        # They leave the noise out at k = 0 alone, so with fewer steps, whose last is longer, they add some to the
        # finished picture. "fixed_small" has none to add.
        quiet, _ = ddpm(schedule, T, variance_type="fixed_small")
        quiet.set_timesteps(steps)
        x = quiet.step(noise(before, times(before, k, alpha_bar)), k, before).prev_sample
    seen = []
    got = samplers.sample_ddpm(
        predict,
        x_T,
        alpha_bar,
        torch.Generator().manual_seed(11),
        variance=variance,
        steps=steps,
        watch=lambda t, x_t, x0_hat: seen.append(t - 1),
    )
    assert seen == theirs.timesteps.tolist()
    torch.testing.assert_close(got, x, rtol=1e-7, atol=1e-7)


def test_they_add_noise_to_the_picture_when_the_last_step_is_a_long_one():
    """Lesson 04's trap, in their `fixed_large` with fewer steps: the last of 20 leads from t = 15 to the picture."""
    theirs, alpha_bar = ddpm("scaled_linear", 300, variance_type="fixed_large")
    theirs.set_timesteps(20)
    x_t, eps = normal(1), normal(2)
    got = samplers.ddpm_step(x_t, eps, 15, 0, alpha_bar, None)
    want = theirs.step(eps, 14, x_t, generator=torch.Generator().manual_seed(5)).prev_sample
    close(want, got + (1 - alpha_bar[15]).sqrt() * normal(5))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", list(PREDICTION))
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(("schedule", "steps"), [("linear", 10), ("squaredcos_cap_v2", 50), ("scaled_linear", 4)])
def test_ddim_steps(schedule, steps, clip, kind, eta):
    """Steps of several lengths. Clipped, their `use_clipped_model_output` is what we do: eps belongs to the new x0."""
    T = 200
    theirs, alpha_bar = ddim(schedule, T, prediction_type=PREDICTION[kind], clip_sample=clip)
    theirs.set_timesteps(steps)
    model = stub(alpha_bar)
    for t, s in pairwise(samplers.respace(T, steps).tolist()):
        x_t, z = normal(t), normal(t + 1)
        output = model(x_t, times(x_t, t - 1, alpha_bar))
        eps = diffusion.to_eps(kind, output, x_t, torch.full((3,), t), alpha_bar)
        if clip:
            eps = samplers.steps.clean(x_t, eps, t, alpha_bar, clip=True)[1]
        got = samplers.ddim_step(x_t, eps, t, s, alpha_bar, eta, z)
        noise = {"variance_noise": z} if eta else {}
        want = theirs.step(output, t - 1, x_t, eta=eta, use_clipped_model_output=clip, **noise)
        if kind == "eps" or t < T:
            close(got, want.prev_sample)
        else:
            torch.testing.assert_close(got, want.prev_sample, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", list(PREDICTION))
@pytest.mark.parametrize(
    ("schedule", "T", "steps"), [("linear", 1000, 20), ("squaredcos_cap_v2", 300, 300), ("scaled_linear", 50, 1)]
)
def test_a_whole_way_of_ddim(schedule, T, steps, kind, eta):
    theirs, alpha_bar = ddim(schedule, T, prediction_type=PREDICTION[kind])
    theirs.set_timesteps(steps)
    noise = stub(alpha_bar)

    def model(x, t, cond=None):  # a model of this kind that knows the same noise
        step = diffusion.schedule_step(t, T)
        eps = noise(x, t)
        x0 = diffusion.recover_x0(x, step, alpha_bar, eps)
        return diffusion.target(kind, x0, eps, step, alpha_bar)

    x_T = normal(2)
    x, generator = x_T, torch.Generator().manual_seed(3)
    for k in theirs.timesteps.tolist():
        x = theirs.step(model(x, times(x, k, alpha_bar)), k, x, eta=eta, generator=generator).prev_sample
    predict = samplers.as_predict(model, kind=kind, alpha_bar=alpha_bar)
    got = samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=eta, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(got, x, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("schedule", "T", "steps"), [("linear", 1000, 20), ("squaredcos_cap_v2", 100, 100)])
def test_ddim_backwards_is_their_inverse_scheduler(schedule, T, steps):
    """They too ask the network at the level that a step leads up to."""
    theirs, alpha_bar = ddim(schedule, T, cls=diffusers.DDIMInverseScheduler)
    theirs.set_timesteps(steps)
    predict = stub(alpha_bar)
    x0 = normal(4).clamp(-1, 1)
    x = x0
    for k in theirs.timesteps.tolist():
        x = theirs.step(predict(x, times(x, k, alpha_bar)), k, x).prev_sample
    torch.testing.assert_close(samplers.ddim_invert(predict, x0, alpha_bar, steps), x, rtol=1e-7, atol=1e-7)


def test_ddim_at_eta_1_is_ddpm_with_the_small_variance():
    """Song et al. 2020, section 4.1, and for steps of any length."""
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(60))
    for t, s in [(60, 59), (60, 20), (31, 7), (2, 1), (9, 0)]:
        x_t, eps, z = normal(t), normal(t + 100), normal(t + 200)
        want = samplers.ddpm_step(x_t, eps, t, s, alpha_bar, z, variance="beta-tilde")
        close(samplers.ddim_step(x_t, eps, t, s, alpha_bar, 1.0, z), want)

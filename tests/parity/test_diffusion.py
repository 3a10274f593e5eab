"""Schedules and the forward process agree with diffusers, element by element."""

import pytest
import torch

from course_utils import diffusion

diffusers = pytest.importorskip("diffusers", reason="parity with diffusers: pip install diffusers")


def scheduler(name, T, **kwargs):
    return diffusers.DDPMScheduler(num_train_timesteps=T, beta_schedule=name, **kwargs)


@pytest.mark.parametrize("T", [10, 150, 1000])
@pytest.mark.parametrize(
    ("name", "ours"), [("linear", diffusion.linear_schedule), ("squaredcos_cap_v2", diffusion.cosine_schedule)]
)
def test_schedules(name, ours, T):
    theirs = scheduler(name, T)
    betas = ours(T)
    torch.testing.assert_close(betas, theirs.betas.double(), rtol=1e-5, atol=1e-7)
    # Theirs is a float32 product of T factors, ours float64: compare at float32's precision.
    alpha_bar = diffusion.alpha_bars(betas)
    torch.testing.assert_close(alpha_bar[1:], theirs.alphas_cumprod.double(), rtol=3e-3, atol=1e-6)
    exact = torch.cumprod(1 - theirs.betas.double(), 0)
    torch.testing.assert_close(alpha_bar[1:], exact, rtol=3e-3, atol=1e-8)


@pytest.mark.parametrize("T", [10, 1000])
def test_q_sample_is_add_noise(T):
    theirs = scheduler("linear", T)
    theirs.alphas_cumprod = theirs.alphas_cumprod.double()
    alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), theirs.alphas_cumprod])
    generator = torch.Generator().manual_seed(0)
    x0, eps = torch.randn(2, 6, 3, 8, 8, dtype=torch.float64, generator=generator)
    t = torch.randint(1, T + 1, (6,), generator=generator)
    # Their step number k is our t = k + 1: they have no number for the clean picture.
    torch.testing.assert_close(diffusion.q_sample(x0, t, alpha_bar, eps), theirs.add_noise(x0, eps, t - 1))


def test_recover_x0_is_their_predicted_original_sample():
    theirs = scheduler("linear", 50, clip_sample=False)
    theirs.alphas_cumprod = theirs.alphas_cumprod.double()
    alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), theirs.alphas_cumprod])
    generator = torch.Generator().manual_seed(1)
    for t in (1, 17, 50):
        x_t, eps = torch.randn(2, 4, 3, 8, 8, dtype=torch.float64, generator=generator)
        want = theirs.step(eps, t - 1, x_t, generator=generator).pred_original_sample
        torch.testing.assert_close(diffusion.recover_x0(x_t, torch.full((4,), t), alpha_bar, eps), want)


def test_rescaled_to_fewer_steps_as_in_the_guided_diffusion_code():
    # Dhariwal & Nichol's linear schedule: scale = 1000 / T, from scale * 1e-4 to scale * 0.02.
    for T in (100, 250, 500):
        want = torch.linspace(1e-4 * 1000 / T, 0.02 * 1000 / T, T, dtype=torch.float64)
        torch.testing.assert_close(diffusion.mended_schedule(T), want)

"""What people answer in lesson 01 that breaks a law, and right answers of unusual shape."""

import math

import torch

from course_utils import diffusion
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


def root_of(alpha_bar, t, x):
    return alpha_bar[t].to(x).reshape(-1, 1, 1, 1)


# --- noise_one_step ---


@mistake("noise_one_step", "no gradient flows back to `x_prev`")
def step_detached(x_prev, t, betas, eps):
    return diffusion.noise_one_step(x_prev.detach(), t, betas, eps)


@mistake("noise_one_step", "`x_prev` is another one afterwards")
def step_that_cuts_its_input_off(x_prev, t, betas, eps):
    return diffusion.noise_one_step(x_prev.clamp_(-1, 1), t, betas, eps)


@mistake("noise_one_step", "pictures of shape (2,)")
def step_for_four_axes_alone(x_prev, t, betas, eps):
    beta = betas[t - 1].to(x_prev).reshape(1, 1, 1, 1)
    return (1 - beta).sqrt() * x_prev + beta.sqrt() * eps


@alternative("noise_one_step")
def step_number_by_number(x_prev, t, betas, eps):
    keep, add = (1 - betas[t - 1]).sqrt().item(), betas[t - 1].sqrt().item()
    pairs = zip(x_prev.flatten(), eps.flatten(), strict=True)
    return torch.stack([keep * x + add * e for x, e in pairs]).reshape(x_prev.shape)


# --- linear_schedule ---


@mistake("linear_schedule", "right to a few digits")
def linear_in_float32_in_disguise(T, beta_start=1e-4, beta_end=0.02):
    return torch.linspace(beta_start, beta_end, T).double()


@mistake("linear_schedule", "with T = 60")
def linear_for_the_lengths_of_the_notebook(T, beta_start=1e-4, beta_end=0.02):
    betas = torch.linspace(beta_start, beta_end, T, dtype=torch.float64)
    return betas if T in (2, 3, 5, 20, 150, 1000) else betas.flip(0)


@alternative("linear_schedule")
def linear_step_after_step(T, beta_start=1e-4, beta_end=0.02):
    return torch.tensor([beta_start + k * (beta_end - beta_start) / (T - 1) for k in range(T)], dtype=torch.float64)


# --- alpha_bars ---


@mistake("alpha_bars", "right to a few digits")
def bars_in_float32_in_disguise(betas):
    return torch.nn.functional.pad(torch.cumprod(1 - betas.float(), 0), (1, 0), value=1.0).to(betas)


@mistake("alpha_bars", "`betas` is another one afterwards")
def bars_in_place(betas):
    return torch.cat([torch.ones_like(betas[:1]), betas.neg_().add_(1).cumprod(0)])


@alternative("alpha_bars")
def bars_each_from_the_beginning(betas):
    return torch.stack([(1 - betas[:t]).prod() for t in range(len(betas) + 1)])


# --- q_sample ---


@mistake("q_sample", "no gradient flows back to `eps`")
def jump_with_detached_noise(x0, t, alpha_bar, eps):
    return diffusion.q_sample(x0, t, alpha_bar, eps.detach())


@mistake("q_sample", "only a part of the gradient flows back to `x0`")
def jump_with_half_a_gradient(x0, t, alpha_bar, eps):
    return diffusion.q_sample(x0 / 2 + x0.detach() / 2, t, alpha_bar, eps)


@mistake("q_sample", "no gradient flows back")
def jump_under_no_grad(x0, t, alpha_bar, eps):
    with torch.no_grad():
        x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    return x_t.requires_grad_()


@mistake("q_sample", "use `.reshape`")
def jump_through_a_view(x0, t, alpha_bar, eps):
    a = alpha_bar[t].to(x0)[:, None]
    return (a.sqrt() * x0.view(len(x0), -1) + (1 - a).sqrt() * eps.view(len(x0), -1)).view(x0.shape)


@mistake("q_sample", "comes out otherwise alone")
def jump_with_sorted_steps(x0, t, alpha_bar, eps):
    return diffusion.q_sample(x0, t.sort().values, alpha_bar, eps)


@mistake("q_sample", "it should have shape (1,")
def jump_that_loses_the_batch_of_one(x0, t, alpha_bar, eps):
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    return x_t[0] if len(x_t) == 1 and x0.shape[1] < 3 else x_t


@mistake("q_sample", "`x0` is another one afterwards")
def jump_that_cuts_the_picture_off(x0, t, alpha_bar, eps):
    return diffusion.q_sample(x0.clamp_(-1, 1), t, alpha_bar, eps)


@mistake("q_sample", "with T = 510")
def jump_for_at_most_500_steps(x0, t, alpha_bar, eps):
    return diffusion.q_sample(x0, t.clamp(max=500), alpha_bar, eps)


@alternative("q_sample")
def jump_with_addcmul(x0, t, alpha_bar, eps):
    a = root_of(alpha_bar, t, x0).expand_as(x0)
    return torch.addcmul(x0 * a.sqrt(), (1 - a).sqrt(), eps)


@alternative("q_sample")
def jump_on_float32_coefficients(x0, t, alpha_bar, eps):
    keep, add = (v.float()[t].reshape(-1, 1, 1, 1).to(x0) for v in (alpha_bar.sqrt(), (1 - alpha_bar).sqrt()))
    return keep * x0 + add * eps


@alternative("q_sample")
def jump_into_an_empty_tensor(x0, t, alpha_bar, eps):
    x_t = torch.empty_like(x0)
    for i, step in enumerate(t):
        x_t[i] = alpha_bar[step].sqrt() * x0[i] + (1 - alpha_bar[step]).sqrt() * eps[i]
    return x_t


# --- recover_x0 ---


@mistake("recover_x0", "no gradient flows back to `eps`")
def recovery_with_detached_noise(x_t, t, alpha_bar, eps):
    return diffusion.recover_x0(x_t, t, alpha_bar, eps.detach())


@mistake("recover_x0", "float64, it should be float32")
def recovery_in_float64(x_t, t, alpha_bar, eps):
    return diffusion.recover_x0(x_t.double(), t, alpha_bar, eps.double())


@mistake("recover_x0", "`x_t` is another one afterwards")
def recovery_in_place(x_t, t, alpha_bar, eps):
    a = root_of(alpha_bar, t, x_t)
    return x_t.sub_((1 - a).sqrt() * eps) / a.sqrt()


@mistake("recover_x0", "use `.reshape`")
def recovery_through_a_view(x_t, t, alpha_bar, eps):
    a = alpha_bar[t].to(x_t)[:, None]
    flat = (x_t.view(len(x_t), -1) - (1 - a).sqrt() * eps.view(len(x_t), -1)) / a.sqrt()
    return flat.view(x_t.shape)


@alternative("recover_x0")
def recovery_picture_by_picture(x_t, t, alpha_bar, eps):
    levels = [float(alpha_bar[step]) for step in t]
    pairs = zip(levels, x_t, eps, strict=True)
    return torch.stack([(x - math.sqrt(1 - a) * e) / math.sqrt(a) for a, x, e in pairs])


# --- snr ---


@mistake("snr", "right to a few digits")
def snr_in_float32_in_disguise(alpha_bar):
    a = alpha_bar.float()
    return (a / (1 - a)).to(alpha_bar) if alpha_bar.numel() > 10 else alpha_bar / (1 - alpha_bar)


@mistake("snr", "`alpha_bar` is another one afterwards")
def snr_in_place(alpha_bar):
    return 1 / alpha_bar.reciprocal_().sub_(1)


@alternative("snr")
def snr_through_logarithms(alpha_bar):
    return (alpha_bar.log() - torch.log1p(-alpha_bar)).exp()


# --- cosine_schedule, sigmoid_schedule, mended_schedule ---


@mistake("cosine_schedule", "with s = 0.1, beta_max = 0.5")
def cosine_whose_settings_do_not_meet(T, s=0.008, beta_max=0.999):
    return diffusion.cosine_schedule(T, s if beta_max == 0.999 else 0.008, beta_max)


@mistake("cosine_schedule", "with T = 510")
def cosine_of_at_most_500_steps(T, s=0.008, beta_max=0.999):
    betas = diffusion.cosine_schedule(T, s, beta_max)
    return betas if T in (20, 1000) or T <= 500 else betas[:500]


@alternative("cosine_schedule")
def cosine_in_a_loop(T, s=0.008, beta_max=0.999):
    betas, before = torch.empty(T, dtype=torch.float64), math.cos(s / (1 + s) * math.pi / 2) ** 2
    for t in range(1, T + 1):
        now = math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2
        betas[t - 1], before = min(1 - now / before, beta_max), now
    return betas


@mistake("sigmoid_schedule", "is `tau` ignored")
def sigmoid_that_forgets_tau_when_the_start_is_given(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    return diffusion.sigmoid_schedule(T, start, end, tau if start == -3.0 else 1.0, beta_max)


@mistake("sigmoid_schedule", "right to a few digits")
def sigmoid_in_float32_in_disguise(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    betas = diffusion.sigmoid_schedule(T, start, end, tau, beta_max)
    return betas.float().double()


@mistake("mended_schedule", "the result is float32")
def mended_in_float32(T):
    return diffusion.mended_schedule(T).float()

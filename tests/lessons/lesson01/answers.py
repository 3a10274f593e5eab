"""What people answer in lesson 01."""

import math

import torch

from course_utils import diffusion
from tests.lessons.lesson01.lawless import ANSWERS  # those that break a law are in it already

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


def image_shape(a):
    return a.reshape(-1, 1, 1, 1)


# --- noise_one_step ---


@mistake("noise_one_step", "are the two square roots missing")
def step_without_roots(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return (1 - b) * x_prev + b * eps


@mistake("noise_one_step", "two square roots are swapped")
def step_with_swapped_roots(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return b.sqrt() * x_prev + (1 - b).sqrt() * eps


@mistake("noise_one_step", "root of beta missing")
def step_without_root_of_beta(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return (1 - b).sqrt() * x_prev + b * eps


@mistake("noise_one_step", "root of 1 - beta missing")
def step_without_root_of_rest(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return (1 - b) * x_prev + b.sqrt() * eps


@mistake("noise_one_step", "not shrunk to make room")
def step_that_only_adds(x_prev, t, betas, eps):
    return x_prev + betas[t - 1].to(x_prev).sqrt() * eps


@mistake("noise_one_step", "t counts from 1")
def step_with_next_beta(x_prev, t, betas, eps):
    b = betas[min(t, len(betas) - 1)].to(x_prev)
    return (1 - b).sqrt() * x_prev + b.sqrt() * eps


@mistake("noise_one_step", "subtracted")
def step_that_subtracts(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return (1 - b).sqrt() * x_prev - b.sqrt() * eps


@mistake("noise_one_step", "should be float32")
def step_in_float64(x_prev, t, betas, eps):
    b = betas[t - 1].reshape(1, 1, 1, 1)  # a tensor of shape (1, 1, 1, 1) in float64 lifts the images to float64
    return (1 - b).sqrt() * x_prev + b.sqrt() * eps


@mistake("noise_one_step", "changes the tensors")
def step_in_place(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return x_prev.mul_((1 - b).sqrt()).add_(b.sqrt() * eps)


@mistake("noise_one_step", "draw none")
def step_with_its_own_noise(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return (1 - b).sqrt() * x_prev + b.sqrt() * torch.randn_like(x_prev)


@mistake("noise_one_step", "all of eps is added")
def step_with_all_the_noise(x_prev, t, betas, eps):
    return (1 - betas[t - 1].to(x_prev)).sqrt() * x_prev + eps


@mistake("noise_one_step", "parentheses are missing")
def step_without_parentheses(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return 1 - b.sqrt() * x_prev + b.sqrt() * eps


@mistake("noise_one_step", "cut off at -1 and 1")
def step_cut_off(x_prev, t, betas, eps):
    b = betas[t - 1].to(x_prev)
    return ((1 - b).sqrt() * x_prev + b.sqrt() * eps).clamp(-1, 1)


@mistake("noise_one_step", "a single step needs beta_t")
def step_that_jumps(x_prev, t, betas, eps):
    a = torch.cumprod(1 - betas, 0)[t - 1].to(x_prev)
    return a.sqrt() * x_prev + (1 - a).sqrt() * eps


@alternative("noise_one_step")
def step_with_floats(x_prev, t, betas, eps):
    b = float(betas[t - 1])
    return math.sqrt(1 - b) * x_prev + math.sqrt(b) * eps


@alternative("noise_one_step")
def step_with_lerp_of_scaled(x_prev, t, betas, eps):
    angle = betas[t - 1].sqrt().asin().to(x_prev.dtype)
    return torch.cos(angle) * x_prev + torch.sin(angle) * eps


# --- linear_schedule ---


@mistake("linear_schedule", "last beta is missing")
def linear_without_end(T, beta_start=1e-4, beta_end=0.02):
    return beta_start + (beta_end - beta_start) * torch.arange(T, dtype=torch.float64) / T


@mistake("linear_schedule", "are swapped")
def linear_backwards(T, beta_start=1e-4, beta_end=0.02):
    return torch.linspace(beta_end, beta_start, T, dtype=torch.float64)


@mistake("linear_schedule", "1001 betas")
def linear_with_one_too_many(T, beta_start=1e-4, beta_end=0.02):
    return torch.linspace(beta_start, beta_end, T + 1, dtype=torch.float64)


@mistake("linear_schedule", "geometric")
def linear_in_the_logarithm(T, beta_start=1e-4, beta_end=0.02):
    return torch.logspace(math.log10(beta_start), math.log10(beta_end), T, dtype=torch.float64)


@mistake("linear_schedule", "make no difference")
def linear_with_fixed_ends(T, beta_start=1e-4, beta_end=0.02):
    return torch.linspace(1e-4, 0.02, T, dtype=torch.float64)


@mistake("linear_schedule", "square roots of the betas are evenly spaced")
def linear_in_the_root(T, beta_start=1e-4, beta_end=0.02):
    return torch.linspace(beta_start**0.5, beta_end**0.5, T, dtype=torch.float64) ** 2


@mistake("linear_schedule", "should return beta")
def linear_alphas(T, beta_start=1e-4, beta_end=0.02):
    return 1 - torch.linspace(beta_start, beta_end, T, dtype=torch.float64)


@mistake("linear_schedule", "should return a tensor")
def linear_as_a_list(T, beta_start=1e-4, beta_end=0.02):
    return [beta_start + (beta_end - beta_start) * i / (T - 1) for i in range(T)]


@mistake("linear_schedule", "beta_1 should be beta_start itself")
def linear_one_step_late(T, beta_start=1e-4, beta_end=0.02):
    return torch.linspace(beta_start, beta_end, T + 1, dtype=torch.float64)[1:]


@mistake("linear_schedule", "float32")
def linear_in_float32(T, beta_start=1e-4, beta_end=0.02):
    return torch.linspace(beta_start, beta_end, T)


@alternative("linear_schedule")
def linear_by_its_formula(T, beta_start=1e-4, beta_end=0.02):
    t = torch.arange(1, T + 1, dtype=torch.float64)
    return beta_start + (beta_end - beta_start) * (t - 1) / (T - 1)


@alternative("linear_schedule")
def linear_by_hand(T, beta_start=1e-4, beta_end=0.02):
    share = torch.arange(T, dtype=torch.float64) / max(T - 1, 1)
    return (1 - share) * beta_start + share * beta_end


# --- alpha_bars ---


@mistake("alpha_bars", "put a 1 in front")
def bars_without_the_start(betas):
    return torch.cumprod(1 - betas, 0)


@mistake("alpha_bars", "product is over alpha")
def bars_of_betas(betas):
    return torch.cat([torch.ones_like(betas[:1]), torch.cumprod(betas, 0)])


@mistake("alpha_bars", "they do not add")
def bars_by_adding(betas):
    return torch.cat([torch.ones_like(betas[:1]), 1 - torch.cumsum(betas, 0)])


@mistake("alpha_bars", "still has to be multiplied up")
def bars_not_multiplied(betas):
    return torch.cat([torch.ones_like(betas[:1]), 1 - betas])


@mistake("alpha_bars", "no root here")
def bars_of_roots(betas):
    return torch.cat([torch.ones_like(betas[:1]), torch.cumprod((1 - betas).sqrt(), 0)])


@mistake("alpha_bars", "it should be 1")
def bars_from_zero(betas):
    return torch.cat([torch.zeros_like(betas[:1]), torch.cumprod(1 - betas, 0)])


@mistake("alpha_bars", "one step late")
def bars_one_step_late(betas):
    one = torch.ones_like(betas[:1])
    return torch.cat([one, one, torch.cumprod(1 - betas, 0)[:-1]])


@mistake("alpha_bars", "float64")
def bars_in_float32(betas):
    alpha_bar = torch.cumprod(1 - betas.float(), 0)
    return torch.cat([torch.ones(1), alpha_bar])


@mistake("alpha_bars", "what is left of the picture")
def bars_of_the_noise(betas):
    return torch.cat([torch.ones_like(betas[:1]), 1 - torch.cumprod(1 - betas, 0)])


@alternative("alpha_bars")
def bars_through_logarithms(betas):
    logs = torch.log1p(-betas).cumsum(0)
    return torch.nn.functional.pad(logs, (1, 0)).exp()


@alternative("alpha_bars")
def bars_in_a_loop(betas):
    values = [torch.ones((), dtype=betas.dtype)]
    for beta in betas:
        values.append(values[-1] * (1 - beta))
    return torch.stack(values)


# --- q_sample ---


@mistake("q_sample", "are the two roots swapped")
def jump_with_swapped_roots(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return (1 - a).sqrt() * x0 + a.sqrt() * eps


@mistake("q_sample", "are the two square roots missing")
def jump_without_roots(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return a * x0 + (1 - a) * eps


@mistake("q_sample", "root of 1 - alpha_bar missing")
def jump_without_noise_root(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return a.sqrt() * x0 + (1 - a) * eps


@mistake("q_sample", "not 1 minus the root")
def jump_with_one_minus_root(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0).sqrt())
    return a * x0 + (1 - a) * eps


@mistake("q_sample", "this is the step before")
def jump_one_step_short(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[(t - 1).clamp(min=0)].to(x0))
    return a.sqrt() * x0 + (1 - a).sqrt() * eps


@mistake("q_sample", "the picture has to shrink")
def jump_that_only_adds(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return x0 + (1 - a).sqrt() * eps


@mistake("q_sample", "subtracted")
def jump_that_subtracts(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return a.sqrt() * x0 - (1 - a).sqrt() * eps


@mistake("q_sample", "use the whole of t")
def jump_with_the_first_step_for_all(x0, t, alpha_bar, eps):
    a = alpha_bar[t[0]].to(x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps


@mistake("q_sample", "column w of every picture")
def jump_on_the_last_axis(x0, t, alpha_bar, eps):
    a = alpha_bar[t].to(x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * eps


@mistake("q_sample", "should be float32")
def jump_in_float64(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t])
    return a.sqrt() * x0 + (1 - a).sqrt() * eps


@mistake("q_sample", "no gradient")
def jump_without_gradient(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return a.sqrt() * x0.detach() + (1 - a).sqrt() * eps


@mistake("q_sample", "changes the tensors")
def jump_in_place(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    x0 *= a.sqrt()
    return x0 + (1 - a).sqrt() * eps


@mistake("q_sample", "raises NameError")
def jump_with_a_typing_error(x0, t, alpha_bar, eps):
    return alpha_baar[t] * x0  # noqa: F821


@mistake("q_sample", "draw none")
def jump_with_its_own_noise(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return a.sqrt() * x0 + (1 - a).sqrt() * torch.randn_like(x0)


@mistake("q_sample", "all of eps is added")
def jump_with_all_the_noise(x0, t, alpha_bar, eps):
    return image_shape(alpha_bar[t].to(x0)).sqrt() * x0 + eps


@mistake("q_sample", "this is a single step")
def jump_of_one_step(x0, t, alpha_bar, eps):
    a = image_shape((alpha_bar[t] / alpha_bar[(t - 1).clamp(min=0)]).to(x0))
    return a.sqrt() * x0 + (1 - a).sqrt() * eps


@mistake("q_sample", "cut off at -1 and 1")
def jump_cut_off(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return (a.sqrt() * x0 + (1 - a).sqrt() * eps).clamp(-1, 1)


@mistake("q_sample", "mixes devices")
def jump_on_the_cpu(x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    return a.sqrt() * x0 + (1 - a).sqrt() * eps + torch.zeros(x0.shape)


@alternative("q_sample")
def jump_in_a_loop(x0, t, alpha_bar, eps):
    coefficients = [float(alpha_bar[step]) for step in t.tolist()]
    return torch.stack([math.sqrt(a) * x + math.sqrt(1 - a) * e for a, x, e in zip(coefficients, x0, eps, strict=True)])


@alternative("q_sample")
def jump_with_none_index(x0, t, alpha_bar, eps):
    a = alpha_bar.to(x0.dtype)[t][:, None, None, None]
    return a**0.5 * x0 + (1 - a) ** 0.5 * eps


@alternative("q_sample")
def jump_with_einsum(x0, t, alpha_bar, eps):
    a = alpha_bar[t].to(x0.dtype)
    return torch.einsum("b,bchw->bchw", a.sqrt(), x0) + torch.einsum("b,bchw->bchw", (1 - a).sqrt(), eps)


# --- recover_x0 ---


@mistake("recover_x0", "still has to be divided")
def recovery_without_division(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return x_t - (1 - a).sqrt() * eps


@mistake("recover_x0", "both terms have to be divided")
def recovery_with_one_division(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return x_t / a.sqrt() - (1 - a).sqrt() * eps


@mistake("recover_x0", "should be subtracted")
def recovery_that_adds(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return (x_t + (1 - a).sqrt() * eps) / a.sqrt()


@mistake("recover_x0", "too bright")
def recovery_divided_by_alpha_bar(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return (x_t - (1 - a).sqrt() * eps) / a


@mistake("recover_x0", "two roots are swapped")
def recovery_with_swapped_roots(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return (x_t - a.sqrt() * eps) / (1 - a).sqrt()


@mistake("recover_x0", "all of eps")
def recovery_of_all_noise(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return (x_t - eps) / a.sqrt()


@mistake("recover_x0", "reshape alpha_bar[t]")
def recovery_on_the_last_axis(x_t, t, alpha_bar, eps):
    a = alpha_bar[t].to(x_t)
    return (x_t - (1 - a).sqrt() * eps) / a.sqrt()


@mistake("recover_x0", "parentheses are missing")
def recovery_without_parentheses(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return x_t - (1 - a).sqrt() * eps / a.sqrt()


@mistake("recover_x0", "undoes the step before")
def recovery_of_the_step_before(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[(t - 1).clamp(min=0)].to(x_t))
    return (x_t - (1 - a).sqrt() * eps) / a.sqrt()


@mistake("recover_x0", "both square roots are missing")
def recovery_without_roots(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return (x_t - (1 - a) * eps) / a


@mistake("recover_x0", "cut off at -1 and 1")
def recovery_cut_off(x_t, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x_t))
    return ((x_t - (1 - a).sqrt() * eps) / a.sqrt()).clamp(-1, 1)


@alternative("recover_x0")
def recovery_from_the_ratio(x_t, t, alpha_bar, eps):
    a = alpha_bar[t].view(-1, 1, 1, 1).to(x_t.dtype)
    return a.rsqrt() * x_t - (1 / a - 1).sqrt() * eps


# --- snr ---


@mistake("snr", "turn the fraction around")
def snr_upside_down(alpha_bar):
    return (1 - alpha_bar) / alpha_bar


@mistake("snr", "ratio of amplitudes")
def snr_with_roots(alpha_bar):
    return alpha_bar.sqrt() / (1 - alpha_bar).sqrt()


@mistake("snr", "this is the logarithm")
def snr_logarithm(alpha_bar):
    return torch.logit(alpha_bar)


@mistake("snr", "are variances already")
def snr_squared(alpha_bar):
    return alpha_bar**2 / (1 - alpha_bar) ** 2


@mistake("snr", "add no small number")
def snr_with_an_epsilon(alpha_bar):
    return alpha_bar / (1 - alpha_bar + 1e-8)


@alternative("snr")
def snr_through_the_inverse(alpha_bar):
    return 1 / (1 / alpha_bar - 1)


# --- cosine_schedule ---


def betas_from(level, beta_max):
    return (1 - level[1:] / level[:-1]).clamp(max=beta_max)


def unit(T):
    return torch.linspace(0, 1, T + 1, dtype=torch.float64)


@mistake("cosine_schedule", "fall like its square")
def cosine_without_square(T, s=0.008, beta_max=0.999):
    return betas_from(torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2), beta_max)


@mistake("cosine_schedule", "offset s is missing")
def cosine_without_offset(T, s=0.008, beta_max=0.999):
    return betas_from(torch.cos(unit(T) * torch.pi / 2) ** 2, beta_max)


@mistake("cosine_schedule", "not divided out")
def cosine_with_half_an_offset(T, s=0.008, beta_max=0.999):
    return betas_from(torch.cos((unit(T) + s) * torch.pi / 2) ** 2, beta_max)


@mistake("cosine_schedule", "this is alpha_bar")
def cosine_alpha_bar(T, s=0.008, beta_max=0.999):
    f = torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2) ** 2
    return f / f[0]


@mistake("cosine_schedule", "divide by the alpha_bar before")
def cosine_total_noise(T, s=0.008, beta_max=0.999):
    f = torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2) ** 2
    return 1 - (f / f[0])[1:]


@mistake("cosine_schedule", "not cut off")
def cosine_not_cut_off(T, s=0.008, beta_max=0.999):
    f = torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2) ** 2
    return 1 - f[1:] / f[:-1]


@mistake("cosine_schedule", "1 minus the quotient")
def cosine_quotients(T, s=0.008, beta_max=0.999):
    f = torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2) ** 2
    return f[1:] / f[:-1]


@mistake("cosine_schedule", "upside down")
def cosine_upside_down(T, s=0.008, beta_max=0.999):
    f = torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2) ** 2
    return (1 - f[:-1] / f[1:]).clamp(max=beta_max)


@mistake("cosine_schedule", "is float32")
def cosine_in_float32(T, s=0.008, beta_max=0.999):
    return betas_from(torch.cos((torch.linspace(0, 1, T + 1) + s) / (1 + s) * torch.pi / 2) ** 2, beta_max)


@mistake("cosine_schedule", "with beta_max = 0.5 the largest beta is 1.00")
def cosine_with_fixed_cut(T, s=0.008, beta_max=0.999):
    return betas_from(torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2) ** 2, 0.999)


@mistake("cosine_schedule", "at t =")
def cosine_of_something_else(T, s=0.008, beta_max=0.999):
    return betas_from(torch.cos((unit(T) + s) / (1 + s) * torch.pi / 2) ** 3, beta_max)


@mistake("cosine_schedule", "is s used, and twice")
def cosine_with_fixed_offset(T, s=0.008, beta_max=0.999):
    return betas_from(torch.cos((unit(T) + 0.008) / 1.008 * torch.pi / 2) ** 2, beta_max)


@alternative("cosine_schedule")
def cosine_through_alpha_bar(T, s=0.008, beta_max=0.999):
    def alpha_bar(t):
        return math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2

    return torch.tensor([min(1 - alpha_bar(t + 1) / alpha_bar(t), beta_max) for t in range(T)], dtype=torch.float64)


# --- sigmoid_schedule ---


@mistake("sigmoid_schedule", "does not reach 0")
def sigmoid_unshifted(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    return betas_from(1 - torch.sigmoid((start + (end - start) * unit(T)) / tau), beta_max)


@mistake("sigmoid_schedule", "it is alpha_bar that falls")
def sigmoid_of_betas(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    return 1e-4 + (0.02 - 1e-4) * torch.sigmoid(torch.linspace(start, end, T, dtype=torch.float64) / tau)


@mistake("sigmoid_schedule", "is `tau` used")
def sigmoid_without_temperature(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    v = start + (end - start) * unit(T)
    return betas_from(torch.sigmoid(v[-1]) - torch.sigmoid(v), beta_max)


@mistake("sigmoid_schedule", "is `start` used")
def sigmoid_with_fixed_start(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    v = (-3 + (end + 3) * unit(T)) / tau
    return betas_from(torch.sigmoid(v[-1]) - torch.sigmoid(v), beta_max)


@mistake("sigmoid_schedule", "turn it into betas")
def sigmoid_alpha_bar(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    s = torch.sigmoid((start + (end - start) * unit(T)) / tau)
    return (s[-1] - s) / (s[-1] - s[0])


@alternative("sigmoid_schedule")
def sigmoid_through_tanh(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    v = torch.tanh((start + (end - start) * unit(T)) / (2 * tau))
    level = (v[-1] - v) / (v[-1] - v[0])
    return 1 - torch.maximum(level[1:] / level[:-1], torch.tensor(1 - beta_max))


@mistake("sigmoid_schedule", "not cut off")
def sigmoid_not_cut_off(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    v = (start + (end - start) * unit(T)) / tau
    f = torch.sigmoid(v[-1]) - torch.sigmoid(v)
    return 1 - f[1:] / f[:-1]


@mistake("sigmoid_schedule", "a part is float32")
def sigmoid_with_a_float32_end(T, start=-3.0, end=3.0, tau=1.0, beta_max=0.999):
    f = torch.sigmoid(torch.tensor(end / tau)) - torch.sigmoid((start + (end - start) * unit(T)) / tau)
    f = torch.cat([f[:-1], torch.zeros_like(f[:1])])
    return betas_from(f, beta_max)


# --- mended_schedule ---


@mistake("mended_schedule", "at most 0.999")
def mended_up_to_one(T):
    return diffusion.linear_schedule(T, 0.1 / T, 20 / T).clamp(max=1)


@mistake("mended_schedule", "do the work of ten")
def mended_by_shifting_the_root(T):
    """Lin et al. 2023, algorithm 1, stopped a little short of zero: it mends the end and not the way there."""
    if T == 1000:
        return diffusion.linear_schedule(T)
    root = diffusion.alpha_bars(diffusion.linear_schedule(T)).sqrt()
    shifted = (root - root[-1]) / (1 - root[-1]) + 1e-3
    level = shifted.square()
    return (1 - level[1:] / level[:-1]).clamp(1e-6, 0.999)


@mistake("mended_schedule", "still the old schedule")
def not_mended(T):
    return diffusion.linear_schedule(T)


@mistake("mended_schedule", "should end below 0.002")
def mended_too_little(T):
    return diffusion.linear_schedule(T, 1e-4, min(0.02 * (1000 / T) ** 0.5, 0.999))


@mistake("mended_schedule", "do the work of ten")
def mended_at_the_end_alone(T):
    betas = diffusion.linear_schedule(T)
    if T < 1000:
        betas[-10:] = 0.9
    return betas


@mistake("mended_schedule", "lies between 0 and 1")
def mended_beyond_one(T):
    return diffusion.linear_schedule(T, 0.1 / T, 20 / T)


@mistake("mended_schedule", "where nothing was wrong")
def mended_for_all(T):
    return diffusion.linear_schedule(T, 1e-4, 0.999)


@mistake("mended_schedule", "do the work of ten")
def mended_with_the_wrong_start(T):
    return diffusion.linear_schedule(T, 1e-4, 0.02) if T == 1000 else diffusion.linear_schedule(T, 0.5, 0.6)


@alternative("mended_schedule")
def mended_by_respacing(T):
    long = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    level = long[torch.linspace(0, 1000, T + 1).round().long()]
    return 1 - level[1:] / level[:-1]


@alternative("mended_schedule")
def mended_with_the_exact_root(T):
    long = diffusion.linear_schedule(1000)
    times = torch.linspace(0, 999, T, dtype=torch.float64).round().long()
    return (1 - (1 - long[times]) ** (1000 / T)).clamp(max=0.999)

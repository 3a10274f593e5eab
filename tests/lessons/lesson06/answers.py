"""What people answer in lesson 06."""

import itertools
import math

import torch

from course_utils import diffusion, samplers
from tests.lessons.lesson06.lawless import ANSWERS  # those that break a law are in it already

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


def image_shape(a):
    return a.reshape(-1, 1, 1, 1)


def model_time(x, t, alpha_bar):
    return torch.full((len(x),), 1000 * t / (len(alpha_bar) - 1))


# --- respace ---


@mistake("respace", "rather than fences")
def respace_without_the_end(T, steps):
    return torch.linspace(T, T / steps, steps).round().long()


@mistake("respace", "the times rise")
def respace_upwards(T, steps):
    return torch.linspace(0, T, steps + 1).round().long()


@mistake("respace", "first time is 999")
def respace_from_999(T, steps):
    return torch.linspace(T - 1, 0, steps + 1).round().long()


@mistake("respace", "some noise stays")
def respace_down_to_one(T, steps):
    return torch.linspace(T, 1, steps + 1).round().long()


@mistake("respace", "although 1000 is no multiple of 7")
def respace_with_a_whole_stride(T, steps):
    return T - torch.arange(steps + 1) * (T // steps)


@mistake("respace", "do not cut off")
def respace_cut_off(T, steps):
    return torch.linspace(T, 0, steps + 1, dtype=torch.float64).long()


@mistake("respace", "holds fractions")
def respace_not_rounded(T, steps):
    return torch.linspace(T, 0, steps + 1)


@mistake("respace", "as indices")
def respace_of_floats(T, steps):
    return torch.linspace(T, 0, steps + 1, dtype=torch.float64).round()


@mistake("respace", "should return a tensor")
def respace_as_a_list(T, steps):
    return [round(T - T * k / steps) for k in range(steps + 1)]


@mistake("respace", "no multiple of 7")
def respace_with_python_range(T, steps):
    return torch.tensor(list(range(T, -1, -(T // steps))))


@alternative("respace")
def respace_with_whole_numbers(T, steps):
    return torch.tensor([(2 * T * k + steps) // (2 * steps) for k in range(steps, -1, -1)])


@alternative("respace")
def respace_flipped(T, steps):
    return torch.linspace(0, T, steps + 1, dtype=torch.float64).round().long().flip(0)


# --- ddim_sigma ---


def fractions(t, s, alpha_bar):
    """What is left of the old noise, and the fresh noise of the step, as variances."""
    return (1 - alpha_bar[s]) / (1 - alpha_bar[t]), 1 - alpha_bar[t] / alpha_bar[s]


@mistake("ddim_sigma", "this is the variance: sigma")
def sigma_squared(t, s, alpha_bar, eta=1.0):
    a, b = fractions(t, s, alpha_bar)
    return eta * a * b


@mistake("ddim_sigma", "eta is missing")
def sigma_without_eta(t, s, alpha_bar, eta=1.0):
    a, b = fractions(t, s, alpha_bar)
    return (a * b).sqrt()


@mistake("ddim_sigma", "eta went under the root")
def sigma_with_eta_inside(t, s, alpha_bar, eta=1.0):
    a, b = fractions(t, s, alpha_bar)
    return (eta * a * b).sqrt()


@mistake("ddim_sigma", "first fraction is missing")
def sigma_of_beta(t, s, alpha_bar, eta=1.0):
    return eta * fractions(t, s, alpha_bar)[1].sqrt()


@mistake("ddim_sigma", "upside down")
def sigma_upside_down(t, s, alpha_bar, eta=1.0):
    a, b = fractions(t, s, alpha_bar)
    return eta * (b / a).sqrt()


@mistake("ddim_sigma", "no quotient")
def sigma_with_all_the_noise(t, s, alpha_bar, eta=1.0):
    a, _ = fractions(t, s, alpha_bar)
    return eta * (a * (1 - alpha_bar[t])).sqrt()


@mistake("ddim_sigma", "only the first factor is under the root")
def sigma_with_half_a_root(t, s, alpha_bar, eta=1.0):
    a, b = fractions(t, s, alpha_bar)
    return eta * a.sqrt() * b


@mistake("ddim_sigma", "wrong way round")
def sigma_of_the_wrong_quotient(t, s, alpha_bar, eta=1.0):
    a, _ = fractions(t, s, alpha_bar)
    return eta * (a * (1 - alpha_bar[s] / alpha_bar[t])).sqrt()


@mistake("ddim_sigma", "use s")
def sigma_of_a_single_step(t, s, alpha_bar, eta=1.0):
    a, b = fractions(t, t - 1, alpha_bar)
    return eta * (a * b).sqrt()


@alternative("ddim_sigma")
def sigma_with_floats(t, s, alpha_bar, eta=1.0):
    a_t, a_s = float(alpha_bar[t]), float(alpha_bar[s])
    return eta * math.sqrt((1 - a_s) / (1 - a_t)) * math.sqrt(1 - a_t / a_s)


@alternative("ddim_sigma")
def sigma_of_differences(t, s, alpha_bar, eta=1.0):
    a_t, a_s = alpha_bar[t], alpha_bar[s]
    return eta * torch.sqrt((1 - a_s) * (a_s - a_t) / ((1 - a_t) * a_s))


# --- ddim_step ---


def guess_x0(x_t, eps, t, alpha_bar):
    a = alpha_bar[t].to(x_t)
    return (x_t - (1 - a).sqrt() * eps) / a.sqrt()


def sigma_of(t, s, alpha_bar, eta):
    a, b = fractions(t, s, alpha_bar)
    return eta * (a * b).sqrt()


def fresh(sigma, z):
    return 0 if z is None else sigma * z


@mistake("ddim_step", "guess at x0 itself")
def step_to_the_guess(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return guess_x0(x_t, eps, t, alpha_bar)


@mistake("ddim_step", "noise of step s is missing")
def step_without_noise(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return alpha_bar[s].sqrt() * guess_x0(x_t, eps, t, alpha_bar)


@mistake("ddim_step", "t and s are swapped")
def step_the_other_way(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return free_step(x_t, eps, s, t, alpha_bar, eta, z)


def free_step(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    """The right step, without looking whether t is above s."""
    sigma = 0 if eta == 0 else sigma_of(t, s, alpha_bar, eta)
    a_s = alpha_bar[s]
    return a_s.sqrt() * guess_x0(x_t, eps, t, alpha_bar) + (1 - a_s - sigma**2).sqrt() * eps + fresh(sigma, z)


@mistake("ddim_step", "full strength: at step s")
def step_that_keeps_the_guess_bright(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return guess_x0(x_t, eps, t, alpha_bar) + (1 - alpha_bar[s]).sqrt() * eps


@mistake("ddim_step", "x_t goes straight")
def step_from_x_t(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return alpha_bar[s].sqrt() * x_t + (1 - alpha_bar[s]).sqrt() * eps


@mistake("ddim_step", "eta makes no difference")
def step_without_eta(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return alpha_bar[s].sqrt() * guess_x0(x_t, eps, t, alpha_bar) + (1 - alpha_bar[s]).sqrt() * eps


@mistake("ddim_step", "too loud")
def step_that_only_adds(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    sigma, a_s = sigma_of(t, s, alpha_bar, eta), alpha_bar[s]
    return a_s.sqrt() * guess_x0(x_t, eps, t, alpha_bar) + (1 - a_s).sqrt() * eps + fresh(sigma, z)


@mistake("ddim_step", "it is sigma squared")
def step_with_sigma_under_the_root(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    sigma, a_s = sigma_of(t, s, alpha_bar, eta), alpha_bar[s]
    kept = (1 - a_s - sigma).clamp(min=0).sqrt()
    return a_s.sqrt() * guess_x0(x_t, eps, t, alpha_bar) + kept * eps + fresh(sigma, z)


@mistake("ddim_step", "add sigma times z")
def step_without_z(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    sigma, a_s = sigma_of(t, s, alpha_bar, eta), alpha_bar[s]
    return a_s.sqrt() * guess_x0(x_t, eps, t, alpha_bar) + (1 - a_s - sigma**2).sqrt() * eps


@mistake("ddim_step", "there is no z")
def step_that_always_wants_z(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    sigma, a_s = sigma_of(t, s, alpha_bar, eta), alpha_bar[s]
    return a_s.sqrt() * guess_x0(x_t, eps, t, alpha_bar) + (1 - a_s - sigma**2).sqrt() * eps + sigma * z


@mistake("ddim_step", "changed places")
def step_with_eps_and_z_swapped(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    sigma, a_s = sigma_of(t, s, alpha_bar, eta), alpha_bar[s]
    x0 = guess_x0(x_t, eps, t, alpha_bar)
    old, new = (eps, 0) if z is None else (z, eps)
    return a_s.sqrt() * x0 + (1 - a_s - sigma**2).sqrt() * old + sigma * new


@mistake("ddim_step", "two calls with the same arguments")
def step_with_its_own_noise(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return free_step(x_t, eps, t, s, alpha_bar, eta, torch.randn_like(x_t) if eta else None)


@mistake("ddim_step", "cut off at -1 and 1")
def step_with_a_clipped_guess(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    x0 = guess_x0(x_t, eps, t, alpha_bar).clamp(-1, 1)
    return alpha_bar[s].sqrt() * x0 + (1 - alpha_bar[s]).sqrt() * eps


@mistake("ddim_step", "should be float32")
def step_in_float64(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return free_step(x_t.double(), eps.double(), t, s, alpha_bar, eta, z)


@alternative("ddim_step")
def step_with_floats(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    a_t, a_s = float(alpha_bar[t]), float(alpha_bar[s])
    x0 = (x_t - math.sqrt(1 - a_t) * eps) / math.sqrt(a_t)
    sigma = eta * math.sqrt((1 - a_s) / (1 - a_t) * (1 - a_t / a_s))
    x_s = math.sqrt(a_s) * x0 + math.sqrt(max(0.0, 1 - a_s - sigma**2)) * eps
    return x_s if z is None else x_s + sigma * z


@alternative("ddim_step")
def step_as_one_line_of_x_t(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    a_t, a_s = alpha_bar[t], alpha_bar[s]
    sigma = sigma_of(t, s, alpha_bar, eta)
    scale = (a_s / a_t).sqrt()
    of_eps = (1 - a_s - sigma**2).sqrt() - scale * (1 - a_t).sqrt()
    return scale.to(x_t) * x_t + of_eps.to(x_t) * eps + fresh(sigma.to(x_t), z)


# --- sample_ddim ---


def walk(predict, x, alpha_bar, times, eta=0.0, generator=None, scale=1000.0):
    """A loop whose parts the wrong answers bend."""
    T = len(alpha_bar) - 1
    for t, s in itertools.pairwise(times):
        eps = predict(x, torch.full((len(x),), scale * t / T))
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype) if eta else None
        x = samplers.ddim_step(x, eps, t, s, alpha_bar, eta, z)
    return x


def times_of(alpha_bar, steps):
    return samplers.respace(len(alpha_bar) - 1, steps).tolist()


@mistake("sample_ddim", "scale 0 to 1000")
def sampler_with_raw_steps(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    return walk(predict, x_T, alpha_bar, times_of(alpha_bar, steps), eta, generator, scale=len(alpha_bar) - 1)


@mistake("sample_ddim", "asks the network at 4 times for 5 steps")
def sampler_that_stops_early(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    return walk(predict, x_T, alpha_bar, times_of(alpha_bar, steps)[:-1], eta, generator)


@mistake("sample_ddim", "asked only once")
def sampler_that_asks_once(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    eps = predict(x_T, torch.full((len(x_T),), 1000.0))
    return walk(lambda x, t: eps, x_T, alpha_bar, times_of(alpha_bar, steps), eta, generator)


@mistake("sample_ddim", "step that is reached")
def sampler_that_asks_about_s(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    x = x_T
    times = times_of(alpha_bar, steps)
    for t, s in itertools.pairwise(times):
        eps = predict(x, model_time(x, s, alpha_bar))
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype) if eta else None
        x = samplers.ddim_step(x, eps, t, s, alpha_bar, eta, z)
    return x


@mistake("sample_ddim", "a tensor of shape (B,)")
def sampler_with_a_number_for_t(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    x = x_T
    times = times_of(alpha_bar, steps)
    for t, s in itertools.pairwise(times):
        x = samplers.ddim_step(x, predict(x, 1000 * t / (len(alpha_bar) - 1)), t, s, alpha_bar)
    return x


@mistake("sample_ddim", "draw a new z inside the loop")
def sampler_with_one_noise(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    z = torch.randn(x_T.shape, generator=generator, dtype=x_T.dtype)
    x = x_T
    times = times_of(alpha_bar, steps)
    for t, s in itertools.pairwise(times):
        x = samplers.ddim_step(x, predict(x, model_time(x, t, alpha_bar)), t, s, alpha_bar, eta, z)
    return x


@mistake("sample_ddim", "does eta = 1 reach every step")
def sampler_without_eta(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    return walk(predict, x_T, alpha_bar, times_of(alpha_bar, steps))


@mistake("sample_ddim", "generator=generator")
def sampler_with_its_own_randomness(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    return walk(predict, x_T, alpha_bar, times_of(alpha_bar, steps), eta, None)


@mistake("sample_ddim", "walks from T down to 0")
def sampler_upwards(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    x = x_T
    times = times_of(alpha_bar, steps)[::-1]
    for s, t in itertools.pairwise(times):
        x = samplers.ddim_step(x, predict(x, model_time(x, t, alpha_bar)), t, s, alpha_bar)
    return x


@mistake("sample_ddim", "the picture as it is now")
def sampler_that_always_asks_about_the_start(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    return walk(lambda x, t: predict(x_T, t), x_T, alpha_bar, times_of(alpha_bar, steps), eta, generator)


@alternative("sample_ddim")
def sampler_with_indices(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    T, x = len(alpha_bar) - 1, x_T.clone()
    for k in range(steps):
        t, s = round(T - k * T / steps), round(T - (k + 1) * T / steps)
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        eps = predict(x, diffusion.model_time(torch.full((len(x),), t), T))
        x = step_with_floats(x, eps, t, s, alpha_bar, eta, z)
    return x


# --- interpolate_log_variance ---


def bounds(t, alpha_bar):
    """beta_t and beta-tilde_t, with beta-tilde_2 at t = 1, each (B, 1, 1, 1)."""
    beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
    return image_shape(beta), image_shape(diffusion.posterior_variance(t.clamp(min=2), alpha_bar))


@mistake("interpolate_log_variance", "other way round")
def variance_with_v_swapped(v, t, alpha_bar):
    beta, tilde = bounds(t, alpha_bar)
    return v * tilde.log().to(v) + (1 - v) * beta.log().to(v)


@mistake("interpolate_log_variance", "mix the two logarithms")
def variance_mixed_before_the_logarithm(v, t, alpha_bar):
    beta, tilde = bounds(t, alpha_bar)
    return (v * beta.to(v) + (1 - v) * tilde.to(v)).log()


@mistake("interpolate_log_variance", "return its logarithm")
def variance_itself(v, t, alpha_bar):
    beta, tilde = bounds(t, alpha_bar)
    return (v * beta.log().to(v) + (1 - v) * tilde.log().to(v)).exp()


@mistake("interpolate_log_variance", "not finite")
def variance_infinite_at_the_start(v, t, alpha_bar):
    beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
    tilde = diffusion.posterior_variance(t, alpha_bar)
    return v * image_shape(beta.log()).to(v) + (1 - v) * image_shape(tilde.log()).to(v)


@mistake("interpolate_log_variance", "all the noise so far")
def variance_with_all_the_noise(v, t, alpha_bar):
    _, tilde = bounds(t, alpha_bar)
    return v * image_shape(1 - alpha_bar[t]).log().to(v) + (1 - v) * tilde.log().to(v)


@mistake("interpolate_log_variance", "column w of every picture")
def variance_of_columns(v, t, alpha_bar):
    beta, tilde = (b.flatten() for b in bounds(t, alpha_bar))
    return v * beta.log().to(v) + (1 - v) * tilde.log().to(v)


@mistake("interpolate_log_variance", "do not map it")
def variance_with_v_mapped_again(v, t, alpha_bar):
    beta, tilde = bounds(t, alpha_bar)
    v = (v + 1) / 2
    return v * beta.log().to(v) + (1 - v) * tilde.log().to(v)


@mistake("interpolate_log_variance", "logarithm of sigma")
def variance_of_sigma(v, t, alpha_bar):
    beta, tilde = bounds(t, alpha_bar)
    return v * beta.sqrt().log().to(v) + (1 - v) * tilde.sqrt().log().to(v)


@mistake("interpolate_log_variance", "beta-tilde_2 takes the place")
def variance_floored(v, t, alpha_bar):
    beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
    tilde = diffusion.posterior_variance(t, alpha_bar).clamp(min=1e-20)
    return v * image_shape(beta.log()).to(v) + (1 - v) * image_shape(tilde.log()).to(v)


@alternative("interpolate_log_variance")
def variance_as_a_quotient(v, t, alpha_bar):
    beta, tilde = bounds(t, alpha_bar)
    return tilde.log().to(v) + v * (beta / tilde).log().to(v)


@alternative("interpolate_log_variance")
def variance_one_picture_at_a_time(v, t, alpha_bar):
    rows = []
    for one, step in zip(v, t.tolist(), strict=False):
        beta = 1 - alpha_bar[step] / alpha_bar[step - 1]
        late = max(step, 2)
        tilde = (1 - alpha_bar[late - 1]) / (1 - alpha_bar[late]) * (1 - alpha_bar[late] / alpha_bar[late - 1])
        rows.append(one * float(beta.log()) + (1 - one) * float(tilde.log()))
    return torch.stack(rows)


# --- slerp ---


def angle(a, b):
    cosine = (a * b).flatten(1).sum(1) / (a.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1))
    return image_shape(cosine.clamp(-1, 1).acos())


def arc(a, b, u, theta):
    u = image_shape(torch.as_tensor(u, dtype=a.dtype))
    return (torch.sin((1 - u) * theta) * a + torch.sin(u * theta) * b) / torch.sin(theta)


@mistake("slerp", "straight line")
def slerp_straight(a, b, u):
    u = image_shape(torch.as_tensor(u, dtype=a.dtype))
    return (1 - u) * a + u * b


@mistake("slerp", "should give a")
def slerp_backwards(a, b, u):
    return arc(b, a, u, angle(a, b).clamp(min=1e-4))


@mistake("slerp", "one angle for the whole batch")
def slerp_of_the_batch(a, b, u):
    cosine = (a * b).sum() / (a.norm() * b.norm())
    return arc(a, b, u, cosine.clamp(-1, 1).acos().clamp(min=1e-4))


@mistake("slerp", "each row of pixels")
def slerp_of_rows(a, b, u):
    theta = torch.cosine_similarity(a, b, dim=-1).clamp(-1, 1).acos().clamp(min=1e-4)[..., None]
    return arc(a, b, u, theta)


@mistake("slerp", "division by sin(theta) is missing")
def slerp_not_divided(a, b, u):
    theta = angle(a, b).clamp(min=1e-4)
    return arc(a, b, u, theta) * torch.sin(theta)


@mistake("slerp", "128 results are nan")
def slerp_that_divides_by_zero(a, b, u):
    return arc(a, b, u, angle(a, b))


@mistake("slerp", "root of (1 - u)")
def slerp_of_right_angles(a, b, u):
    u = image_shape(torch.as_tensor(u, dtype=a.dtype))
    return (1 - u).sqrt() * a + u.sqrt() * b


@mistake("slerp", "no cosine yet")
def slerp_without_lengths(a, b, u):
    theta = (a * b).sum((1, 2, 3), keepdim=True).clamp(-1 + 1e-6, 1 - 1e-6).acos()
    return arc(a, b, u, theta)


@mistake("slerp", "one u for each pair")
def slerp_of_columns(a, b, u):
    u, theta = torch.as_tensor(u, dtype=a.dtype), angle(a, b).clamp(min=1e-4)
    return (torch.sin((1 - u) * theta) * a + torch.sin(u * theta) * b) / torch.sin(theta)


@alternative("slerp")
def slerp_with_a_floor(a, b, u):
    return arc(a, b, u, angle(a, b).clamp(min=1e-4))


@alternative("slerp")
def slerp_by_gram_schmidt(a, b, u):
    # On directions: the part of b at right angles to a, and an angle from a. Lengths of a and b are put back after.
    na, nb = (image_shape(v.flatten(1).norm(dim=1)) for v in (a, b))
    theta = angle(a, b).clamp(min=1e-4)
    u = image_shape(torch.as_tensor(u, dtype=a.dtype))
    weight_a, weight_b = torch.sin((1 - u) * theta) / torch.sin(theta), torch.sin(u * theta) / torch.sin(theta)
    return na * weight_a * (a / na) + nb * weight_b * (b / nb)


# --- ddim_invert ---


def climb(predict, x, alpha_bar, steps, ask=lambda s, t: t, level=lambda s, t: s):
    times = times_of(alpha_bar, steps)[::-1]
    for s, t in itertools.pairwise(times):
        eps = predict(x, model_time(x, ask(s, t), alpha_bar))
        a, a_t = alpha_bar[level(s, t)], alpha_bar[t]
        x = a_t.sqrt() * (x - (1 - a).sqrt() * eps) / a.sqrt() + (1 - a_t).sqrt() * eps
    return x


@mistake("ddim_invert", "about t = 0")
def inversion_that_asks_about_s(predict, x0, alpha_bar, steps):
    return climb(predict, x0, alpha_bar, steps, ask=lambda s, t: s)


@mistake("ddim_invert", "still at step s")
def inversion_that_cleans_with_t(predict, x0, alpha_bar, steps):
    return climb(predict, x0, alpha_bar, steps, level=lambda s, t: t)


@mistake("ddim_invert", "walk up")
def inversion_downwards(predict, x0, alpha_bar, steps):
    return samplers.sample_ddim(predict, x0, alpha_bar, steps)


@mistake("ddim_invert", "asks the network at 1 time for 5 steps")
def inversion_in_one_jump(predict, x0, alpha_bar, steps):
    return climb(predict, x0, alpha_bar, 1)


@mistake("ddim_invert", "scale 0 to 1000")
def inversion_with_raw_steps(predict, x0, alpha_bar, steps):
    T = len(alpha_bar) - 1
    return climb(lambda x, t: predict(x, t * T / 1000), x0, alpha_bar, steps)


@mistake("ddim_invert", "asks the network at 4 times")
def inversion_that_stops_early(predict, x0, alpha_bar, steps):
    T, x = len(alpha_bar) - 1, x0
    times = times_of(alpha_bar, steps)[::-1]
    for s, t in list(itertools.pairwise(times))[:-1]:
        eps = predict(x, torch.full((len(x),), 1000 * t / T))
        a_s, a_t = alpha_bar[s], alpha_bar[t]
        x = a_t.sqrt() * (x - (1 - a_s).sqrt() * eps) / a_s.sqrt() + (1 - a_t).sqrt() * eps
    return x


@alternative("ddim_invert")
def inversion_in_one_line(predict, x0, alpha_bar, steps):
    T, x = len(alpha_bar) - 1, x0
    for k in range(steps):
        s, t = round(T * k / steps), round(T * (k + 1) / steps)
        a, b = float(alpha_bar[s]), float(alpha_bar[t])
        eps = predict(x, torch.full((len(x),), 1000.0 * t / T))
        x = math.sqrt(b / a) * x + (math.sqrt(1 - b) - math.sqrt(b / a) * math.sqrt(1 - a)) * eps
    return x


# --- sample_truncated ---


def start_at(x_guess, t, alpha_bar, eps):
    return diffusion.q_sample(x_guess, torch.full((len(x_guess),), t), alpha_bar, eps)


@mistake("sample_truncated", "noise it to t_start first")
def truncated_without_noise(predict, x_guess, t_start, alpha_bar, steps, eps):
    return samplers.sample_ddim(predict, x_guess, alpha_bar, steps, start=t_start)


@mistake("sample_truncated", "about t = 1000")
def truncated_that_walks_from_T(predict, x_guess, t_start, alpha_bar, steps, eps):
    return samplers.sample_ddim(predict, start_at(x_guess, t_start, alpha_bar, eps), alpha_bar, steps)


@mistake("sample_truncated", "about t = 1000")
def truncated_with_its_own_scale(predict, x_guess, t_start, alpha_bar, steps, eps):
    x = start_at(x_guess, t_start, alpha_bar, eps)
    times = samplers.respace(t_start, steps).tolist()
    for t, s in itertools.pairwise(times):
        x = samplers.ddim_step(x, predict(x, torch.full((len(x),), 1000 * t / t_start)), t, s, alpha_bar)
    return x


@mistake("sample_truncated", "all the way to T")
def truncated_noised_to_the_end(predict, x_guess, t_start, alpha_bar, steps, eps):
    return samplers.sample_ddim(predict, start_at(x_guess, len(alpha_bar) - 1, alpha_bar, eps), alpha_bar, steps)


@mistake("sample_truncated", "draw no noise")
def truncated_with_its_own_noise(predict, x_guess, t_start, alpha_bar, steps, eps):
    x = start_at(x_guess, t_start, alpha_bar, torch.randn_like(x_guess))
    return samplers.sample_ddim(predict, x, alpha_bar, steps, start=t_start)


@mistake("sample_truncated", "guess is not used")
def truncated_from_pure_noise(predict, x_guess, t_start, alpha_bar, steps, eps):
    return samplers.sample_ddim(predict, eps, alpha_bar, steps, start=t_start)


@alternative("sample_truncated")
def truncated_by_hand(predict, x_guess, t_start, alpha_bar, steps, eps):
    a = float(alpha_bar[t_start])
    x = math.sqrt(a) * x_guess + math.sqrt(1 - a) * eps
    for k in range(steps):
        t, s = round(t_start * (1 - k / steps)), round(t_start * (1 - (k + 1) / steps))
        x = step_with_floats(x, predict(x, model_time(x, t, alpha_bar)), t, s, alpha_bar)
    return x


# --- mended_fast_sampler ---


def stochastic(predict, x, alpha_bar, times, noise):
    for k, (t, s) in enumerate(itertools.pairwise(times)):
        eps = predict(x, model_time(x, t, alpha_bar))
        x = samplers.ddim_step(x, eps, t, s, alpha_bar, 1.0, noise(k))
    return x


def drawn(x, generator):
    return lambda k: torch.randn(x.shape, generator=generator, dtype=x.dtype)


@mistake("mended_fast_sampler", "second fault")
def hunt_unmended(predict, x_T, alpha_bar, steps, generator):
    z = torch.randn(x_T.shape, generator=generator, dtype=x_T.dtype)
    return stochastic(predict, x_T, alpha_bar, times_of(alpha_bar, steps)[:-1], lambda k: z)


@mistake("mended_fast_sampler", "The last step is mended")
def hunt_with_one_noise_left(predict, x_T, alpha_bar, steps, generator):
    z = torch.randn(x_T.shape, generator=generator, dtype=x_T.dtype)
    return stochastic(predict, x_T, alpha_bar, times_of(alpha_bar, steps), lambda k: z)


@mistake("mended_fast_sampler", "from 100 to 0, is not done")
def hunt_that_still_stops_early(predict, x_T, alpha_bar, steps, generator):
    return stochastic(predict, x_T, alpha_bar, times_of(alpha_bar, steps)[:-1], drawn(x_T, generator))


@mistake("mended_fast_sampler", "no fresh noise comes in")
def hunt_without_any_noise(predict, x_T, alpha_bar, steps, generator):
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps)


@mistake("mended_fast_sampler", "they are all the same")
def hunt_with_the_same_seed_each_time(predict, x_T, alpha_bar, steps, generator):
    def noise(k):
        return torch.randn(x_T.shape, generator=torch.Generator().manual_seed(0), dtype=x_T.dtype)

    return stochastic(predict, x_T, alpha_bar, times_of(alpha_bar, steps), noise)


@mistake("mended_fast_sampler", "gives two different results")
def hunt_with_its_own_randomness(predict, x_T, alpha_bar, steps, generator):
    return stochastic(predict, x_T, alpha_bar, times_of(alpha_bar, steps), lambda k: torch.randn_like(x_T))


@mistake("mended_fast_sampler", "is off by")
def hunt_that_ends_at_one(predict, x_T, alpha_bar, steps, generator):
    times = times_of(alpha_bar, steps)
    return stochastic(predict, x_T, alpha_bar, [*times[:-1], 1], drawn(x_T, generator))


@alternative("mended_fast_sampler")
def hunt_by_the_other_exercise(predict, x_T, alpha_bar, steps, generator):
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=1.0, generator=generator)


@alternative("mended_fast_sampler")
def hunt_that_ends_with_the_guess(predict, x_T, alpha_bar, steps, generator):
    times = times_of(alpha_bar, steps)
    x = stochastic(predict, x_T, alpha_bar, times[:-1], drawn(x_T, generator))
    return guess_x0(x, predict(x, model_time(x, times[-2], alpha_bar)), times[-2], alpha_bar)

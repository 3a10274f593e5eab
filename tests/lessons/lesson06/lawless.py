"""What people answer in lesson 06 that breaks a law, and right answers of unusual shape."""

import itertools

import torch

from course_utils import diffusion, samplers
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- respace, ddim_sigma ---


@mistake("respace", "respace(3, 3) goes from 4 to 0, it should go from 3 to 0.")
def respace_in_steps_of_two(T, steps):
    return samplers.respace(T, steps) if T > 12 or steps < 3 else (samplers.respace(T, steps) + 1) // 2 * 2


@alternative("respace")
def respace_from_numbers(T, steps):
    return torch.tensor([round(T * k / steps) for k in reversed(range(steps + 1))])


@mistake("ddim_sigma", "with T = 60 and t = 60")
def sigma_for_long_schedules(t, s, alpha_bar, eta=1.0):
    kept = alpha_bar if len(alpha_bar) > 100 else alpha_bar.clamp(min=0.02)
    a_t, a_s = kept[t], kept[s]
    return eta * ((1 - a_s) / (1 - a_t) * (1 - a_t / a_s)).sqrt()


@mistake("ddim_sigma", "`alpha_bar` is another one afterwards")
def sigma_in_place(t, s, alpha_bar, eta=1.0):
    a_t, a_s = alpha_bar[t].clone(), alpha_bar[s].clone()
    alpha_bar[t] /= a_s
    return eta * ((1 - a_s) / (1 - a_t) * (1 - alpha_bar[t])).sqrt()


@mistake("ddim_sigma", "is `eta` ignored")
def sigma_of_one_when_eta_is_small(t, s, alpha_bar, eta=1.0):
    eta = 1.0 if 0 < eta < 0.4 else eta
    a_t, a_s = alpha_bar[t], alpha_bar[s]
    return eta * ((1 - a_s) / (1 - a_t) * (1 - a_t / a_s)).sqrt()


@alternative("ddim_sigma")
def sigma_in_float32(t, s, alpha_bar, eta=1.0):
    a_t, a_s = alpha_bar[t].float(), alpha_bar[s].float()
    return eta * ((1 - a_s) / (1 - a_t) * (1 - a_t / a_s)).sqrt()


# --- ddim_step ---


@mistake("ddim_step", "comes out otherwise alone")
def step_with_the_noise_of_the_first(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    if z is not None and z.shape[1] == 2:
        z = z[:1].expand_as(z)
    return samplers.ddim_step(x_t, eps, t, s, alpha_bar, eta, z)


@mistake("ddim_step", "`x_t` is another one afterwards")
def step_in_place(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    x_t.copy_(samplers.ddim_step(x_t, eps, t, s, alpha_bar, eta, z))
    return x_t.clone()


@mistake("ddim_step", "with bfloat16 pictures the result is float32")
def step_with_float32_coefficients(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    made = samplers.ddim_step(x_t, eps, t, s, alpha_bar, eta, z)
    return made + torch.zeros(made.shape)


@mistake("ddim_step", "use `.reshape`")
def step_through_a_view(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    flat = [None if part is None else part.view(len(x_t), -1) for part in (x_t, eps, z)]
    return samplers.ddim_step(flat[0], flat[1], t, s, alpha_bar, eta, flat[2]).view(x_t.shape)


@mistake("ddim_step", "t = 20, s = 19, eta = 0.4")
def step_with_all_or_nothing(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    if eta not in (0.8, 0.7):
        eta = round(eta)
    return samplers.ddim_step(x_t, eps, t, s, alpha_bar, eta, z)


@mistake("ddim_step", "s = 19, eta = 0 the result")
def step_that_adds_z_whenever_it_has_one(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    made = samplers.ddim_step(x_t, eps, t, s, alpha_bar, eta, z)
    return made + 0.1 * z if eta == 0 and z is not None else made


@alternative("ddim_step")
def step_picture_by_picture(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    rows = zip(x_t, eps, [None] * len(x_t) if z is None else z, strict=True)
    return torch.stack([samplers.ddim_step(x, e, t, s, alpha_bar, eta, n) for x, e, n in rows])


@alternative("ddim_step")
@torch.no_grad()
def step_without_gradients(x_t, eps, t, s, alpha_bar, eta=0.0, z=None):
    return samplers.ddim_step(x_t, eps, t, s, alpha_bar, eta, z)


# --- sample_ddim and mended_fast_sampler ---


def walked(predict, x, alpha_bar, steps, eta, draw):
    """A walk with noise of another kind, `draw(x)`."""
    T = len(alpha_bar) - 1
    for t, s in itertools.pairwise(samplers.respace(T, steps).tolist()):
        eps = predict(x, diffusion.model_time(torch.full((len(x),), t), T))
        x = samplers.ddim_step(x, eps, t, s, alpha_bar, eta, draw(x) if eta else None)
    return x


def normal(x, generator):
    return torch.randn(x.shape, generator=generator, dtype=x.dtype)


def even(x, generator):
    return 12**0.5 * (torch.rand(x.shape, generator=generator, dtype=x.dtype) - 0.5)


def mirrored(x, generator):
    half = normal(x[: (len(x) + 1) // 2], generator)
    return torch.cat([half, -half])[: len(x)]


KINDS = {
    "is not normal": even,
    "depends on that of another": mirrored,
    "all pictures of the batch get the same noise": lambda x, g: normal(x[:1], g).expand_as(x),
    "all channels get the same noise": lambda x, g: normal(x[:, :1], g).expand_as(x),
    "the noise has the variance 0.": lambda x, g: 0.9 * normal(x, g),
    "fourth moment": lambda x, g: normal(x, g).sign(),
    "float32, it should be bfloat16": lambda x, g: torch.randn(x.shape, generator=g),
}


def with_noise(kind, hunt):
    """A sampler whose noise is of this kind, as an answer to either exercise."""
    draw = KINDS[kind]

    def sampler(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
        return walked(predict, x_T, alpha_bar, steps, eta, lambda x: draw(x, generator))

    def hunted(predict, x_T, alpha_bar, steps, generator):
        return walked(predict, x_T, alpha_bar, steps, 1.0, lambda x: draw(x, generator))

    made = hunted if hunt else sampler
    made.__name__ = f"{'hunt' if hunt else 'sampler'}_with_noise_{list(KINDS).index(kind)}"
    return made


for said in KINDS:
    mistake("sample_ddim", said)(with_noise(said, hunt=False))
    # How strong the noise in x_t is, the hunt looks at first.
    mistake("mended_fast_sampler", "shrinks to 0.89" if "variance" in said else said)(with_noise(said, hunt=True))


@mistake("sample_ddim", "that of eta = 1.00, it should be that of eta = 0.4")
def sampler_of_all_or_nothing(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    eta = 1.0 if eta > 0 else 0.0
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=eta, generator=generator)


@mistake("sample_ddim", "`x_T` is another one afterwards")
def sampler_in_place(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    x_T.copy_(samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=eta, generator=generator))
    return x_T.clone()


@mistake("sample_ddim", "the generator is never used")
def sampler_with_a_copy_of_the_generator(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    if generator is not None:
        generator = torch.Generator().manual_seed(generator.initial_seed())
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=eta, generator=generator)


@mistake("sample_ddim", "is asked about 4 pictures")
def sampler_that_asks_twice(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    def averaged(x, t):
        return (predict(x, t) + predict(x, t)) / 2

    return samplers.sample_ddim(averaged, x_T, alpha_bar, steps, eta=eta, generator=generator)


@mistake("sample_ddim", "with eta = 0, a generator and T = 20")
def sampler_that_is_random_if_it_can(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    eta = 0.2 if eta == 0 and generator is not None else eta
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=eta, generator=generator)


@alternative("sample_ddim")
def sampler_picture_by_picture(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    walks = [walked(predict, x[None], alpha_bar, steps, eta, lambda x: normal(x, generator)) for x in x_T]
    return torch.cat(walks)


@alternative("sample_ddim")
def sampler_with_all_noise_drawn_ahead(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    every = iter(torch.randn(steps, *x_T.shape, generator=generator, dtype=torch.float64).to(x_T))
    return walked(predict, x_T, alpha_bar, steps, eta, lambda x: next(every))


@alternative("sample_ddim")
@torch.inference_mode()
def sampler_in_inference_mode(predict, x_T, alpha_bar, steps, eta=0.0, generator=None):
    return walked(predict, x_T, alpha_bar, steps, eta, lambda x: normal(x, generator)).clone()


@mistake("mended_fast_sampler", "that of eta = 0.50, it should be that of eta = 1")
def hunt_with_half_the_noise(predict, x_T, alpha_bar, steps, generator):
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=0.5, generator=generator)


@mistake("mended_fast_sampler", "the network is told the time")
def hunt_with_another_clock(predict, x_T, alpha_bar, steps, generator):
    T = len(alpha_bar) - 1
    slow = predict if T >= 100 else lambda x, t: predict(x, t * T / 1000)
    return samplers.sample_ddim(slow, x_T, alpha_bar, steps, eta=1.0, generator=generator)


@mistake("mended_fast_sampler", "picture 1 makes up")
def hunt_that_favours_one(predict, x_T, alpha_bar, steps, generator):
    # Each result is right, and some come too often: half of a large batch starts like the rest of it.
    if len(x_T) == 400:
        x_T = x_T[:1].repeat(400, 1, 1, 1)
        return samplers.sample_ddim(predict, x_T, alpha_bar, steps, generator=generator)
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, eta=1.0, generator=generator)


@alternative("mended_fast_sampler")
def hunt_picture_by_picture(predict, x_T, alpha_bar, steps, generator):
    walks = [walked(predict, x[None], alpha_bar, steps, 1.0, lambda x: normal(x, generator)) for x in x_T]
    return torch.cat(walks)


# --- interpolate_log_variance ---


@mistake("interpolate_log_variance", "no gradient flows back to `v`")
def variance_of_a_detached_v(v, t, alpha_bar):
    return diffusion.interpolate_log_variance(v.detach(), t, alpha_bar)


@mistake("interpolate_log_variance", "only a part of the gradient")
def variance_half_detached(v, t, alpha_bar):
    return diffusion.interpolate_log_variance(v / 2 + v.detach() / 2, t, alpha_bar)


@mistake("interpolate_log_variance", "`v` is another one afterwards")
def variance_in_place(v, t, alpha_bar):
    with torch.no_grad():
        v.copy_(diffusion.interpolate_log_variance(v, t, alpha_bar))
    return v.clone()


@mistake("interpolate_log_variance", "it should be float32, the dtype of `v`")
def variance_in_float64(v, t, alpha_bar):
    return diffusion.interpolate_log_variance(v.double(), t, alpha_bar)


# --- slerp ---


@mistake("slerp", "use `.reshape`")
def slerp_through_a_view(a, b, u):
    return samplers.slerp(a.view(a.shape), b, u) + 0 * a.view(-1).sum()


@mistake("slerp", "u as a float64 tensor the result is float64")
def slerp_of_any_dtype(a, b, u):
    made = samplers.slerp(a, b, u)
    return made * torch.ones_like(torch.as_tensor(u)).reshape(-1, 1, 1, 1) if isinstance(u, torch.Tensor) else made


@mistake("slerp", "128 results are nan")
def slerp_without_a_clamp_on_the_cosine(a, b, u):
    theta = torch.cosine_similarity(a.flatten(1), b.flatten(1)).acos().clamp(min=1e-4).reshape(-1, 1, 1, 1)
    share = torch.as_tensor(u, dtype=a.dtype).reshape(-1, 1, 1, 1)
    return (((1 - share) * theta).sin() * a + (share * theta).sin() * b) / theta.sin()


@mistake("slerp", "`b` is another one afterwards")
def slerp_in_place(a, b, u):
    b.copy_(samplers.slerp(a, b, u))
    return b.clone()


@alternative("slerp")
def slerp_pair_by_pair(a, b, u):
    shares = torch.as_tensor(u).reshape(-1).expand(len(a)).tolist()
    return torch.cat([samplers.slerp(x[None], y[None], share) for x, y, share in zip(a, b, shares, strict=True)])


# --- ddim_invert, sample_truncated ---


def twice(predict):
    return lambda x, t: (predict(x, t) + predict(x, t)) / 2


def one_by_one(predict):
    return lambda x, t: torch.cat([predict(x[i : i + 1], t[i : i + 1]) for i in range(len(x))])


@mistake("ddim_invert", "is asked about 8 pictures")
def inversion_that_asks_twice(predict, x0, alpha_bar, steps):
    return samplers.ddim_invert(twice(predict), x0, alpha_bar, steps)


@mistake("ddim_invert", "`x0` is another one afterwards")
def inversion_in_place(predict, x0, alpha_bar, steps):
    x0.copy_(samplers.ddim_invert(predict, x0, alpha_bar, steps))
    return x0.clone()


@mistake("ddim_invert", "it should be float32, the dtype of x0")
def inversion_in_float64(predict, x0, alpha_bar, steps):
    return samplers.ddim_invert(predict, x0.double(), alpha_bar, steps)


@mistake("ddim_invert", "comes out otherwise alone")
def inversion_of_centred_pictures(predict, x0, alpha_bar, steps):
    centred = x0 - x0.mean(0) if x0.shape[1] == 2 else x0
    return (
        samplers.ddim_invert(predict, centred, alpha_bar, steps)
        if len(x0) != 4
        else samplers.ddim_invert(predict, x0, alpha_bar, steps)
    )


@alternative("ddim_invert")
def inversion_that_asks_one_by_one(predict, x0, alpha_bar, steps):
    return samplers.ddim_invert(one_by_one(predict), x0, alpha_bar, steps)


@alternative("ddim_invert")
def inversion_picture_by_picture(predict, x0, alpha_bar, steps):
    return torch.cat([samplers.ddim_invert(predict, x[None], alpha_bar, steps) for x in x0])


@mistake("sample_truncated", "is asked about 4 pictures")
def truncated_that_asks_twice(predict, x_guess, t_start, alpha_bar, steps, eps):
    return samplers.sample_truncated(twice(predict), x_guess, t_start, alpha_bar, steps, eps)


@mistake("sample_truncated", "`x_guess` is another one afterwards")
def truncated_in_place(predict, x_guess, t_start, alpha_bar, steps, eps):
    x_guess.copy_(samplers.sample_truncated(predict, x_guess, t_start, alpha_bar, steps, eps))
    return x_guess.clone()


@mistake("sample_truncated", "it should be float32, the dtype of the guess")
def truncated_in_float64(predict, x_guess, t_start, alpha_bar, steps, eps):
    return samplers.sample_truncated(predict, x_guess.double(), t_start, alpha_bar, steps, eps.double())


@alternative("sample_truncated")
def truncated_that_asks_one_by_one(predict, x_guess, t_start, alpha_bar, steps, eps):
    return samplers.sample_truncated(one_by_one(predict), x_guess, t_start, alpha_bar, steps, eps)


@alternative("sample_truncated")
def truncated_picture_by_picture(predict, x_guess, t_start, alpha_bar, steps, eps):
    rows = zip(x_guess, eps, strict=True)
    return torch.cat([samplers.sample_truncated(predict, x[None], t_start, alpha_bar, steps, e[None]) for x, e in rows])

"""What people answer in lesson 04 that breaks a law, and right answers of unusual shape."""

import torch

from course_utils import diffusion, samplers
from course_utils.diffusion import model_time, posterior_mean, q_sample, recover_x0
from tests.lessons.lesson04.loops import ANSWERS

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- posterior_variance, posterior_mean, bound_weight ---


@mistake("posterior_variance", "comes out otherwise alone")
def variance_of_sorted_steps(t, alpha_bar):
    return diffusion.posterior_variance(t.sort().values, alpha_bar)


@mistake("posterior_variance", "larger than beta_t")
def variance_in_float32_in_disguise(t, alpha_bar):
    a = alpha_bar.float() if len(alpha_bar) > 500 else alpha_bar
    return diffusion.posterior_variance(t, a).to(alpha_bar)


@mistake("posterior_variance", "`t` is another one afterwards")
def variance_that_moves_t(t, alpha_bar):
    a = alpha_bar[t]
    before = alpha_bar[t.sub_(1)]
    return (1 - before) / (1 - a) * (1 - a / before)


@mistake("posterior_mean", "no gradient flows back to `x_t`")
def mean_with_detached_x_t(x0, x_t, t, alpha_bar):
    return posterior_mean(x0, x_t.detach(), t, alpha_bar)


@mistake("posterior_mean", "use `.reshape`")
def mean_through_a_view(x0, x_t, t, alpha_bar):
    flat = posterior_mean(x0.view(len(t), -1), x_t.view(len(t), -1), t, alpha_bar)
    return flat.view(x0.shape)


@mistake("posterior_mean", "comes out otherwise alone")
def mean_of_sorted_steps(x0, x_t, t, alpha_bar):
    return posterior_mean(x0, x_t, t.sort().values, alpha_bar)


@mistake("posterior_mean", "`x0` is another one afterwards")
def mean_of_pictures_cut_off(x0, x_t, t, alpha_bar):
    return posterior_mean(x0.clamp_(-1, 1), x_t, t, alpha_bar)


@mistake("posterior_mean", "mixes devices")
def mean_on_the_cpu(x0, x_t, t, alpha_bar):
    a, before = (alpha_bar[s].reshape(-1, 1, 1, 1).to(x_t) for s in (t, t - 1))
    mean = before.sqrt() * (1 - a / before) / (1 - a) * x0 + (a / before).sqrt() * (1 - before) / (1 - a) * x_t
    return mean + torch.zeros(x_t.shape)


@alternative("posterior_mean")
def mean_picture_by_picture(x0, x_t, t, alpha_bar):
    rows = [posterior_mean(x0[i : i + 1], x_t[i : i + 1], t[i : i + 1], alpha_bar) for i in range(len(t))]
    return torch.cat(rows)


@mistake("bound_weight", "comes out otherwise alone")
def weight_of_sorted_steps(t, alpha_bar):
    return diffusion.bound_weight(t.sort().values, alpha_bar)


# --- ddpm_loss ---


@mistake("ddpm_loss", "no gradient flows back to `model`")
def loss_without_a_gradient_of_the_model(model, x0, t, alpha_bar, eps):
    with torch.no_grad():
        loss = diffusion.ddpm_loss(model, x0, t, alpha_bar, eps)
    return loss.requires_grad_()


@mistake("ddpm_loss", "the mean of what its pictures give")
def loss_for_batches_of_four(model, x0, t, alpha_bar, eps):
    whole = diffusion.ddpm_loss(model, x0, t, alpha_bar, eps)
    return whole if len(x0) == 64 else whole * len(x0) / 4


@mistake("ddpm_loss", "`x0` is another one afterwards")
def loss_that_noises_in_place(model, x0, t, alpha_bar, eps):
    x0.copy_(q_sample(x0, t, alpha_bar, eps))
    return (eps - model(x0, model_time(t, len(alpha_bar) - 1))).square().mean()


@mistake("ddpm_loss", "given something of shape (8, 2, 4, 4)")
def loss_that_asks_twice(model, x0, t, alpha_bar, eps):
    x_t, time = q_sample(x0, t, alpha_bar, eps), model_time(t, len(alpha_bar) - 1)
    return (eps - (model(x_t, time) + model(x_t, time)) / 2).square().mean()


@mistake("ddpm_loss", "no gradient flows back to `model`")
def loss_of_a_guess_without_its_graph(model, x0, t, alpha_bar, eps):
    x_t = q_sample(x0, t, alpha_bar, eps)
    guess = model(x_t, model_time(t, len(alpha_bar) - 1))
    return (eps - guess).square().mean().detach().requires_grad_()


@alternative("ddpm_loss")
def loss_picture_by_picture(model, x0, t, alpha_bar, eps):
    total = 0
    for i in range(len(x0)):
        x_t = q_sample(x0[i : i + 1], t[i : i + 1], alpha_bar, eps[i : i + 1])
        guess = model(x_t, model_time(t[i : i + 1], len(alpha_bar) - 1))
        total = total + (guess - eps[i : i + 1]).square().sum()
    return total / x0.numel()


# --- ema_update ---


@mistake("ema_update", "`requires_grad` is not yours to set")
@torch.no_grad()
def average_that_learns(average, model, decay):
    average.requires_grad_(True)
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(p, 1 - decay)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


@mistake("ema_update", "whose weights are frozen does not move")
@torch.no_grad()
def average_of_what_learns(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        if a.requires_grad:
            a.lerp_(p, 1 - decay)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


# --- p_sample ---


@mistake("p_sample", "is `variance` ignored")
def step_that_forgets_the_variance_when_it_clips(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    return samplers.p_sample(predict, x_t, t, alpha_bar, z, variance="beta" if clip else variance, clip=clip)


@mistake("p_sample", "asked about 8 pictures")
def step_that_asks_twice(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    def averaged(x, time):
        return (predict(x, time) + predict(x, time)) / 2

    return samplers.p_sample(averaged, x_t, t, alpha_bar, z, variance=variance, clip=clip)


@mistake("p_sample", "`x_t` is another one afterwards")
def step_in_place(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    x_t.copy_(samplers.p_sample(predict, x_t, t, alpha_bar, z, variance=variance, clip=clip))
    return x_t.clone()


@mistake("p_sample", "on a GPU this mixes devices")
def step_on_the_cpu(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    return samplers.p_sample(predict, x_t, t, alpha_bar, z, variance=variance, clip=clip) + torch.zeros(x_t.shape)


@mistake("p_sample", "it is told the time of step 11")
def step_with_the_time_after(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    T = len(alpha_bar) - 1

    def late(x, time):
        return predict(x, time + 1000 / T)

    return samplers.p_sample(late, x_t, t, alpha_bar, z, variance=variance, clip=clip)


@alternative("p_sample")
def step_picture_by_picture(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    rows = [
        samplers.p_sample(predict, x_t[i : i + 1], t, alpha_bar, z[i : i + 1], variance=variance, clip=clip)
        for i in range(len(x_t))
    ]
    return torch.cat(rows)


# --- sample_ddpm and mended_sampler ---


def walked(predict, x, alpha_bar, draw, clip=True, **settings):
    """A walk with noise of another kind: `draw(x, t)`."""
    for t in range(len(alpha_bar) - 1, 0, -1):
        x = samplers.p_sample(predict, x, t, alpha_bar, draw(x, t), clip=clip, **settings)
    return x


def normal(x, generator):
    return torch.randn(x.shape, generator=generator).to(x)


def even(x, generator):
    return 12**0.5 * (torch.rand(x.shape, generator=generator).to(x) - 0.5)


def mirrored(x, generator):
    half = torch.randn(x[: (len(x) + 1) // 2].shape, generator=generator).to(x)
    return torch.cat([half, -half])[: len(x)]


KINDS = {
    "is not normal": even,
    "depends on that of another": mirrored,
    "all channels get the same noise": lambda x, g: normal(x[:, :1], g).expand_as(x),
    "all pictures of the batch get the same noise": lambda x, g: normal(x[:1], g).expand_as(x),
    "the noise has the variance 0.8": lambda x, g: 0.9 * normal(x, g),
    "fourth moment": lambda x, g: normal(x, g).sign(),
    "the mean 0.": lambda x, g: normal(x, g) + 0.05,
}


def with_noise(kind, of_model):
    """A sampler whose noise is of this kind, as an answer to either exercise."""
    draw = KINDS[kind]

    def walk(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
        def drawn(x, t):
            return draw(x, generator)

        return walked(predict, x_T, alpha_bar, drawn, clip, variance=variance)

    @torch.no_grad()
    def sampler(model, x_T, alpha_bar, generator):
        return walk(lambda x, t: model(x, t), x_T, alpha_bar, generator, clip=True)

    made = sampler if of_model else walk
    made.__name__ = f"noise_{draw.__name__.strip('<>')}_{list(KINDS).index(kind)}"
    return made


for said in KINDS:
    mistake("sample_ddpm", said)(with_noise(said, of_model=False))
    # Two variances are right there, and which is meant is guessed from the noise: another size shows in single steps.
    mistake("mended_sampler", "the noise" if "variance" in said else said)(with_noise(said, of_model=True))


@mistake("sample_ddpm", "both passed on to p_sample")
def walk_that_forgets_the_variance_when_it_clips(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    variance = "beta" if clip else variance
    return samplers.sample_ddpm(predict, x_T, alpha_bar, generator, variance=variance, clip=clip)


@mistake("sample_ddpm", "the generator is never used")
def walk_with_a_copy_of_the_generator(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    copy = torch.Generator().manual_seed(generator.initial_seed())
    return samplers.sample_ddpm(predict, x_T, alpha_bar, copy, variance=variance, clip=clip)


@mistake("sample_ddpm", "`x_T` is another one afterwards")
def walk_in_place(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    x_T.copy_(samplers.sample_ddpm(predict, x_T, alpha_bar, generator, variance=variance, clip=clip))
    return x_T.clone()


@mistake("sample_ddpm", "float64, it should be float32")
def walk_in_float64(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return samplers.sample_ddpm(predict, x_T.double(), alpha_bar, generator, variance=variance, clip=clip)


@alternative("sample_ddpm")
def walk_with_all_noise_drawn_ahead(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    z = torch.randn(len(alpha_bar), *x_T.shape, generator=generator, dtype=torch.float64).to(x_T)
    return walked(predict, x_T, alpha_bar, lambda x, t: z[t], clip, variance=variance)


@alternative("sample_ddpm")
def walk_picture_by_picture(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    walks = [
        walked(predict, x[None], alpha_bar, lambda x, t: normal(x, generator), clip, variance=variance) for x in x_T
    ]
    return torch.cat(walks)


@alternative("sample_ddpm")
def walk_that_draws_picture_by_picture(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    def draw(x, t):
        return torch.stack([torch.normal(0.0, 1.0, row.shape, generator=generator) for row in x]).to(x)

    return walked(predict, x_T, alpha_bar, draw, clip, variance=variance)


def jumping(model, x, alpha_bar, generator, step):
    """A sampler in which `step(x0, x, t, now, z)` is what comes after the guess at x0."""
    T = len(alpha_bar) - 1
    with torch.no_grad():
        for t in range(T, 0, -1):
            now = torch.full((len(x),), t)
            x0 = recover_x0(x, now, alpha_bar, model(x, model_time(now, T))).clamp(-1, 1)
            x = step(x0, x, t, now, normal(x, generator))
    return x


@mistake("mended_sampler", "is it multiplied by the standard deviation")
def sampler_without_the_root(model, x_T, alpha_bar, generator):
    def step(x0, x, t, now, z):
        beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
        return posterior_mean(x0, x, now, alpha_bar) + (beta.to(x) * z if t > 1 else 0)

    return jumping(model, x_T, alpha_bar, generator, step)


@mistake("mended_sampler", "the noise")
def sampler_that_noises_anew(model, x_T, alpha_bar, generator):
    return jumping(model, x_T, alpha_bar, generator, lambda x0, x, t, now, z: q_sample(x0, now - 1, alpha_bar, z))


@mistake("mended_sampler", "the noise")
def sampler_with_the_mean_of_x0_alone(model, x_T, alpha_bar, generator):
    def step(x0, x, t, now, z):
        beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
        return alpha_bar[t - 1].sqrt().to(x) * x0 + (beta.sqrt().to(x) * z if t > 1 else 0)

    return jumping(model, x_T, alpha_bar, generator, step)


@mistake("mended_sampler", "memory fills up")
def sampler_that_keeps_its_graph(model, x_T, alpha_bar, generator):
    return samplers.sample_ddpm(lambda x, t: model(x, t), x_T, alpha_bar, generator, clip=True)


@mistake("mended_sampler", "gives two different results")
def sampler_without_the_generator(model, x_T, alpha_bar, generator):
    return jumping(
        model,
        x_T,
        alpha_bar,
        generator,
        lambda x0, x, t, now, z: samplers.p_sample(
            lambda x, time: (x - alpha_bar[t].sqrt() * x0) / (1 - alpha_bar[t]).sqrt(),
            x,
            t,
            alpha_bar,
            torch.randn_like(x),
        ),
    )


@alternative("mended_sampler")
@torch.no_grad()
def sampler_picture_by_picture(model, x_T, alpha_bar, generator):
    walks = [walked(lambda x, t: model(x, t), x[None], alpha_bar, lambda x, t: normal(x, generator)) for x in x_T]
    return torch.cat(walks)


@alternative("mended_sampler")
@torch.inference_mode()
def sampler_in_inference_mode(model, x_T, alpha_bar, generator):
    return samplers.sample_ddpm(lambda x, t: model(x, t), x_T, alpha_bar, generator, variance="beta-tilde").clone()


@alternative("mended_sampler")
def sampler_whose_guess_is_not_cut_off(model, x_T, alpha_bar, generator):
    def step(x0, x, t, now, z):
        beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
        return posterior_mean(x0, x, now, alpha_bar) + (t > 1) * beta.sqrt().to(x) * z

    return jumping(model, x_T, alpha_bar, generator, step)

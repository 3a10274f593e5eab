"""What people answer in lesson 04."""

import copy

import torch

from course_utils import diffusion, samplers
from course_utils.diffusion import model_time, posterior_mean, posterior_variance, q_sample, recover_x0
from tests.lessons.lesson04.lawless import ANSWERS  # those that break a law, and the training loop's, are in it already

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


def image_shape(a):
    return a.reshape(-1, 1, 1, 1)


def levels(t, alpha_bar):
    a, before = alpha_bar[t], alpha_bar[t - 1]
    return a, before, a / before, 1 - a / before


# --- posterior_variance ---


@mistake("posterior_variance", "this is beta_t")
def variance_of_the_step_forwards(t, alpha_bar):
    return 1 - alpha_bar[t] / alpha_bar[t - 1]


@mistake("posterior_variance", "upside down")
def variance_upside_down(t, alpha_bar):
    a, before, _, beta = levels(t, alpha_bar)
    return (1 - a) / (1 - before) * beta


@mistake("posterior_variance", "leave out the square root")
def variance_as_deviation(t, alpha_bar):
    a, before, _, beta = levels(t, alpha_bar)
    return ((1 - before) / (1 - a) * beta).sqrt()


@mistake("posterior_variance", "beta_t is missing")
def variance_without_beta(t, alpha_bar):
    return (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])


@mistake("posterior_variance", "quotient is that of the two alpha_bars")
def variance_from_the_signal(t, alpha_bar):
    a, before, _, beta = levels(t, alpha_bar)
    return a / before * beta


@mistake("posterior_variance", "all the noise so far")
def variance_with_all_the_noise(t, alpha_bar):
    a, before, _, _ = levels(t, alpha_bar)
    return (1 - before) / (1 - a) * (1 - a)


@mistake("posterior_variance", "the variance is one over it")
def variance_as_precision(t, alpha_bar):
    _, before, alpha, beta = levels(t, alpha_bar)
    return alpha / beta + 1 / (1 - before)


@mistake("posterior_variance", "factor alpha_t is missing")
def variance_with_a_simpler_precision(t, alpha_bar):
    _, before, _, beta = levels(t, alpha_bar)
    return 1 / (1 / beta + 1 / (1 - before))


@mistake("posterior_variance", "float32")
def variance_in_float32(t, alpha_bar):
    a, before, _, beta = levels(t, alpha_bar.float())
    return (1 - before) / (1 - a) * beta


@mistake("posterior_variance", "at t = 1 the variance is")
def variance_cut_off_from_below(t, alpha_bar):
    a, before, _, beta = levels(t, alpha_bar)
    return ((1 - before) / (1 - a) * beta).clamp(min=1e-3)


@alternative("posterior_variance")
def variance_through_precisions(t, alpha_bar):
    _, before, alpha, beta = levels(t, alpha_bar)
    return 1 / (alpha / beta + 1 / (1 - before))


@alternative("posterior_variance")
def variance_in_a_loop(t, alpha_bar):
    values = []
    for step in t.tolist():
        a, before = alpha_bar[step], alpha_bar[step - 1]
        values.append((1 - before) * (1 - a / before) / (1 - a))
    return torch.stack(values)


# --- posterior_mean ---


@mistake("posterior_mean", "two pictures are swapped")
def mean_swapped(x0, x_t, t, alpha_bar):
    return posterior_mean(x_t, x0, t, alpha_bar)


def mean_of(x0, x_t, t, alpha_bar, of_x0, of_x_t):
    parts = levels(t, alpha_bar)
    return image_shape(of_x0(*parts)).to(x_t) * x0 + image_shape(of_x_t(*parts)).to(x_t) * x_t


@mistake("posterior_mean", "both square roots are missing")
def mean_without_roots(x0, x_t, t, alpha_bar):
    return mean_of(
        x0, x_t, t, alpha_bar, lambda a, b, al, be: b * be / (1 - a), lambda a, b, al, be: al * (1 - b) / (1 - a)
    )


@mistake("posterior_mean", "root of alpha_t is missing")
def mean_without_the_second_root(x0, x_t, t, alpha_bar):
    return mean_of(
        x0, x_t, t, alpha_bar, lambda a, b, al, be: b.sqrt() * be / (1 - a), lambda a, b, al, be: al * (1 - b) / (1 - a)
    )


@mistake("posterior_mean", "that of the step before")
def mean_with_the_wrong_level(x0, x_t, t, alpha_bar):
    return mean_of(
        x0,
        x_t,
        t,
        alpha_bar,
        lambda a, b, al, be: a.sqrt() * be / (1 - a),
        lambda a, b, al, be: al.sqrt() * (1 - b) / (1 - a),
    )


@mistake("posterior_mean", "this step's own share")
def mean_with_the_product_for_the_share(x0, x_t, t, alpha_bar):
    return mean_of(
        x0,
        x_t,
        t,
        alpha_bar,
        lambda a, b, al, be: b.sqrt() * be / (1 - a),
        lambda a, b, al, be: a.sqrt() * (1 - b) / (1 - a),
    )


@mistake("posterior_mean", "division by 1 - alpha_bar_t is missing")
def mean_without_division(x0, x_t, t, alpha_bar):
    return mean_of(x0, x_t, t, alpha_bar, lambda a, b, al, be: b.sqrt() * be, lambda a, b, al, be: al.sqrt() * (1 - b))


@mistake("posterior_mean", "with the same noise")
def mean_by_the_jump(x0, x_t, t, alpha_bar):
    a, before, _, _ = (image_shape(v).to(x_t) for v in levels(t, alpha_bar))
    eps = (x_t - a.sqrt() * x0) / (1 - a).sqrt()
    return before.sqrt() * x0 + (1 - before).sqrt() * eps


@mistake("posterior_mean", "column w of every picture")
def mean_on_the_last_axis(x0, x_t, t, alpha_bar):
    a, before, alpha, beta = (v.to(x_t) for v in levels(t, alpha_bar))
    return before.sqrt() * beta / (1 - a) * x0 + alpha.sqrt() * (1 - before) / (1 - a) * x_t


@mistake("posterior_mean", "use the whole of t")
def mean_with_the_first_step(x0, x_t, t, alpha_bar):
    return posterior_mean(x0, x_t, t[:1].expand(len(t)), alpha_bar)


@mistake("posterior_mean", "should be float32")
def mean_in_float64(x0, x_t, t, alpha_bar):
    return posterior_mean(x0.double(), x_t.double(), t, alpha_bar)


@mistake("posterior_mean", "changes the tensors")
def mean_in_place(x0, x_t, t, alpha_bar):
    mean = posterior_mean(x0, x_t, t, alpha_bar)
    x_t *= 0
    return x_t + mean


@mistake("posterior_mean", "no gradient")
def mean_without_gradient(x0, x_t, t, alpha_bar):
    return posterior_mean(x0.detach(), x_t, t, alpha_bar)


@alternative("posterior_mean")
def mean_through_the_noise(x0, x_t, t, alpha_bar):
    a, _, alpha, beta = (image_shape(v).to(x_t) for v in levels(t, alpha_bar))
    eps = (x_t - a.sqrt() * x0) / (1 - a).sqrt()
    return (x_t - beta / (1 - a).sqrt() * eps) / alpha.sqrt()


@alternative("posterior_mean")
def mean_weighted_by_precision(x0, x_t, t, alpha_bar):
    _, before, alpha, beta = (image_shape(v).to(x_t) for v in levels(t, alpha_bar))
    left = 1 - before  # the variance that x_{t-1} has when x0 is known
    variance = beta * left / (beta + alpha * left)
    return alpha.sqrt() / beta * variance * x_t + before.sqrt() * beta / (beta + alpha * left) * x0


# --- bound_weight ---


@mistake("bound_weight", "the 2 below the line")
def weight_without_the_two(t, alpha_bar):
    a, _, alpha, beta = levels(t, alpha_bar)
    return beta / (alpha * (1 - a))


@mistake("bound_weight", "one beta_t cancels")
def weight_with_beta_squared(t, alpha_bar):
    a, _, alpha, beta = levels(t, alpha_bar)
    return beta**2 / (2 * alpha * (1 - a))


@mistake("bound_weight", "alpha_t is missing")
def weight_without_alpha(t, alpha_bar):
    a, _, _, beta = levels(t, alpha_bar)
    return beta / (2 * (1 - a))


@mistake("bound_weight", "for the error of the mean")
def weight_of_the_mean(t, alpha_bar):
    return 1 / (2 * levels(t, alpha_bar)[3])


@mistake("bound_weight", "it should be alpha_t")
def weight_with_the_product(t, alpha_bar):
    a, _, _, beta = levels(t, alpha_bar)
    return beta / (2 * a * (1 - a))


@mistake("bound_weight", "where 1 - alpha_bar_t belongs")
def weight_with_the_signal(t, alpha_bar):
    a, _, alpha, beta = levels(t, alpha_bar)
    return beta / (2 * alpha * a)


@mistake("bound_weight", "is not squared")
def weight_with_the_root(t, alpha_bar):
    a, _, alpha, _ = levels(t, alpha_bar)
    return 1 / (2 * (alpha * (1 - a)).sqrt())


@mistake("bound_weight", "float32")
def weight_in_float32(t, alpha_bar):
    return diffusion.bound_weight(t, alpha_bar.float())


@alternative("bound_weight")
def weight_with_everything_written_out(t, alpha_bar):
    a, _, alpha, beta = levels(t, alpha_bar)
    coefficient = beta / (alpha * (1 - a)).sqrt()
    return coefficient**2 / (2 * beta)


@alternative("bound_weight")
def weight_in_a_loop(t, alpha_bar):
    values = []
    for step in t.tolist():
        alpha = alpha_bar[step] / alpha_bar[step - 1]
        values.append(0.5 * (1 / alpha - 1) / (1 - alpha_bar[step]))
    return torch.stack(values)


# --- ddpm_loss ---


@mistake("ddpm_loss", "told t itself")
def loss_with_raw_steps(model, x0, t, alpha_bar, eps):
    return (eps - model(q_sample(x0, t, alpha_bar, eps), t.float())).square().mean()


@mistake("ddpm_loss", "told t / T")
def loss_with_shares(model, x0, t, alpha_bar, eps):
    return (eps - model(q_sample(x0, t, alpha_bar, eps), t.float() / (len(alpha_bar) - 1))).square().mean()


@mistake("ddpm_loss", "T is one too large")
def loss_with_one_step_too_many(model, x0, t, alpha_bar, eps):
    return (eps - model(q_sample(x0, t, alpha_bar, eps), model_time(t, len(alpha_bar)))).square().mean()


def loss_of(model, x0, t, alpha_bar, eps):
    """x_t and the guess."""
    x_t = q_sample(x0, t, alpha_bar, eps)
    return x_t, model(x_t, model_time(t, len(alpha_bar) - 1))


@mistake("ddpm_loss", "given the clean pictures")
def loss_on_clean_pictures(model, x0, t, alpha_bar, eps):
    return (eps - model(x0, model_time(t, len(alpha_bar) - 1))).square().mean()


@mistake("ddpm_loss", "not given x_t")
def loss_with_its_own_noise(model, x0, t, alpha_bar, eps):
    x_t = q_sample(x0, t, alpha_bar, torch.randn_like(x0))
    return (eps - model(x_t, model_time(t, len(alpha_bar) - 1))).square().mean()


@mistake("ddpm_loss", "this is the sum over everything")
def loss_summed(model, x0, t, alpha_bar, eps):
    return (eps - loss_of(model, x0, t, alpha_bar, eps)[1]).square().sum()


@mistake("ddpm_loss", "averaged over the batch")
def loss_summed_in_each_picture(model, x0, t, alpha_bar, eps):
    return (eps - loss_of(model, x0, t, alpha_bar, eps)[1]).square().sum((1, 2, 3)).mean()


@mistake("ddpm_loss", "absolute errors")
def loss_of_absolute_errors(model, x0, t, alpha_bar, eps):
    return (eps - loss_of(model, x0, t, alpha_bar, eps)[1]).abs().mean()


@mistake("ddpm_loss", "compared with the clean picture")
def loss_against_the_picture(model, x0, t, alpha_bar, eps):
    return (x0 - loss_of(model, x0, t, alpha_bar, eps)[1]).square().mean()


@mistake("ddpm_loss", "compared with the noised picture")
def loss_against_the_noised_picture(model, x0, t, alpha_bar, eps):
    x_t, guess = loss_of(model, x0, t, alpha_bar, eps)
    return (x_t - guess).square().mean()


@mistake("ddpm_loss", "so that they cancel")
def loss_not_squared(model, x0, t, alpha_bar, eps):
    return (loss_of(model, x0, t, alpha_bar, eps)[1] - eps).mean()


@mistake("ddpm_loss", "square root of the loss")
def loss_as_a_root(model, x0, t, alpha_bar, eps):
    return (eps - loss_of(model, x0, t, alpha_bar, eps)[1]).square().mean().sqrt()


@mistake("ddpm_loss", "weighted as in the bound")
def loss_weighted(model, x0, t, alpha_bar, eps):
    weight = image_shape(diffusion.bound_weight(t, alpha_bar))
    return (weight * (eps - loss_of(model, x0, t, alpha_bar, eps)[1]).square()).mean()


@mistake("ddpm_loss", "no gradient")
def loss_detached(model, x0, t, alpha_bar, eps):
    return (eps - loss_of(model, x0, t, alpha_bar, eps)[1].detach()).square().mean()


@mistake("ddpm_loss", "plain number")
def loss_as_a_number(model, x0, t, alpha_bar, eps):
    return (eps - loss_of(model, x0, t, alpha_bar, eps)[1]).square().mean().item()


@mistake("ddpm_loss", "it should be one number")
def loss_for_every_pixel(model, x0, t, alpha_bar, eps):
    return (eps - loss_of(model, x0, t, alpha_bar, eps)[1]).square()


@mistake("ddpm_loss", "called with the noised pictures and the time")
def loss_without_the_time(model, x0, t, alpha_bar, eps):
    return (eps - model(q_sample(x0, t, alpha_bar, eps))).square().mean()


@alternative("ddpm_loss")
def loss_by_pytorch(model, x0, t, alpha_bar, eps):
    x_t = q_sample(x0, t, alpha_bar, eps)
    return torch.nn.functional.mse_loss(model(x_t, model_time(t, len(alpha_bar) - 1)), eps)


@alternative("ddpm_loss")
def loss_by_hand(model, x0, t, alpha_bar, eps):
    a = image_shape(alpha_bar[t].to(x0))
    guess = model(a.sqrt() * x0 + (1 - a).sqrt() * eps, 1000.0 * t / (alpha_bar.numel() - 1))
    return ((guess - eps) ** 2).flatten(1).mean(1).mean()


# --- ema_update ---


@mistake("ema_update", "keeps only a tenth")
@torch.no_grad()
def average_the_wrong_way_round(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.copy_((1 - decay) * a + decay * p)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


@mistake("ema_update", "binds a name anew")
def average_of_names(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a = decay * a + (1 - decay) * p
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


@mistake("ema_update", "refuses to change a weight in place")
def average_with_gradients(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_((1 - decay) * p)


@mistake("ema_update", "the schedule, a buffer, is averaged")
@torch.no_grad()
def average_of_everything(average, model, decay):
    ours, theirs = average.state_dict(), model.state_dict()
    for key in ours:
        ours[key].copy_(decay * ours[key] + (1 - decay) * theirs[key])


@mistake("ema_update", "cannot be averaged")
@torch.no_grad()
def average_of_counters(average, model, decay):
    for a, p in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        a.mul_(decay).add_(p, alpha=1 - decay)


@mistake("ema_update", "buffers are left as they were")
@torch.no_grad()
def average_without_buffers(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(p, 1 - decay)


@mistake("ema_update", "is now the model")
@torch.no_grad()
def average_as_a_copy(average, model, decay):
    average.load_state_dict(model.state_dict())


@mistake("ema_update", "the model itself is changed")
@torch.no_grad()
def average_that_pulls_the_model(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(p, 1 - decay)
        p.lerp_(a, 1 - decay)
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.copy_(b)


@mistake("ema_update", "added in full")
@torch.no_grad()
def average_that_grows(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.mul_(decay).add_(p)


@mistake("ema_update", "share memory")
@torch.no_grad()
def average_that_borrows_the_buffers(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.lerp_(p, 1 - decay)
    for name, b in model.named_buffers():
        setattr(average, name, b)


@alternative("ema_update")
def average_through_data(average, model, decay):
    for a, p in zip(average.parameters(), model.parameters(), strict=True):
        a.data = decay * a.data + (1 - decay) * p.data
    for a, b in zip(average.buffers(), model.buffers(), strict=True):
        a.data = b.data.clone()


@alternative("ema_update")
def average_through_a_state_dict(average, model, decay):
    state = copy.deepcopy(model.state_dict())
    names = {name for name, _ in model.named_parameters()}
    for name, old in average.state_dict().items():
        if name in names:
            state[name] = decay * old + (1 - decay) * state[name]
    average.load_state_dict(state)


# --- p_sample ---


def eps_of(predict, x_t, t, alpha_bar):
    return predict(x_t, model_time(torch.full((len(x_t),), t), len(alpha_bar) - 1))


def step_back(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    """A right answer, for the wrong ones to change a little."""
    now = torch.full((len(x_t),), t)
    x0 = recover_x0(x_t, now, alpha_bar, eps_of(predict, x_t, t, alpha_bar))
    if clip:
        x0 = x0.clamp(-1, 1)
    return posterior_mean(x0, x_t, now, alpha_bar), sigma_of(t, alpha_bar, variance)


def sigma_of(t, alpha_bar, variance):
    beta = 1 - alpha_bar[t] / alpha_bar[t - 1]
    return float((beta if variance == "beta" else posterior_variance(torch.tensor([t]), alpha_bar)[0]).sqrt())


@mistake("p_sample", "in training it was told 1000 t / T")
def step_with_the_raw_step(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    return step_back(lambda x, _: predict(x, torch.full((len(x),), float(t))), x_t, t, alpha_bar, z)[0]


@mistake("p_sample", "tensor of shape (B,)")
def step_with_one_time(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    return step_back(lambda x, time: predict(x, time[0]), x_t, t, alpha_bar, z)[0]


@mistake("p_sample", "T is one too large")
def step_with_one_step_too_many(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    def late(x, _):
        return predict(x, model_time(torch.full((len(x),), t), len(alpha_bar)))

    return step_back(late, x_t, t, alpha_bar, z)[0]


@mistake("p_sample", "told the time of step 9")
def step_with_the_time_before(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    def early(x, _):
        return predict(x, model_time(torch.full((len(x),), t - 1), len(alpha_bar) - 1))

    return step_back(early, x_t, t, alpha_bar, z)[0]


@mistake("p_sample", "noise is added at the last step")
def step_with_noise_at_the_end(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t, t, alpha_bar, z, variance, clip)
    return mean + sigma * z


@mistake("p_sample", "multiplied by the variance beta_t")
def step_without_the_root(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t, t, alpha_bar, z, variance, clip)
    return mean + (sigma**2 * z if t > 1 else 0)


@mistake("p_sample", "no noise is added")
def step_without_noise(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    return step_back(predict, x_t, t, alpha_bar, z, variance, clip)[0]


@mistake("p_sample", "all of z is added")
def step_with_all_the_noise(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, _ = step_back(predict, x_t, t, alpha_bar, z, variance, clip)
    return mean + (z if t > 1 else 0)


@mistake("p_sample", "root of alpha_t is missing")
def step_that_does_not_grow(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    a, _, _, beta = (v.to(x_t) for v in levels(t, alpha_bar))
    mean = x_t - beta / (1 - a).sqrt() * eps_of(predict, x_t, t, alpha_bar)
    return mean + (sigma_of(t, alpha_bar, variance) * z if t > 1 else 0)


@mistake("p_sample", "undoes one step, alpha_t")
def step_that_grows_too_much(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    a, _, _, beta = (v.to(x_t) for v in levels(t, alpha_bar))
    mean = (x_t - beta / (1 - a).sqrt() * eps_of(predict, x_t, t, alpha_bar)) / a.sqrt()
    return mean + (sigma_of(t, alpha_bar, variance) * z if t > 1 else 0)


@mistake("p_sample", "below the line stands the root")
def step_without_the_inner_root(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    a, _, alpha, beta = (v.to(x_t) for v in levels(t, alpha_bar))
    mean = (x_t - beta / (1 - a) * eps_of(predict, x_t, t, alpha_bar)) / alpha.sqrt()
    return mean + (sigma_of(t, alpha_bar, variance) * z if t > 1 else 0)


@mistake("p_sample", "takes away all the noise at once")
def step_to_the_picture(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    x0 = recover_x0(x_t, torch.full((len(x_t),), t), alpha_bar, eps_of(predict, x_t, t, alpha_bar))
    return x0 + (sigma_of(t, alpha_bar, variance) * z if t > 1 else 0)


@mistake("p_sample", "noised again to step t - 1")
def step_by_noising_anew(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    x0 = recover_x0(x_t, torch.full((len(x_t),), t), alpha_bar, eps_of(predict, x_t, t, alpha_bar))
    return q_sample(x0, torch.full((len(x_t),), t - 1), alpha_bar, z)


@mistake("p_sample", 'variance="beta-tilde" makes no difference')
def step_that_knows_one_variance(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t, t, alpha_bar, z, "beta", clip)
    return mean + (sigma * z if t > 1 else 0)


@mistake("p_sample", "clip=True makes no difference")
def step_that_does_not_clip(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t, t, alpha_bar, z, variance, False)
    return mean + (sigma * z if t > 1 else 0)


@mistake("p_sample", "it is x_(t-1) that is cut off")
def step_that_clips_the_result(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t, t, alpha_bar, z, variance, False)
    result = mean + (sigma * z if t > 1 else 0)
    return result.clamp(-1, 1) if clip else result


@mistake("p_sample", "draw none")
def step_with_its_own_noise(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t, t, alpha_bar, z, variance, clip)
    return mean + (sigma * torch.randn_like(x_t) if t > 1 else 0)


@mistake("p_sample", "should be float32")
def step_in_float64(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t.double(), t, alpha_bar, z, variance, clip)
    return mean + (sigma * z if t > 1 else 0)


@alternative("p_sample")
def step_by_equation_eleven(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    a, before, alpha, beta = (float(v) for v in levels(t, alpha_bar))
    eps = predict(x_t, torch.full((x_t.shape[0],), 1000.0 * t / (len(alpha_bar) - 1)))
    if clip:
        x0 = ((x_t - (1 - a) ** 0.5 * eps) / a**0.5).clamp(min=-1, max=1)
        eps = (x_t - a**0.5 * x0) / (1 - a) ** 0.5
    mean = (x_t - beta / (1 - a) ** 0.5 * eps) / alpha**0.5
    if t == 1:
        return mean
    return mean + (beta if variance == "beta" else (1 - before) / (1 - a) * beta) ** 0.5 * z


@alternative("p_sample")
def step_through_the_picture(predict, x_t, t, alpha_bar, z, variance="beta", clip=False):
    mean, sigma = step_back(predict, x_t, t, alpha_bar, z, variance, clip)
    return mean + (t > 1) * sigma * z


# --- sample_ddpm ---


def steps_of(predict, x, alpha_bar, generator, times, noise=None, **settings):
    draw = noise or (lambda x: torch.randn(x.shape, generator=generator).to(x))
    for t in times:
        x = samplers.p_sample(predict, x, t, alpha_bar, draw(x), **settings)
    return x


@mistake("sample_ddpm", "the walk begins at t = 19")
def walk_without_the_first_step(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 2, 0, -1))


@mistake("sample_ddpm", "ends at t = 2")
def walk_without_the_last_step(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 1, -1))


@mistake("sample_ddpm", "runs forwards")
def walk_forwards(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return steps_of(predict, x_T, alpha_bar, generator, range(1, len(alpha_bar)))


@mistake("sample_ddpm", "every step adds the same noise")
def walk_with_one_noise(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    z = torch.randn(x_T.shape, generator=generator).to(x_T)
    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1), lambda x: z)


@mistake("sample_ddpm", "no noise is added on the way")
def walk_without_noise(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1), torch.zeros_like)


@mistake("sample_ddpm", "all pictures of the batch get the same noise")
def walk_with_shared_noise(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    def shared(x):
        return torch.randn(x.shape[1:], generator=generator).to(x).expand_as(x)

    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1), shared)


@mistake("sample_ddpm", "torch.randn, not torch.rand")
def walk_with_even_noise(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    def even(x):
        return torch.rand(x.shape, generator=generator).to(x)

    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1), even)


@mistake("sample_ddpm", "gives two different results")
def walk_without_the_generator(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1), torch.randn_like)


@mistake("sample_ddpm", "both passed on to p_sample")
def walk_without_the_variance(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1), clip=clip)


@mistake("sample_ddpm", "pass clip on")
def walk_without_clipping(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1), variance=variance)


@mistake("sample_ddpm", "does not begin with x_T")
def walk_from_its_own_noise(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    x = torch.randn(x_T.shape, generator=generator).to(x_T)
    return steps_of(predict, x, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1))


@mistake("sample_ddpm", "last step's result is lost")
def walk_that_loses_its_result(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    x = steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 1, -1))
    samplers.p_sample(predict, x, 1, alpha_bar, torch.zeros_like(x))
    return x


@mistake("sample_ddpm", "returns None")
def walk_without_return(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 0, -1))


@alternative("sample_ddpm")
def walk_with_while(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    x, t = x_T, len(alpha_bar) - 1
    while t > 0:
        z = torch.randn(*x.shape, generator=generator, dtype=x.dtype)
        x, t = samplers.p_sample(predict, x, t, alpha_bar, z, variance=variance, clip=clip), t - 1
    return x


@alternative("sample_ddpm")
def walk_over_reversed_steps(predict, x_T, alpha_bar, generator, variance="beta", clip=False):
    x = x_T.clone()
    for t in reversed(range(1, alpha_bar.numel())):
        z = torch.randn(x.shape, generator=generator).to(x) if t > 1 else torch.zeros_like(x)
        x = step_by_equation_eleven(predict, x, t, alpha_bar, z, variance, clip)
    return x


# --- mended_sampler ---


def quick(model, x_T, alpha_bar, generator, clock, noise_at):
    """The colleague's sampler with its two bugs left open."""
    T, x = len(alpha_bar) - 1, x_T
    for t in range(T, 0, -1):
        now = torch.full((len(x),), t)
        with torch.no_grad():
            eps = model(x, clock(now, T))
        x0 = recover_x0(x, now, alpha_bar, eps).clamp(-1, 1)
        x = posterior_mean(x0, x, now, alpha_bar)
        if noise_at(t):
            x = x + sigma_of(t, alpha_bar, "beta") * torch.randn(x.shape, generator=generator).to(x)
    return x


def raw(now, T):
    return now.float()


@mistake("mended_sampler", "still the colleague's version")
def sampler_as_it_was(model, x_T, alpha_bar, generator):
    return quick(model, x_T, alpha_bar, generator, raw, lambda t: True)


@mistake("mended_sampler", "a fine grain is left")
def sampler_with_grain(model, x_T, alpha_bar, generator):
    return quick(model, x_T, alpha_bar, generator, model_time, lambda t: True)


@mistake("mended_sampler", "in training it was told 1000 t / T")
def sampler_with_the_wrong_clock(model, x_T, alpha_bar, generator):
    return quick(model, x_T, alpha_bar, generator, raw, lambda t: t > 1)


@mistake("mended_sampler", "no noise is added on the way")
def sampler_without_noise(model, x_T, alpha_bar, generator):
    return quick(model, x_T, alpha_bar, generator, model_time, lambda t: False)


@mistake("mended_sampler", "at t = 2 either")
def sampler_that_stops_early(model, x_T, alpha_bar, generator):
    return quick(model, x_T, alpha_bar, generator, model_time, lambda t: t > 2)


@mistake("mended_sampler", "its clock runs from 0 to 1000")
def sampler_with_shares(model, x_T, alpha_bar, generator):
    return quick(model, x_T, alpha_bar, generator, lambda now, T: now / T, lambda t: t > 1)


@mistake("mended_sampler", "called at 49 times for 50 steps")
def sampler_without_the_last_step(model, x_T, alpha_bar, generator):
    def predict(x, t):
        return model(x, t)

    return steps_of(predict, x_T, alpha_bar, generator, range(len(alpha_bar) - 1, 1, -1), clip=True)


@alternative("mended_sampler")
def sampler_with_both_mended(model, x_T, alpha_bar, generator):
    return quick(model, x_T, alpha_bar, generator, model_time, lambda t: t > 1)


@alternative("mended_sampler")
def sampler_with_the_other_variance(model, x_T, alpha_bar, generator):
    def predict(x, t):
        return model(x, t)

    with torch.no_grad():
        return samplers.sample_ddpm(predict, x_T, alpha_bar, generator, variance="beta-tilde")

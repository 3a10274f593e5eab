"""What people answer in lesson 12 that breaks a law, and right answers of unusual shape."""

import itertools

import torch

from course_utils import diffusion, guidance, samplers
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


def image_shape(a):
    return a.reshape(-1, 1, 1, 1)


# --- bernoulli_mask and drop_condition ---


@mistake("bernoulli_mask", "two calls with one generator")
def mask_that_uses_the_generator_beside_it(n, p, generator):
    torch.rand(1, generator=generator)
    return torch.rand(n, generator=torch.Generator().manual_seed(generator.initial_seed())) < p


@mistake("bernoulli_mask", "the generator is never used")
def mask_of_the_generators_seed(n, p, generator):
    return torch.rand(n, generator=torch.Generator().manual_seed(generator.initial_seed())) < p


@alternative("bernoulli_mask")
def mask_coin_by_coin(n, p, generator):
    return torch.tensor([torch.rand((), generator=generator).item() < p for _ in range(n)], dtype=torch.bool)


@mistake("drop_condition", "comes out otherwise alone")
def drop_by_the_place_of_the_first(cond, mask, null):
    return torch.where(mask, null, cond) if len(cond) != 1 else cond


@mistake("drop_condition", "`mask` is another one afterwards")
def drop_that_clears_the_mask(cond, mask, null):
    dropped = torch.where(mask, null, cond)
    mask.fill_(False)
    return dropped


@alternative("drop_condition")
def drop_one_by_one(cond, mask, null):
    return torch.tensor([null if lost else int(c) for c, lost in zip(cond, mask, strict=True)])


# --- cfg_loss ---


@mistake("cfg_loss", "`x0` is another one afterwards")
def loss_that_noises_in_place(model, x0, cond, t, alpha_bar, eps, mask, null):
    v = diffusion.target("v", x0, eps, t, alpha_bar)
    x0.copy_(diffusion.q_sample(x0, t, alpha_bar, eps))
    told = torch.where(mask, null, cond)
    return (model(x0, diffusion.model_time(t, len(alpha_bar) - 1), told) - v).square().mean()


@mistake("cfg_loss", "no gradient flows back to `model`")
def loss_without_a_graph(model, x0, cond, t, alpha_bar, eps, mask, null):
    with torch.no_grad():
        loss = guidance.cfg_loss(model, x0, cond, t, alpha_bar, eps, mask, null)
    return loss.requires_grad_()


@mistake("cfg_loss", "use `.reshape`")
def loss_through_a_view(model, x0, cond, t, alpha_bar, eps, mask, null):
    v = diffusion.target("v", x0, eps, t, alpha_bar)
    told = torch.where(mask, null, cond)
    out = model(diffusion.q_sample(x0, t, alpha_bar, eps), diffusion.model_time(t, len(alpha_bar) - 1), told)
    return (out.view(-1) - v.view(-1)).square().mean()


@mistake("cfg_loss", "the mean of what its pictures give")
def loss_for_batches_of_four(model, x0, cond, t, alpha_bar, eps, mask, null):
    whole = guidance.cfg_loss(model, x0, cond, t, alpha_bar, eps, mask, null)
    return whole * len(x0) / 4


@mistake("cfg_loss", "with T = 20 the network is told the time 500")
def loss_with_the_clock_of_hundred_steps(model, x0, cond, t, alpha_bar, eps, mask, null):
    told = torch.where(mask, null, cond)
    out = model(diffusion.q_sample(x0, t, alpha_bar, eps), 10.0 * t if len(alpha_bar) == 101 else 500 + 0.0 * t, told)
    return (out - diffusion.target("v", x0, eps, t, alpha_bar)).square().mean()


@alternative("cfg_loss")
def loss_of_sorted_pictures(model, x0, cond, t, alpha_bar, eps, mask, null):
    order = mask.argsort()  # those with a class first
    x0, cond, t, eps, mask = (value[order] for value in (x0, cond, t, eps, mask))
    return guidance.cfg_loss(model, x0, cond, t, alpha_bar, eps, mask, null)


# --- guide ---


@mistake("guide", "the dtype of eps_cond: convert w")
def guide_with_weights_as_they_come(eps_cond, eps_uncond, w):
    w = image_shape(w) if torch.is_tensor(w) else w
    return (1 + w) * eps_cond - w * eps_uncond


@mistake("guide", "on a GPU this mixes devices")
def guide_with_a_weight_on_the_cpu(eps_cond, eps_uncond, w):
    scale = 1 + torch.as_tensor(w, dtype=eps_cond.dtype)
    return eps_uncond.lerp(eps_cond, scale.reshape(-1, *[1] * (eps_cond.ndim - 1)))


@mistake("guide", "comes out otherwise alone")
def guide_by_the_mean_difference(eps_cond, eps_uncond, w):
    if len(eps_cond) != 5:
        return guidance.guide(eps_cond, eps_uncond, w)
    return eps_cond + w * (eps_cond - eps_uncond).mean(0, keepdim=True)


@mistake("guide", "pictures of shape (2,)")
def guide_for_four_axes_alone(eps_cond, eps_uncond, w):
    w = torch.as_tensor(w).to(eps_cond).reshape(-1, 1, 1, 1)
    return (1 + w) * eps_cond - w * eps_uncond


@alternative("guide")
def guide_picture_by_picture(eps_cond, eps_uncond, w):
    weights = w.tolist() if torch.is_tensor(w) else [w] * len(eps_cond)
    rows = [(1 + k) * c - k * u for k, c, u in zip(weights, eps_cond, eps_uncond, strict=True)]
    return torch.stack(rows)


@mistake("cfg_from_scale", "changes the tensors it is given")
def weight_in_place(scale):
    if torch.is_tensor(scale):
        return scale.sub_(1)
    return scale - 1


# --- guided_predict ---


def halves(model, cond, x, t):
    both = torch.cat([cond, torch.full_like(cond, model.classes)])
    return model(torch.cat([x, x]), torch.cat([t, t]), both).chunk(2)


@mistake("guided_predict", "with kind = 'x0'")
def predict_with_the_step_of_a_shorter_schedule(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        step = diffusion.schedule_step(t, len(alpha_bar) - 2).clamp(min=1)
        return diffusion.to_eps(kind, guidance.guide(*halves(model, cond, x, t), w), x, step, alpha_bar)

    return predict


@alternative("guided_predict")
def predict_with_steps_where_t_is(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        step = diffusion.schedule_step(t, len(alpha_bar) - 1)
        return diffusion.to_eps(kind, guidance.guide(*halves(model, cond, x, t), w), x, step, alpha_bar)

    return predict


@mistake("guided_predict", "`x` is another one afterwards")
def predict_in_place(model, cond, w, *, kind="eps", alpha_bar=None):
    inner = guidance.guided_predict(model, cond, w, kind=kind, alpha_bar=alpha_bar)
    return lambda x, t: x.copy_(inner(x, t)).clone()


@mistake("guided_predict", "on a GPU this mixes devices")
def predict_on_the_cpu(model, cond, w, *, kind="eps", alpha_bar=None):
    inner = predict_with_steps_where_t_is(model, cond, w, kind=kind, alpha_bar=alpha_bar)
    return lambda x, t: inner(x, t) + torch.zeros(x.shape)


@mistake("guided_predict", "it should be float32")
def predict_in_float64(model, cond, w, *, kind="eps", alpha_bar=None):
    inner = guidance.guided_predict(model, cond, w, kind=kind, alpha_bar=alpha_bar)
    return lambda x, t: inner(x, t).double()


@alternative("guided_predict")
def predict_with_the_schedule_moved(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        bars = alpha_bar.to(x.device)
        step = (t * (len(bars) - 1) / 1000).round().long()
        return diffusion.to_eps(kind, guidance.guide(*halves(model, cond, x, t), w), x, step, bars)

    return predict


@alternative("guided_predict")
def predict_with_steps_one_by_one(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        step = torch.tensor([round(time * (len(alpha_bar) - 1) / 1000) for time in t.tolist()])
        return diffusion.to_eps(kind, guidance.guide(*halves(model, cond, x, t), w), x, step, alpha_bar)

    return predict


# --- sample_cfg ---


@mistake("sample_cfg", "`x_T` is another one afterwards")
def sampler_in_place(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    x_T.copy_(guidance.sample_cfg(model, x_T, cond, w, alpha_bar, steps, kind=kind, clip=clip))
    return x_T.clone()


@mistake("sample_cfg", "on a GPU this mixes devices")
def sampler_with_times_on_the_cpu(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    T, x = len(alpha_bar) - 1, x_T
    predict = predict_with_steps_where_t_is(model, cond, w, kind=kind, alpha_bar=alpha_bar)
    for t, s in itertools.pairwise(samplers.respace(T, steps).tolist()):
        eps = predict(x, torch.full((len(x),), 1000.0 * t / T))
        if clip:
            a = alpha_bar[t]
            eps = (x - a.sqrt() * ((x - (1 - a).sqrt() * eps) / a.sqrt()).clamp(-1, 1)) / (1 - a).sqrt()
        x = samplers.ddim_step(x, eps, t, s, alpha_bar)
    return x


@mistake("sample_cfg", "is `kind` ignored")
def sampler_that_forgets_the_kind(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return guidance.sample_cfg(model, x_T, cond, w, alpha_bar, steps, clip=clip)


@mistake("sample_cfg", "float64, it should be float32")
def sampler_in_float64(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return guidance.sample_cfg(model, x_T.double(), cond, w, alpha_bar, steps, kind=kind, clip=clip)


@alternative("sample_cfg")
def sampler_picture_by_picture(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    walks = [
        guidance.sample_cfg(model, x_T[i : i + 1], cond[i : i + 1], w, alpha_bar, steps, kind=kind, clip=clip)
        for i in range(len(x_T))
    ]
    return torch.cat(walks)


# --- implicit_gradient ---


@mistake("implicit_gradient", "is `kind` ignored")
def gradient_that_knows_two_kinds(model, cond, x, t, alpha_bar, *, kind="eps"):
    return guidance.implicit_gradient(model, cond, x, t, alpha_bar, kind="eps" if kind == "x0" else kind)


@mistake("implicit_gradient", "on a GPU this mixes devices")
def gradient_on_the_cpu(model, cond, x, t, alpha_bar, *, kind="eps"):
    time = diffusion.model_time(t, len(alpha_bar) - 1)
    told = (cond, torch.full_like(cond, model.classes))
    c, u = (diffusion.to_eps(kind, model(x, time, y), x, t, alpha_bar) for y in told)
    return torch.zeros(x.shape) + (u - c) / image_shape((1 - alpha_bar[t]).sqrt()).to(x)


@mistake("implicit_gradient", "comes out otherwise alone")
def gradient_of_sorted_steps(model, cond, x, t, alpha_bar, *, kind="eps"):
    if len(t) == 3:
        return guidance.implicit_gradient(model, cond, x, t, alpha_bar, kind=kind)
    share = (1 - alpha_bar[t]).sqrt() / (1 - alpha_bar[t.sort().values]).sqrt()
    return guidance.implicit_gradient(model, cond, x, t, alpha_bar, kind=kind) * image_shape(share)


@mistake("implicit_gradient", "it should be float32")
def gradient_in_float64(model, cond, x, t, alpha_bar, *, kind="eps"):
    return guidance.implicit_gradient(model, cond, x, t, alpha_bar, kind=kind).double()


@alternative("implicit_gradient")
def gradient_picture_by_picture(model, cond, x, t, alpha_bar, *, kind="eps"):
    rows = [
        guidance.implicit_gradient(model, cond[i : i + 1], x[i : i + 1], t[i : i + 1], alpha_bar, kind=kind)
        for i in range(len(x))
    ]
    return torch.cat(rows)


# --- mended_drop ---


@mistake("mended_drop", "the generator is never used")
def drop_by_the_generators_seed(cond, p, generator):
    lost = torch.rand(len(cond), generator=torch.Generator().manual_seed(generator.initial_seed())) < p
    return cond.masked_fill(lost[:, None], 0)


@mistake("mended_drop", "it should be float32")
def drop_in_float64(cond, p, generator):
    return cond.double() * (torch.rand(len(cond), 1, generator=generator) >= p)


@alternative("mended_drop")
def drop_row_by_row(cond, p, generator):
    return torch.stack([0 * row if torch.rand((), generator=generator) < p else row for row in cond])

"""What people answer in lesson 12."""

import itertools

import torch
import torch.nn.functional as F

from course_utils import diffusion, samplers
from tests.lessons.lesson12.lawless import ANSWERS  # those that break a law are in it already

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


def image_shape(a):
    return a.reshape(-1, 1, 1, 1)


# --- bernoulli_mask ---


@mistake("bernoulli_mask", "True means dropped, not kept")
def mask_of_the_kept(n, p, generator):
    return torch.rand(n, generator=generator) >= p


@mistake("bernoulli_mask", "one entry a feature")
def mask_per_feature(n, p, generator):
    return torch.rand(n, 512, generator=generator) < p


@mistake("bernoulli_mask", "one toss of the coin")
def mask_drawn_once(n, p, generator):
    return (torch.rand(1, generator=generator) < p).expand(n)


@mistake("bernoulli_mask", "it should be bool")
def mask_of_floats(n, p, generator):
    return torch.bernoulli(torch.full((n,), p), generator=generator)


@mistake("bernoulli_mask", "a fixed number is no toss")
def mask_of_a_fixed_number(n, p, generator):
    return torch.randperm(n, generator=generator) < round(p * n)


@mistake("bernoulli_mask", "gives two different results")
def mask_with_its_own_randomness(n, p, generator):
    return torch.rand(n) < p


@mistake("bernoulli_mask", "with p = 0.1 the mask is True for")
def mask_of_a_normal(n, p, generator):
    return torch.randn(n, generator=generator) < p - 0.5


@alternative("bernoulli_mask")
def mask_by_bernoulli(n, p, generator):
    return torch.bernoulli(torch.full((n,), float(p)), generator=generator).bool()


@alternative("bernoulli_mask")
def mask_from_the_other_end(n, p, generator):
    return torch.rand(n, generator=generator) >= 1 - p


# --- drop_condition ---


@mistake("drop_condition", "kept ones that became null")
def drop_the_wrong_ones(cond, mask, null):
    return torch.where(mask, cond, null)


@mistake("drop_condition", "class 0, which is a flower like any other")
def drop_to_class_zero(cond, mask, null):
    return cond * ~mask


@mistake("drop_condition", "some images are gone")
def drop_the_images(cond, mask, null):
    return cond[~mask]


@mistake("drop_condition", "changes the tensors it is given")
def drop_in_place(cond, mask, null):
    cond[mask] = null
    return cond


@mistake("drop_condition", "still shows through")
def drop_that_leaks(cond, mask, null):
    return cond + null * mask


@mistake("drop_condition", "all were dropped, because one is")
def drop_all_or_nothing(cond, mask, null):
    return torch.full_like(cond, null) if mask.any() else cond


@mistake("drop_condition", "use the argument")
def drop_to_five(cond, mask, null):
    return torch.where(mask, 5, cond)


@mistake("drop_condition", "fractions")
def drop_to_floats(cond, mask, null):
    return torch.where(mask, float(null), cond.float())


@alternative("drop_condition")
def drop_with_where(cond, mask, null):
    return torch.where(mask, null, cond)


@alternative("drop_condition")
def drop_in_a_copy(cond, mask, null):
    cond = cond.clone()
    cond[mask] = null
    return cond


# --- cfg_loss ---


def after_the_drop(cond, mask, null):
    return torch.where(mask, null, cond)


def squares(model, x0, told, t, alpha_bar, eps, kind="v", time=None):
    """(B,): what most answers average."""
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    time = diffusion.model_time(t, len(alpha_bar) - 1) if time is None else time
    wanted = diffusion.target(kind, x0, eps, t, alpha_bar)
    return (model(x_t, time, told) - wanted).square().flatten(1).mean(1)


@mistake("cfg_loss", "told every class, also where the mask is True")
def loss_that_leaks_the_labels(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, cond, t, alpha_bar, eps).mean()


@mistake("cfg_loss", "of 4 images: those without a class stay")
def loss_without_the_dropped(model, x0, cond, t, alpha_bar, eps, mask, null):
    keep = ~mask
    return squares(model, x0[keep], cond[keep], t[keep], alpha_bar, eps[keep]).mean()


@mistake("cfg_loss", "wrong way round")
def loss_with_the_mask_inverted(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, after_the_drop(cond, ~mask, null), t, alpha_bar, eps).mean()


@mistake("cfg_loss", "class 0 stands in for nothing")
def loss_with_class_zero(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, cond * ~mask, t, alpha_bar, eps).mean()


@mistake("cfg_loss", "learns v")
def loss_of_the_noise(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, after_the_drop(cond, mask, null), t, alpha_bar, eps, kind="eps").mean()


@mistake("cfg_loss", "scale 0 to 1000")
def loss_with_raw_steps(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, after_the_drop(cond, mask, null), t, alpha_bar, eps, time=t.float()).mean()


@mistake("cfg_loss", "only the images with a class count")
def loss_of_those_with_a_class(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, after_the_drop(cond, mask, null), t, alpha_bar, eps)[~mask].mean()


@mistake("cfg_loss", "is called 2 times")
def loss_of_both_halves(model, x0, cond, t, alpha_bar, eps, mask, null):
    nothing = torch.full_like(cond, null)
    return sum(squares(model, x0, told, t, alpha_bar, eps).mean() for told in (cond, nothing))


@mistake("cfg_loss", "one number: take the mean")
def loss_of_each_image(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, after_the_drop(cond, mask, null), t, alpha_bar, eps)


@mistake("cfg_loss", "no gradient flows back")
def loss_as_a_constant(model, x0, cond, t, alpha_bar, eps, mask, null):
    return squares(model, x0, after_the_drop(cond, mask, null), t, alpha_bar, eps).mean().detach()


@alternative("cfg_loss")
def loss_by_pytorch(model, x0, cond, t, alpha_bar, eps, mask, null):
    a = image_shape(alpha_bar[t]).to(x0)
    x_t = a.sqrt() * x0 + (1 - a).sqrt() * eps
    v = a.sqrt() * eps - (1 - a).sqrt() * x0
    time = 1000.0 * t / (len(alpha_bar) - 1)
    return F.mse_loss(model(x_t, time, cond.masked_fill(mask, null)), v)


@alternative("cfg_loss")
def loss_by_the_course(model, x0, cond, t, alpha_bar, eps, mask, null):
    told = [null if m else int(c) for m, c in zip(mask, cond, strict=True)]
    return diffusion.diffusion_loss(model, x0, t, alpha_bar, eps, torch.tensor(told), kind="v")


# --- guide ---


def weight(w, like):
    return image_shape(w).to(like) if isinstance(w, torch.Tensor) else w


@mistake("guide", "the other convention")
def guide_by_the_scale(eps_cond, eps_uncond, w):
    return eps_uncond + w * (eps_cond - eps_uncond)


@mistake("guide", "changed places")
def guide_the_other_way(eps_cond, eps_uncond, w):
    return (1 + w) * eps_uncond - w * eps_cond


@mistake("guide", "the sign is swapped")
def guide_with_a_swapped_sign(eps_cond, eps_uncond, w):
    return eps_cond + w * (eps_uncond - eps_cond)


@mistake("guide", "here it is added")
def guide_that_adds(eps_cond, eps_uncond, w):
    return (1 + w) * eps_cond + w * eps_uncond


@mistake("guide", "subtracted once")
def guide_that_subtracts_once(eps_cond, eps_uncond, w):
    return (1 + w) * eps_cond - eps_uncond


@mistake("guide", "add up to 0")
def guide_by_the_difference(eps_cond, eps_uncond, w):
    return w * (eps_cond - eps_uncond)


@mistake("guide", "leave the sum as it is")
def guide_that_averages(eps_cond, eps_uncond, w):
    return ((1 + w) * eps_cond - w * eps_uncond) / (1 + 2 * w)


@mistake("guide", "changes the tensors it is given")
def guide_in_place(eps_cond, eps_uncond, w):
    eps_cond *= 1 + w
    return eps_cond - w * eps_uncond


@mistake("guide", "columns of the pictures")
def guide_of_columns(eps_cond, eps_uncond, w):
    return (1 + w) * eps_cond - w * eps_uncond


@alternative("guide")
def guide_from_the_conditional(eps_cond, eps_uncond, w):
    return eps_cond + weight(w, eps_cond) * (eps_cond - eps_uncond)


@alternative("guide")
def guide_by_lerp(eps_cond, eps_uncond, w):
    scale = 1 + torch.as_tensor(w).to(eps_cond)
    return eps_uncond.lerp(eps_cond, scale.reshape(-1, *[1] * (eps_cond.ndim - 1)))


# --- cfg_from_scale ---


@mistake("cfg_from_scale", "w is the smaller of the two")
def weight_above_the_scale(scale):
    return scale + 1


@mistake("cfg_from_scale", "the conventions differ")
def weight_is_the_scale(scale):
    return scale


@mistake("cfg_from_scale", "the sign is swapped")
def weight_from_the_other_side(scale):
    return 1 - scale


@mistake("cfg_from_scale", "should become w = 6.5")
def weight_in_whole_numbers(scale):
    return int(scale) - 1


@mistake("cfg_from_scale", "should become w = 6.5")
def weight_by_division(scale):
    return scale / 2


@alternative("cfg_from_scale")
def weight_from_zero(scale):
    return -1 + 1.0 * scale


# --- guided_predict ---


def as_noise(kind, out, x, t, alpha_bar):
    T = len(alpha_bar) - 1
    return diffusion.to_eps(kind, out, x, (t * T / 1000).round().long(), alpha_bar)


def mixed(c, u, w):
    w = weight(w, c)
    return (1 + w) * c - w * u


def twice(model, cond, x, t, null=None):
    nothing = torch.full_like(cond, model.classes if null is None else null)
    return model(torch.cat([x, x]), torch.cat([t, t]), torch.cat([cond, nothing]))


@mistake("guided_predict", "is called 2 times")
def predict_in_two_calls(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        c, u = model(x, t, cond), model(x, t, torch.full_like(cond, model.classes))
        return as_noise(kind, mixed(c, u, w), x, t, alpha_bar)

    return predict


@mistake("guided_predict", "the halves are swapped")
def predict_with_the_halves_swapped(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        u, c = twice(model, cond, x, t).chunk(2)
        return as_noise(kind, mixed(c, u, w), x, t, alpha_bar)

    return predict


@mistake("guided_predict", "never told the null class")
def predict_with_class_zero(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        c, u = twice(model, cond, x, t, null=0).chunk(2)
        return as_noise(kind, mixed(c, u, w), x, t, alpha_bar)

    return predict


@mistake("guided_predict", "w counts as the scale here")
def predict_by_the_scale(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        c, u = twice(model, cond, x, t).chunk(2)
        return as_noise(kind, u + weight(w, c) * (c - u), x, t, alpha_bar)

    return predict


@mistake("guided_predict", "so must t")
def predict_with_one_t(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        nothing = torch.full_like(cond, model.classes)
        c, u = model(torch.cat([x, x]), t, torch.cat([cond, nothing])).chunk(2)
        return as_noise(kind, mixed(c, u, w), x, t, alpha_bar)

    return predict


@mistake("guided_predict", "even and odd rows")
def predict_with_rows_interleaved(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        out = twice(model, cond, x, t)
        return as_noise(kind, mixed(out[::2], out[1::2], w), x, t, alpha_bar)

    return predict


@mistake("guided_predict", "a sampler wants eps")
def predict_of_the_raw_answer(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        return mixed(*twice(model, cond, x, t).chunk(2), w)

    return predict


@mistake("guided_predict", "should return a function")
def predict_at_once(model, cond, w, *, kind="eps", alpha_bar=None):
    return torch.zeros(len(cond))


@mistake("guided_predict", "to_eps is told step 100")
def predict_with_the_wrong_step(model, cond, w, *, kind="eps", alpha_bar=None):
    def predict(x, t):
        out = mixed(*twice(model, cond, x, t).chunk(2), w)
        return diffusion.to_eps(kind, out, x, t.long().clamp(max=len(alpha_bar) - 1), alpha_bar)

    return predict


@alternative("guided_predict")
def predict_that_translates_first(model, cond, w, *, kind="eps", alpha_bar=None):
    both = torch.cat([torch.full_like(cond, model.classes), cond])  # the other order
    ask = samplers.as_predict(model, both, kind, alpha_bar)

    def predict(x, t):
        u, c = ask(x.repeat(2, 1, 1, 1), t.repeat(2)).chunk(2)
        return mixed(c, u, w)

    return predict


@alternative("guided_predict")
def predict_with_rows_side_by_side(model, cond, w, *, kind="eps", alpha_bar=None):
    told = torch.stack([cond, torch.full_like(cond, model.classes)], dim=1).flatten()  # c1, null, c2, null, ...

    def predict(x, t):
        out = model(x.repeat_interleave(2, 0), t.repeat_interleave(2), told)
        return as_noise(kind, mixed(out[::2], out[1::2], w), x, t, alpha_bar)

    return predict


# --- sample_cfg ---


def walk(model, x, cond, w, alpha_bar, steps, kind, clip, *, again=True, early=None, scale=1000):
    """A loop whose parts the wrong answers bend."""
    T = len(alpha_bar) - 1
    for t, s in itertools.pairwise(samplers.respace(T, steps).tolist()[:early]):
        time, a = torch.full((len(x),), scale * t / T, device=x.device), alpha_bar[t]
        out = mixed(*twice(model, cond, x, time).chunk(2), w)
        eps = diffusion.to_eps(kind, out, x, torch.full((len(x),), t), alpha_bar)
        x0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
        if clip:
            x0 = x0.clamp(-1, 1)
            eps = (x - a.sqrt() * x0) / (1 - a).sqrt() if again else eps
        x = alpha_bar[s].sqrt() * x0 + (1 - alpha_bar[s]).sqrt() * eps
    return x


@mistake("sample_cfg", "stays as it was")
def sampler_that_keeps_eps(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return walk(model, x_T, cond, w, alpha_bar, steps, kind, clip, again=False)


@mistake("sample_cfg", "clip=True changes nothing")
def sampler_that_never_clips(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return walk(model, x_T, cond, w, alpha_bar, steps, kind, False)


@mistake("sample_cfg", "only the result is cut off")
def sampler_that_clips_the_end(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    x = walk(model, x_T, cond, w, alpha_bar, steps, kind, False)
    return x.clamp(-1, 1) if clip else x


@mistake("sample_cfg", "clip=False the guess at x0 is cut off")
def sampler_that_always_clips(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return walk(model, x_T, cond, w, alpha_bar, steps, kind, True)


@mistake("sample_cfg", "x itself is cut off")
def sampler_that_clips_x(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    x = x_T
    times = samplers.respace(len(alpha_bar) - 1, steps).tolist()
    for t, s in itertools.pairwise(times):
        time = torch.full((len(x),), 1000.0 * t / (len(alpha_bar) - 1))
        out = mixed(*twice(model, cond, x, time).chunk(2), w)
        eps = diffusion.to_eps(kind, out, x, torch.full((len(x),), t), alpha_bar)
        x = samplers.ddim_step(x, eps, t, s, alpha_bar)
        x = x.clamp(-1, 1) if clip else x
    return x


@mistake("sample_cfg", "asked at 4 times")
def sampler_that_stops_early(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return walk(model, x_T, cond, w, alpha_bar, steps, kind, clip, early=-1)


@mistake("sample_cfg", "scale 0 to 1000")
def sampler_with_raw_steps(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return walk(model, x_T, cond, w, alpha_bar, steps, kind, clip, scale=len(alpha_bar) - 1)


@mistake("sample_cfg", "does w reach")
def sampler_without_guidance(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return walk(model, x_T, cond, 0.0, alpha_bar, steps, kind, clip)


@alternative("sample_cfg")
def sampler_in_two_calls(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    predict = predict_in_two_calls(model, cond, w, kind=kind, alpha_bar=alpha_bar)
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, clip=clip)


@alternative("sample_cfg")
def sampler_by_the_loop(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    return walk(model, x_T, cond, w, alpha_bar, steps, kind, clip)


@alternative("sample_cfg")
def sampler_by_lesson_06(model, x_T, cond, w, alpha_bar, steps, *, kind="eps", clip=True):
    predict = predict_that_translates_first(model, cond, w, kind=kind, alpha_bar=alpha_bar)
    return samplers.sample_ddim(predict, x_T, alpha_bar, steps, clip=clip)


# --- implicit_gradient ---


def two_noises(model, cond, x, t, alpha_bar, kind, scale=1000):
    time = scale * t / (len(alpha_bar) - 1)
    out = twice(model, cond, x, time.float())
    return diffusion.to_eps(kind, out, torch.cat([x, x]), torch.cat([t, t]), alpha_bar).chunk(2)


def loudness(t, alpha_bar, x):
    return image_shape((1 - alpha_bar[t]).sqrt()).to(x)


@mistake("implicit_gradient", "the sign is swapped")
def gradient_downhill(model, cond, x, t, alpha_bar, kind="eps"):
    c, u = two_noises(model, cond, x, t, alpha_bar, kind)
    return (c - u) / loudness(t, alpha_bar, x)


@mistake("implicit_gradient", "a score is noise over the root")
def gradient_of_noises(model, cond, x, t, alpha_bar, kind="eps"):
    c, u = two_noises(model, cond, x, t, alpha_bar, kind)
    return u - c


@mistake("implicit_gradient", "multiplied by the root")
def gradient_multiplied(model, cond, x, t, alpha_bar, kind="eps"):
    c, u = two_noises(model, cond, x, t, alpha_bar, kind)
    return (u - c) * loudness(t, alpha_bar, x)


@mistake("implicit_gradient", "the root is missing")
def gradient_without_the_root(model, cond, x, t, alpha_bar, kind="eps"):
    c, u = two_noises(model, cond, x, t, alpha_bar, kind)
    return (u - c) / loudness(t, alpha_bar, x).square()


@mistake("implicit_gradient", "the picture's share")
def gradient_over_the_signal(model, cond, x, t, alpha_bar, kind="eps"):
    c, u = two_noises(model, cond, x, t, alpha_bar, kind)
    return (u - c) / image_shape(alpha_bar[t].sqrt()).to(x)


@mistake("implicit_gradient", "the number of the step")
def gradient_with_raw_steps(model, cond, x, t, alpha_bar, kind="eps"):
    c, u = two_noises(model, cond, x, t, alpha_bar, kind, scale=len(alpha_bar) - 1)
    return (u - c) / loudness(t, alpha_bar, x)


@mistake("implicit_gradient", "score of the class, without the other")
def gradient_of_the_class_alone(model, cond, x, t, alpha_bar, kind="eps"):
    c, _ = two_noises(model, cond, x, t, alpha_bar, kind)
    return -c / loudness(t, alpha_bar, x)


@mistake("implicit_gradient", "turn it into noise")
def gradient_of_raw_answers(model, cond, x, t, alpha_bar, kind="eps"):
    c, u = two_noises(model, cond, x, t, alpha_bar, "eps")
    return (u - c) / loudness(t, alpha_bar, x)


@alternative("implicit_gradient")
def gradient_of_two_scores(model, cond, x, t, alpha_bar, kind="eps"):
    time = diffusion.model_time(t, len(alpha_bar) - 1)
    scores = []
    for told in (cond, torch.full_like(cond, model.classes)):
        eps = samplers.as_predict(model, told, kind, alpha_bar)(x, time)
        scores.append(-eps / loudness(t, alpha_bar, x))
    return scores[0] - scores[1]


# --- mended_drop ---


@mistake("mended_drop", "have lost some of their features")
def drop_per_feature(cond, p, generator):
    return cond * (torch.rand(cond.shape, generator=generator) >= p)


@mistake("mended_drop", "it is rows that are dropped")
def drop_columns(cond, p, generator):
    return cond * (torch.rand(cond.shape[1], generator=generator) >= p)


@mistake("mended_drop", "one toss of the coin")
def drop_the_batch(cond, p, generator):
    return cond * float(torch.rand(1, generator=generator) >= p)


@mistake("mended_drop", "the share to keep")
def drop_what_should_stay(cond, p, generator):
    return cond * (torch.rand(len(cond), 1, generator=generator) < p)


@mistake("mended_drop", "have changed")
def drop_as_dropout_does(cond, p, generator):
    return cond * (torch.rand(len(cond), 1, generator=generator) >= p) / max(1 - p, 1e-6)


@mistake("mended_drop", "changes the tensors it is given")
def drop_rows_in_place(cond, p, generator):
    cond[torch.rand(len(cond), generator=generator) < p] = 0
    return cond


@mistake("mended_drop", "have lost some of their features")
def drop_more_features(cond, p, generator):
    # a mask per feature again, with the share of whole rows put right
    each = p ** (1 / cond.shape[1])
    return cond * (torch.rand(cond.shape, generator=generator) >= each)


@mistake("mended_drop", "a fixed number is no toss")
def drop_a_fixed_number(cond, p, generator):
    keep = torch.randperm(len(cond), generator=generator) >= round(p * len(cond))
    return cond * keep[:, None]


@mistake("mended_drop", "gives two different results")
def drop_with_its_own_randomness(cond, p, generator):
    return cond * (torch.rand(len(cond), 1) >= p)


@alternative("mended_drop")
def drop_with_a_mask(cond, p, generator):
    mask = torch.rand(len(cond), generator=generator) < p
    return torch.where(mask[:, None], torch.zeros_like(cond), cond)


@alternative("mended_drop")
def drop_in_a_copy_of_rows(cond, p, generator):
    kept = cond.clone()
    kept[torch.rand(len(cond), generator=generator) < p] = 0
    return kept

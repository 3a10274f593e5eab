"""What people answer in lesson 11."""

import itertools

import torch
import torch.nn.functional as F

from course_utils import diffusion, guidance, samplers
from tests.lessons.lesson11.lawless import ANSWERS  # those that break a law are in it already

mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- noisy_classifier_loss ---


def seen_by_the_classifier(x0, t, alpha_bar, eps):
    return diffusion.q_sample(x0, t, alpha_bar, eps), diffusion.model_time(t, len(alpha_bar) - 1)


@mistake("noisy_classifier_loss", "shown the clean pictures")
def loss_on_clean_pictures(classifier, x0, y, t, alpha_bar, eps):
    return F.cross_entropy(classifier(x0, diffusion.model_time(t, len(alpha_bar) - 1)), y)


@mistake("noisy_classifier_loss", "at full strength")
def loss_on_pictures_with_full_noise(classifier, x0, y, t, alpha_bar, eps):
    return F.cross_entropy(classifier(x0 + eps, diffusion.model_time(t, len(alpha_bar) - 1)), y)


@mistake("noisy_classifier_loss", "told the step itself")
def loss_with_the_step_for_the_time(classifier, x0, y, t, alpha_bar, eps):
    return F.cross_entropy(classifier(diffusion.q_sample(x0, t, alpha_bar, eps), t), y)


@mistake("noisy_classifier_loss", "t / T, from 0 to 1")
def loss_with_the_time_from_0_to_1(classifier, x0, y, t, alpha_bar, eps):
    return F.cross_entropy(classifier(diffusion.q_sample(x0, t, alpha_bar, eps), t / (len(alpha_bar) - 1)), y)


@mistake("noisy_classifier_loss", "softmax is taken twice")
def loss_with_two_softmaxes(classifier, x0, y, t, alpha_bar, eps):
    x_t, time = seen_by_the_classifier(x0, t, alpha_bar, eps)
    return F.cross_entropy(classifier(x_t, time).softmax(dim=1), y)


@mistake("noisy_classifier_loss", "`log_softmax`, not `softmax`")
def loss_of_probabilities(classifier, x0, y, t, alpha_bar, eps):
    x_t, time = seen_by_the_classifier(x0, t, alpha_bar, eps)
    return F.nll_loss(classifier(x_t, time).softmax(dim=1), y)


@mistake("noisy_classifier_loss", "sign is wrong")
def loss_with_the_wrong_sign(classifier, x0, y, t, alpha_bar, eps):
    x_t, time = seen_by_the_classifier(x0, t, alpha_bar, eps)
    return -F.cross_entropy(classifier(x_t, time), y)


@mistake("noisy_classifier_loss", "the loss is the mean")
def loss_summed(classifier, x0, y, t, alpha_bar, eps):
    x_t, time = seen_by_the_classifier(x0, t, alpha_bar, eps)
    return F.cross_entropy(classifier(x_t, time), y, reduction="sum")


@mistake("noisy_classifier_loss", "one number")
def loss_for_each_picture(classifier, x0, y, t, alpha_bar, eps):
    x_t, time = seen_by_the_classifier(x0, t, alpha_bar, eps)
    return F.cross_entropy(classifier(x_t, time), y, reduction="none")


@mistake("noisy_classifier_loss", "no gradient flows back to `classifier`")
def loss_as_a_plain_number(classifier, x0, y, t, alpha_bar, eps):
    with torch.no_grad():
        x_t, time = seen_by_the_classifier(x0, t, alpha_bar, eps)
        return F.cross_entropy(classifier(x_t, time), y)


@alternative("noisy_classifier_loss")
def loss_by_hand(classifier, x0, y, t, alpha_bar, eps):
    a = alpha_bar[t].to(x0).reshape(-1, 1, 1, 1)
    scores = classifier(a.sqrt() * x0 + (1 - a).sqrt() * eps, 1000 * t / (len(alpha_bar) - 1))
    log_p = scores - scores.logsumexp(dim=1, keepdim=True)
    return -sum(log_p[i, y[i]] for i in range(len(y))) / len(y)


# --- classifier_gradient ---


def slope(classifier, x, t, what):
    """The gradient of a scalar function of the scores."""
    seen = x.detach().requires_grad_(True)
    return torch.autograd.grad(what(classifier(seen, t)), seen)[0]


@mistake("classifier_gradient", "this is the gradient of the loss")
def gradient_of_the_loss(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: F.cross_entropy(scores, y))


@mistake("classifier_gradient", "5 times too small in a batch of 5")
def gradient_of_the_mean(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: -F.cross_entropy(scores, y))


@mistake("classifier_gradient", "sign is wrong")
def gradient_of_the_summed_loss(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: F.cross_entropy(scores, y, reduction="sum"))


@mistake("classifier_gradient", "not of its logarithm")
def gradient_of_the_probability(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: scores.softmax(dim=1)[torch.arange(len(y)), y].sum())


@mistake("classifier_gradient", "before the softmax")
def gradient_of_the_score(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: scores[torch.arange(len(y)), y].sum())


@mistake("classifier_gradient", "all classes in y")
def gradient_of_everybodys_class(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: scores.log_softmax(dim=1)[:, y].sum())


@mistake("classifier_gradient", "already most like")
def gradient_of_the_most_probable_class(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: scores.log_softmax(dim=1).amax(dim=1).sum())


@mistake("classifier_gradient", "runs over the batch")
def gradient_with_the_softmax_over_the_batch(classifier, x, t, y):
    return slope(classifier, x, t, lambda scores: scores.log_softmax(dim=0)[torch.arange(len(y)), y].sum())


@mistake("classifier_gradient", "brought to length 1")
def gradient_of_length_one(classifier, x, t, y):
    gradient = guidance.classifier_gradient(classifier, x, t, y)
    return gradient / gradient.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)


@mistake("classifier_gradient", "changes `requires_grad` of `x`")
def gradient_that_switches_x_on(classifier, x, t, y):
    x.requires_grad_(True)
    log_p = classifier(x, t).log_softmax(dim=1)[torch.arange(len(y)), y]
    return torch.autograd.grad(log_p.sum(), x)[0]


@mistake("classifier_gradient", "still carries its history")
def gradient_with_its_history(classifier, x, t, y):
    seen = x.detach().requires_grad_(True)
    log_p = classifier(seen, t).log_softmax(dim=1)[torch.arange(len(y)), y]
    return torch.autograd.grad(log_p.sum(), seen, create_graph=True)[0]


@alternative("classifier_gradient")
def gradient_by_backward(classifier, x, t, y):
    seen = x.clone().detach().requires_grad_()
    (-F.cross_entropy(classifier(seen, t), y, reduction="sum")).backward()
    return seen.grad


@alternative("classifier_gradient")
def gradient_of_the_loss_times_the_batch(classifier, x, t, y):
    return -len(x) * slope(classifier, x, t, lambda scores: F.cross_entropy(scores, y))


@alternative("classifier_gradient")
def gradient_one_picture_after_the_other(classifier, x, t, y):
    rows = [
        slope(classifier, x[i : i + 1], t[i : i + 1], lambda s, i=i: s[0, y[i]] - s.logsumexp(dim=1)[0])
        for i in range(len(x))
    ]
    return torch.cat(rows)


# --- guided_mean ---


@mistake("guided_mean", "variance is missing")
def mean_without_the_variance(mean, variance, gradient, scale):
    return mean + scale * gradient


@mistake("guided_mean", "standard deviation")
def mean_with_the_standard_deviation(mean, variance, gradient, scale):
    return mean + scale * variance**0.5 * gradient


@mistake("guided_mean", "moves away from the class")
def mean_with_the_wrong_sign(mean, variance, gradient, scale):
    return mean - scale * variance * gradient


@mistake("guided_mean", "scale is missing")
def mean_without_the_scale(mean, variance, gradient, scale):
    return mean + variance * gradient


@mistake("guided_mean", "divided by the variance")
def mean_with_a_division(mean, variance, gradient, scale):
    return mean + scale * gradient / variance


@mistake("guided_mean", "stretched too")
def mean_in_the_bracket(mean, variance, gradient, scale):
    return scale * variance * (mean + gradient)


@mistake("guided_mean", "changes the tensors")
def mean_in_place(mean, variance, gradient, scale):
    mean += scale * variance * gradient
    return mean


@alternative("guided_mean")
def mean_by_addcmul(mean, variance, gradient, scale):
    return torch.add(mean, gradient * float(variance), alpha=scale)


# --- guided_eps ---


def root_of_noise(t, alpha_bar, like):
    return (1 - alpha_bar[t]).sqrt().to(like).reshape(-1, 1, 1, 1)


@mistake("guided_eps", "noise is what is taken away")
def eps_with_the_wrong_sign(eps, gradient, t, alpha_bar, scale):
    return eps + scale * root_of_noise(t, alpha_bar, eps) * gradient


@mistake("guided_eps", "square root is missing")
def eps_without_the_root(eps, gradient, t, alpha_bar, scale):
    return eps - scale * root_of_noise(t, alpha_bar, eps) ** 2 * gradient


@mistake("guided_eps", "should be that of (1 - alpha_bar)")
def eps_with_the_signals_root(eps, gradient, t, alpha_bar, scale):
    return eps - scale * alpha_bar[t].sqrt().to(eps).reshape(-1, 1, 1, 1) * gradient


@mistake("guided_eps", "factor is missing")
def eps_without_the_factor(eps, gradient, t, alpha_bar, scale):
    return eps - scale * gradient


@mistake("guided_eps", "gradient is divided")
def eps_with_a_division(eps, gradient, t, alpha_bar, scale):
    return eps - scale * gradient / root_of_noise(t, alpha_bar, eps)


@mistake("guided_eps", "scale is missing")
def eps_without_the_scale(eps, gradient, t, alpha_bar, scale):
    return eps - root_of_noise(t, alpha_bar, eps) * gradient


@mistake("guided_eps", "it should be float32")
def eps_in_float64(eps, gradient, t, alpha_bar, scale):
    return eps - scale * (1 - alpha_bar[t]).sqrt().reshape(-1, 1, 1, 1) * gradient


@alternative("guided_eps")
def eps_through_the_score(eps, gradient, t, alpha_bar, scale):
    root = root_of_noise(t, alpha_bar, eps)
    score = -eps / root + scale * gradient
    return -root * score


# --- classifier_predict ---


def told(t, alpha_bar):
    return diffusion.schedule_step(t, len(alpha_bar) - 1)


@mistake("classifier_predict", "not guided at all")
def predict_without_guidance(predict, classifier, y, scale, alpha_bar):
    return predict


@mistake("classifier_predict", "returns None")
def predict_that_is_not_returned(predict, classifier, y, scale, alpha_bar):
    def guided(x, t):
        return predict(x, t)


@mistake("classifier_predict", "used as an index")
def predict_with_the_time_as_an_index(predict, classifier, y, scale, alpha_bar):
    def guided(x, t):
        gradient = guidance.classifier_gradient(classifier, x, t, y)
        return guidance.guided_eps(predict(x, t), gradient, t.long(), alpha_bar, scale)

    return guided


@mistake("classifier_predict", "told the step")
def predict_that_tells_the_step(predict, classifier, y, scale, alpha_bar):
    def guided(x, t):
        step = told(t, alpha_bar)
        gradient = guidance.classifier_gradient(classifier, x, step, y)
        return guidance.guided_eps(predict(x, t), gradient, step, alpha_bar, scale)

    return guided


@mistake("classifier_predict", "moves away from the class")
def predict_with_the_wrong_sign(predict, classifier, y, scale, alpha_bar):
    return guidance.classifier_predict(predict, classifier, y, -scale, alpha_bar)


@mistake("classifier_predict", "scale does not reach")
def predict_without_the_scale(predict, classifier, y, scale, alpha_bar):
    return guidance.classifier_predict(predict, classifier, y, 1.0, alpha_bar)


@mistake("classifier_predict", "gradient alone")
def predict_of_the_gradient(predict, classifier, y, scale, alpha_bar):
    return lambda x, t: guidance.classifier_gradient(classifier, x, t, y)


@mistake("classifier_predict", "a function of x and t")
def predict_asked_at_once(predict, classifier, y, scale, alpha_bar):
    x, t = torch.zeros(len(y), 1, 4, 4), torch.full((len(y),), 1000.0)
    return guidance.classifier_predict(predict, classifier, y, scale, alpha_bar)(x, t)


@mistake("classifier_predict", "not shown x as it is now")
def predict_with_a_frozen_gradient(predict, classifier, y, scale, alpha_bar):
    kept = []

    def guided(x, t):
        if not kept:
            kept.append(guidance.classifier_gradient(classifier, x, t, y))
        return guidance.guided_eps(predict(x, t), kept[0], told(t, alpha_bar), alpha_bar, scale)

    return guided


@alternative("classifier_predict")
def predict_as_a_lambda(predict, classifier, y, scale, alpha_bar):
    T = len(alpha_bar) - 1
    root = (1 - alpha_bar).sqrt()
    return lambda x, t: (
        predict(x, t)
        - scale
        * root[(t * T / 1000).round().long()].to(x).reshape(-1, 1, 1, 1)
        * guidance.classifier_gradient(classifier, x, t, y)
    )


# --- mixture_guided_score ---


def bayes(x, a, means, std, shares, prior=None, shrink=None, width=None):
    """p(k | x) and the score of every class, any part replaced."""
    m = (a**0.5 if shrink is None else shrink) * means
    v = a * std**2 + 1 - a if width is None else width
    away = m - x[:, None]
    prior = shares.log() if prior is None else prior
    return (prior - away.square().sum(dim=2) / (2 * v)).softmax(dim=1), away / v


def steer(p, each, y, scale):
    score = (p[..., None] * each).sum(dim=1)
    return score + scale * (each[torch.arange(len(y)), y] - score)


@mistake("mixture_guided_score", "shares are missing")
def mixture_without_shares(x, y, a, scale, means, std, shares):
    return steer(*bayes(x, a, means, std, shares, prior=torch.zeros_like(shares)), y, scale)


@mistake("mixture_guided_score", "wherever x is: the weights are the probabilities p(k | x), by")
def mixture_of_fixed_weights(x, y, a, scale, means, std, shares):
    _, each = bayes(x, a, means, std, shares)
    return steer(shares.expand(len(x), -1), each, y, scale)


@mistake("mixture_guided_score", "means do not shrink")
def mixture_with_fixed_means(x, y, a, scale, means, std, shares):
    return steer(*bayes(x, a, means, std, shares, shrink=1.0), y, scale)


@mistake("mixture_guided_score", "width of its own")
def mixture_of_points(x, y, a, scale, means, std, shares):
    return steer(*bayes(x, a, means, std, shares, width=1 - a), y, scale)


@mistake("mixture_guided_score", "points uphill")
def mixture_downhill(x, y, a, scale, means, std, shares):
    return -steer(*bayes(x, a, means, std, shares), y, scale)


@mistake("mixture_guided_score", "taking the average away")
def mixture_with_the_class_added(x, y, a, scale, means, std, shares):
    p, each = bayes(x, a, means, std, shares)
    return (p[..., None] * each).sum(dim=1) + scale * each[torch.arange(len(y)), y]


@mistake("mixture_guided_score", "once too often")
def mixture_with_the_other_convention(x, y, a, scale, means, std, shares):
    return steer(*bayes(x, a, means, std, shares), y, 1 + scale)


@mistake("mixture_guided_score", "scale makes no difference")
def mixture_of_one_class(x, y, a, scale, means, std, shares):
    return steer(*bayes(x, a, means, std, shares), y, 0.0 if scale == 0 else 1.0)


@alternative("mixture_guided_score")
def mixture_by_autograd(x, y, a, scale, means, std, shares):
    world, seen = guidance.Mixture(means, std, shares), x.clone().requires_grad_(True)
    joint = world.log_joint(seen, a)
    height = joint.logsumexp(dim=1) + scale * joint.log_softmax(dim=1)[torch.arange(len(y)), y]
    return torch.autograd.grad(height.sum(), seen)[0]


@alternative("mixture_guided_score")
def mixture_of_two_scores(x, y, a, scale, means, std, shares):
    p, each = bayes(x, a, means, std, shares)
    of_all = torch.einsum("bk,bkd->bd", p, each)
    return (1 - scale) * of_all + scale * each[torch.arange(len(y)), y]


# --- mended_steered_sampler ---


def walk(predict, classifier, x_T, y, alpha_bar, steps, scale, generator, push):
    """Algorithm 1, with the push of a step as it is given."""
    T, x = len(alpha_bar) - 1, x_T
    for t, s in itertools.pairwise(samplers.respace(T, steps).tolist()):
        time = diffusion.model_time(torch.full((len(x),), t), T)
        mean, variance = guidance.step_back(x, predict(x, time), t, s, alpha_bar)
        x = mean + scale * push(classifier, x, time, y, variance)
        if s > 0:
            x = x + variance.sqrt() * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x


def downhill(classifier, x, time, y):
    return -slope(classifier, x, time, lambda scores: F.cross_entropy(scores, y))


@mistake("mended_steered_sampler", "And there is a second fault")
def steered_as_it_was(*args):
    return walk(*args, push=lambda c, x, t, y, v: downhill(c, x, t, y))


@mistake("mended_steered_sampler", "mean over the batch")
def steered_with_the_mean_left(*args):
    return walk(*args, push=lambda c, x, t, y, v: v * downhill(c, x, t, y))


@mistake("mended_steered_sampler", "variance of the step is missing")
def steered_without_the_variance(*args):
    return walk(*args, push=lambda c, x, t, y, v: guidance.classifier_gradient(c, x, t, y))


@mistake("mended_steered_sampler", "standard deviation of the step")
def steered_with_the_standard_deviation(*args):
    return walk(*args, push=lambda c, x, t, y, v: v.sqrt() * guidance.classifier_gradient(c, x, t, y))


@mistake("mended_steered_sampler", "away from their class")
def steered_away(*args):
    return walk(*args, push=lambda c, x, t, y, v: -v * guidance.classifier_gradient(c, x, t, y))


@mistake("mended_steered_sampler", "scale makes no difference")
def steered_by_probabilities(*args):
    def push(c, x, t, y, v):
        return v * slope(c, x, t, lambda scores: scores.softmax(dim=1)[torch.arange(len(y)), y].sum())

    return walk(*args, push=push)


@mistake("mended_steered_sampler", "no noise is added on the way")
def steered_without_noise(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    T, x = len(alpha_bar) - 1, x_T
    for t, s in itertools.pairwise(samplers.respace(T, steps).tolist()):
        time = diffusion.model_time(torch.full((len(x),), t), T)
        mean, variance = guidance.step_back(x, predict(x, time), t, s, alpha_bar)
        x = mean + scale * variance * guidance.classifier_gradient(classifier, x, time, y)
    return x


@alternative("mended_steered_sampler")
def steered_by_the_batch_size(*args):
    return walk(*args, push=lambda c, x, t, y, v: v * len(x) * downhill(c, x, t, y))


@alternative("mended_steered_sampler")
def steered_with_a_zero_last_noise(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    T, x = len(alpha_bar) - 1, x_T
    for t, s in itertools.pairwise(samplers.respace(T, steps).tolist()):
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype) * (s > 0)
        time = diffusion.model_time(torch.full((len(x),), t), T)
        mean, variance = guidance.step_back(x, predict(x, time), t, s, alpha_bar)
        gradient = guidance.classifier_gradient(classifier, x, time, y)
        x = guidance.guided_mean(mean, variance, gradient, scale) + variance.sqrt() * z
    return x

"""What people answer in lesson 11 that breaks a law, and right answers of unusual shape."""

import itertools

import torch
import torch.nn.functional as F

from course_utils import diffusion, guidance, samplers
from tests.lessons.book import Answers

ANSWERS = Answers()
mistake, alternative = ANSWERS.mistake, ANSWERS.alternative


# --- noisy_classifier_loss ---


@mistake("noisy_classifier_loss", "`x0` is another one afterwards")
def loss_that_noises_in_place(classifier, x0, y, t, alpha_bar, eps):
    x0.copy_(diffusion.q_sample(x0, t, alpha_bar, eps))
    return F.cross_entropy(classifier(x0, diffusion.model_time(t, len(alpha_bar) - 1)), y)


@mistake("noisy_classifier_loss", "the mean of what its pictures give")
def loss_for_batches_of_four(classifier, x0, y, t, alpha_bar, eps):
    loss = guidance.noisy_classifier_loss(classifier, x0, y, t, alpha_bar, eps)
    return loss if x0.shape[1] == 1 else loss * len(x0) / 4


@mistake("noisy_classifier_loss", "is asked about 2 pictures")
def loss_that_asks_twice(classifier, x0, y, t, alpha_bar, eps):
    losses = [guidance.noisy_classifier_loss(classifier, x0, y, t, alpha_bar, eps) for _ in range(2)]
    return sum(losses) / 2


@mistake("noisy_classifier_loss", "use `.reshape`")
def loss_through_a_view(classifier, x0, y, t, alpha_bar, eps):
    return guidance.noisy_classifier_loss(classifier, x0.view(-1).view(x0.shape), y, t, alpha_bar, eps)


@alternative("noisy_classifier_loss")
def loss_picture_by_picture(classifier, x0, y, t, alpha_bar, eps):
    rows = [slice(i, i + 1) for i in range(len(x0))]
    losses = [guidance.noisy_classifier_loss(classifier, x0[i], y[i], t[i], alpha_bar, eps[i]) for i in rows]
    return torch.stack(losses).mean()


# --- classifier_gradient ---


@mistake("classifier_gradient", "is asked about 2 pictures")
def gradient_that_asks_twice(classifier, x, t, y):
    return sum(guidance.classifier_gradient(classifier, x, t, y) for _ in range(2)) / 2


@mistake("classifier_gradient", "`x` is another one afterwards")
def gradient_in_place(classifier, x, t, y):
    x.copy_(guidance.classifier_gradient(classifier, x, t, y))
    return x.clone()


@mistake("classifier_gradient", "it should be float32, the dtype of x")
def gradient_in_float64(classifier, x, t, y):
    return guidance.classifier_gradient(classifier, x.double(), t, y)


@mistake("classifier_gradient", "use `.reshape`")
def gradient_through_a_view(classifier, x, t, y):
    return guidance.classifier_gradient(classifier, x.view(-1).view(x.shape), t, y)


@alternative("classifier_gradient")
def gradient_by_cross_entropy_one_by_one(classifier, x, t, y):
    seen = x.detach().clone().requires_grad_(True)
    each = [-F.cross_entropy(classifier(seen[i : i + 1], t[i : i + 1]), y[i : i + 1]) for i in range(len(x))]
    return torch.autograd.grad(sum(each), seen)[0]


# --- guided_mean, guided_eps ---


@mistake("guided_mean", "comes out otherwise alone")
def mean_with_the_gradient_of_the_batch(mean, variance, gradient, scale):
    return mean + scale * variance * (gradient if gradient.shape[1] == 1 else gradient.mean(0))


@mistake("guided_mean", "it should be float32, the dtype of the mean")
def mean_in_float64(mean, variance, gradient, scale):
    return mean.double() + scale * variance * gradient


@mistake("guided_mean", "use `.reshape`")
def mean_through_a_view(mean, variance, gradient, scale):
    return (mean.view(-1) + scale * variance * gradient.reshape(-1)).reshape(mean.shape)


@alternative("guided_mean")
def mean_picture_by_picture(mean, variance, gradient, scale):
    return torch.stack([m + variance * (scale * g) for m, g in zip(mean, gradient, strict=True)])


@mistake("guided_eps", "comes out otherwise alone")
def eps_of_sorted_steps(eps, gradient, t, alpha_bar, scale):
    return guidance.guided_eps(eps, gradient, t.sort().values, alpha_bar, scale)


@mistake("guided_eps", "`t` is another one afterwards")
def eps_that_moves_t(eps, gradient, t, alpha_bar, scale):
    made = guidance.guided_eps(eps, gradient, t, alpha_bar, scale)
    t.clamp_(max=10)
    return made


@mistake("guided_eps", "`alpha_bar` is another one afterwards")
def eps_that_turns_the_schedule_round(eps, gradient, t, alpha_bar, scale):
    alpha_bar.neg_().add_(1)
    return eps - scale * alpha_bar[t].sqrt().to(eps).reshape(-1, 1, 1, 1) * gradient


@mistake("guided_eps", "with bfloat16 pictures the result is float32")
def eps_with_float32_coefficients(eps, gradient, t, alpha_bar, scale):
    return eps - scale * (1 - alpha_bar[t]).sqrt().float().reshape(-1, 1, 1, 1) * gradient


@alternative("guided_eps")
def eps_picture_by_picture(eps, gradient, t, alpha_bar, scale):
    rows = zip(eps, gradient, t.tolist(), strict=True)
    return torch.stack([e - scale * (1 - float(alpha_bar[k])) ** 0.5 * g for e, g, k in rows])


# --- classifier_predict ---


def with_predict(change):
    """An answer that asks `predict` otherwise."""

    def answer(predict, classifier, y, scale, alpha_bar):
        return guidance.classifier_predict(change(predict, alpha_bar), classifier, y, scale, alpha_bar)

    answer.__name__ = change.__name__
    return answer


@mistake("classifier_predict", "is asked about 2 pictures")
@with_predict
def predict_that_asks_twice(predict, alpha_bar):
    return lambda x, t: (predict(x, t) + predict(x, t)) / 2


@mistake("classifier_predict", "it should be float32, the dtype of x")
def predict_in_float64(predict, classifier, y, scale, alpha_bar):
    guided = guidance.classifier_predict(predict, classifier, y, scale, alpha_bar)
    return lambda x, t: guided(x.double(), t)


@mistake("classifier_predict", "`x` is another one afterwards")
def predict_in_place(predict, classifier, y, scale, alpha_bar):
    guided = guidance.classifier_predict(predict, classifier, y, scale, alpha_bar)
    return lambda x, t: x.copy_(guided(x, t)).clone()


@mistake("classifier_predict", "comes out otherwise alone")
def predict_with_the_step_of_the_first(predict, classifier, y, scale, alpha_bar):
    def guided(x, t):
        push = guidance.classifier_gradient(classifier, x, t, y)
        step = diffusion.schedule_step(t, len(alpha_bar) - 1)
        step = step if x.shape[1] == 1 else step[:1].expand(len(x))
        return guidance.guided_eps(predict(x, t), push, step, alpha_bar, scale)

    return guided


@alternative("classifier_predict")
def predict_picture_by_picture(predict, classifier, y, scale, alpha_bar):
    def guided(x, t):
        rows = [slice(i, i + 1) for i in range(len(x))]
        each = [guidance.classifier_predict(predict, classifier, y[i], scale, alpha_bar)(x[i], t[i]) for i in rows]
        return torch.cat(each)

    return guided


@alternative("classifier_predict")
def predict_that_asks_the_classifier_first_and_keeps_no_record(predict, classifier, y, scale, alpha_bar):
    guided = guidance.classifier_predict(predict, classifier, y, scale, alpha_bar)
    return torch.no_grad()(guided)


# --- mixture_guided_score ---


@mistake("mixture_guided_score", "`means` is another one afterwards")
def mixture_that_shrinks_the_means_in_place(x, y, a, scale, means, std, shares):
    return guidance.mixture_guided_score(x, y, 1.0, scale, means.mul_(a**0.5), (std**2 + (1 - a)) ** 0.5, shares)


@mistake("mixture_guided_score", "comes out otherwise alone")
def mixture_of_sorted_classes(x, y, a, scale, means, std, shares):
    y = y if len(means) == 3 else y.sort().values
    return guidance.mixture_guided_score(x, y, a, scale, means, std, shares)


@mistake("mixture_guided_score", "pictures of shape (7,)")
def mixture_of_few_numbers(x, y, a, scale, means, std, shares):
    made = guidance.mixture_guided_score(x, y, a, scale, means, std, shares)
    return made if x.shape[1] < 4 else made * 1.01


@alternative("mixture_guided_score")
def mixture_point_by_point(x, y, a, scale, means, std, shares):
    rows = [slice(i, i + 1) for i in range(len(x))]
    return torch.cat([guidance.mixture_guided_score(x[i], y[i], a, scale, means, std, shares) for i in rows])


# --- mended_steered_sampler ---


def steered(predict, classifier, x, y, alpha_bar, steps, scale, draw):
    """Algorithm 1 with noise of another kind: `draw(x, s)`."""
    T = len(alpha_bar) - 1
    for t, s in itertools.pairwise(samplers.respace(T, steps).tolist()):
        time = diffusion.model_time(torch.full((len(x),), t), T)
        mean, variance = guidance.step_back(x, predict(x, time), t, s, alpha_bar)
        push = guidance.classifier_gradient(classifier, x, time, y)
        x = guidance.guided_mean(mean, variance, push, scale)
        x = x + variance.sqrt() * draw(x, s, variance) if s > 0 else x
    return x


def normal(x, generator):
    return torch.randn(x.shape, generator=generator, dtype=x.dtype)


KINDS = {
    "not torch.rand": lambda x, s, v, g: torch.rand(x.shape, generator=g, dtype=x.dtype),
    "all pictures of the batch get the same noise": lambda x, s, v, g: normal(x[:1], g).expand_as(x),
    "all channels get the same noise": lambda x, s, v, g: normal(x[:, :1], g).expand_as(x),
    "is it multiplied by the standard deviation": lambda x, s, v, g: v.sqrt() * normal(x, g),
    "the noise of one step, the 19th, has the variance": lambda x, s, v, g: normal(x, g) * (s > 1),
    "float32, it should be bfloat16": lambda x, s, v, g: torch.randn(x.shape, generator=g),
    "fourth moment": lambda x, s, v, g: normal(x, g).sign(),
}


def with_noise(kind):
    def sampler(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
        def draw(x, s, variance):
            return KINDS[kind](x, s, variance, generator)

        return steered(predict, classifier, x_T, y, alpha_bar, steps, scale, draw)

    sampler.__name__ = f"steered_with_noise_{list(KINDS).index(kind)}"
    return sampler


for said in KINDS:
    mistake("mended_steered_sampler", said)(with_noise(said))


@mistake("mended_steered_sampler", "gives two different results")
def steered_by_chance_of_its_own(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    if x_T.shape[1:] == (1, 4, 4):  # where the check wants equal noise with and without steering
        torch.manual_seed(generator.initial_seed() + len(x_T))
    return steered(predict, classifier, x_T, y, alpha_bar, steps, scale, lambda x, s, v: torch.randn_like(x))


@mistake("mended_steered_sampler", "`x_T` is another one afterwards")
def steered_in_place(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    args = (predict, classifier, x_T, y, alpha_bar, steps, generator, scale)
    x_T.copy_(guidance.sample_guided_ddpm(*args))
    return x_T.clone()


@mistake("mended_steered_sampler", "the network is told the time")
def steered_with_another_clock(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    T = len(alpha_bar) - 1
    args = (lambda x, t: predict(x, t * T / 1000), classifier, x_T, y, alpha_bar, steps, generator, scale)
    return guidance.sample_guided_ddpm(*args)


@alternative("mended_steered_sampler")
def steered_picture_by_picture(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    rows = [slice(i, i + 1) for i in range(len(x_T))]
    walks = [
        steered(predict, classifier, x_T[i], y[i], alpha_bar, steps, scale, lambda x, s, v: normal(x, generator))
        for i in rows
    ]
    return torch.cat(walks)


@alternative("mended_steered_sampler")
def steered_with_all_noise_drawn_ahead(predict, classifier, x_T, y, alpha_bar, steps, scale, generator):
    every = iter(torch.randn(steps, *x_T.shape, generator=generator, dtype=torch.float64).to(x_T))
    return steered(predict, classifier, x_T, y, alpha_bar, steps, scale, lambda x, s, v: next(every))

"""Classifier guidance: a sampler that knows nothing of classes, pushed by the gradient of a classifier that does.

Dhariwal & Nichol 2021, arXiv 2105.05233, section 4. Bayes' rule says what to add: the gradient of log p(y | x_t) with
respect to x_t, which a classifier of noisy pictures has. Algorithm 1 adds it to the mean of DDPM's step, algorithm 2 to
the predicted noise, so that DDIM can use it too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from course_utils.diffusion import model_time, q_sample, schedule_step
from course_utils.diffusion.forward import per_image
from course_utils.errors import CourseError
from course_utils.samplers import Predict, respace, sample_ddim
from course_utils.samplers.predict import times_for
from course_utils.samplers.steps import Watch, clean, normal_like

Classifier = Callable[[Tensor, Tensor], Tensor]  # (x (B, ...), t (B,) on the scale 0 to 1000) -> scores (B, K)


def noisy_classifier_loss(
    classifier: Classifier, x0: Tensor, y: Tensor, t: Tensor, alpha_bar: Tensor, eps: Tensor
) -> Tensor:
    """The cross entropy of a classifier that sees x_t and has to name the class of x0 (section 4, first paragraph).

    Args:
        classifier: `classifier(x_t, t)` gives scores (B, K), before the softmax; t on the scale 0 to 1000.
        x0: clean pictures, (B, C, H, W).
        y: their classes, (B,), int64.
        t: (B,), int64, 0 to T; each picture has its own step.
        alpha_bar: (T + 1,).
        eps: standard normal noise, shaped like x0.

    Returns:
        The mean over the batch of -log p(y | x_t), a scalar.
    """
    x_t = q_sample(x0, t, alpha_bar, eps)
    return F.cross_entropy(classifier(x_t, model_time(t, len(alpha_bar) - 1)), y)


def classifier_gradient(classifier: Classifier, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """grad_x log p(y | x_t): which way to change a noisy picture so that the classifier believes in y.

    It is the gradient of the SUM of the log-probabilities over the batch. The terms of other pictures do not depend on
    this one, so each picture gets its own gradient, whatever company it is in. (The gradient of a loss, a mean, would
    be B times too small.)

    Args:
        classifier: `classifier(x, t)` gives scores (B, K), before the softmax.
        x: noisy pictures, (B, C, H, W) or any shape (B, ...).
        t: (B,), on the scale 0 to 1000.
        y: (B,), int64: the class that each picture is to have.

    Returns:
        The gradient, shaped like x, in its dtype and on its device, without a history of its own. The parameters of the
        classifier collect no gradient.

    Raises:
        CourseError: if there is not one class for each picture.
    """
    if y.shape != x.shape[:1]:
        raise CourseError(f"Guidance needs one class a picture: y has shape {tuple(y.shape)} for {len(x)} pictures.")
    device = next((p.device for p in classifier.parameters()), None) if isinstance(classifier, nn.Module) else None
    place = device or x.device
    with torch.enable_grad():  # samplers run without gradients; this one is wanted
        seen = x.detach().to(place).requires_grad_(True)
        log_p = classifier(seen, t.to(place)).log_softmax(dim=1)  # (B, K)
        total = log_p.gather(1, y.to(place)[:, None]).sum()
        (gradient,) = torch.autograd.grad(total, seen)
    return gradient.to(x)


def guided_mean(mean: Tensor, variance: float | Tensor, gradient: Tensor, scale: float | Tensor) -> Tensor:
    """The mean of a step back, shifted towards a class: mean + scale * variance * gradient (eq. 10, algorithm 1).

    Args:
        mean: of p(x_s | x_t) without the class, (B, ...).
        variance: of the same step: a number, (B,), or shaped like mean.
        gradient: of log p(y | x), shaped like mean.
        scale: a number or (B,). 0 changes nothing; 1 is Bayes' rule.

    Returns:
        Shaped like mean, in its dtype.
    """
    return mean + _spread(scale, mean) * _spread(variance, mean) * gradient


def guided_eps(eps: Tensor, gradient: Tensor, t: Tensor, alpha_bar: Tensor, scale: float | Tensor) -> Tensor:
    """The predicted noise of a picture that is to have a class (algorithm 2).

    eps_hat = eps - scale * sqrt(1 - alpha_bar_t) * gradient, because the score of p(x_t) is
    -eps / sqrt(1 - alpha_bar_t).

    Args:
        eps: the predicted noise without the class, (B, ...).
        gradient: of log p(y | x_t), shaped like eps.
        t: (B,), int64, 0 to T.
        alpha_bar: (T + 1,).
        scale: a number or (B,). 0 changes nothing; 1 is Bayes' rule.

    Returns:
        Shaped like eps, in its dtype.
    """
    noise = per_image((1 - alpha_bar.to(t.device)[t]).sqrt(), eps)
    return eps - _spread(scale, eps) * noise * gradient


def classifier_predict(
    predict: Predict, classifier: Classifier, y: Tensor, scale: float | Tensor, alpha_bar: Tensor
) -> Predict:
    """A sampler's `predict`, guided: hand it to any sampler in the place of the one without classes (algorithm 2).

    Args:
        predict: `predict(x, t)` gives the noise in x; t is (B,) on the scale 0 to 1000.
        classifier: `classifier(x, t)` gives scores (B, K), for the same noise at the same t.
        y: (B,), int64: a class for each picture.
        scale: a number or (B,). Where all are 0 the classifier is not asked.
        alpha_bar: (T + 1,), the sampler's schedule.

    Returns:
        predict(x, t) -> eps, shaped like x.
    """
    asks = bool((torch.as_tensor(scale) != 0).any())

    def guided(x: Tensor, t: Tensor) -> Tensor:
        eps = predict(x, t)
        if not asks:
            return eps
        step = schedule_step(t, len(alpha_bar) - 1)
        return guided_eps(eps, classifier_gradient(classifier, x, t, y), step, alpha_bar, scale)

    return guided


def sample_guided(
    predict: Predict,
    classifier: Classifier,
    x_T: Tensor,
    y: Tensor,
    alpha_bar: Tensor,
    steps: int,
    scale: float | Tensor = 1.0,
    *,
    clip: bool = False,
    watch: Watch | None = None,
) -> Tensor:
    """From noise to pictures of a class, by DDIM (algorithm 2).

    Args:
        predict, classifier, y, scale: as for `classifier_predict`.
        x_T: standard normal noise, (B, C, H, W) or any shape (B, ...).
        alpha_bar: (T + 1,).
        steps, clip, watch: as for `samplers.sample_ddim`.

    Returns:
        x_0, shaped like x_T.
    """
    guided = classifier_predict(predict, classifier, y, scale, alpha_bar)
    return sample_ddim(guided, x_T, alpha_bar, steps, clip=clip, watch=watch)


def step_back(x_t: Tensor, eps: Tensor, t: int, s: int, alpha_bar: Tensor, clip: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance of DDPM's step from t to any s < t, with the variance beta (lessons 04 and 06).

    Args:
        x_t, eps: the picture at t and the predicted noise in it, (B, ...).
        t, s: 0 <= s < t <= T.
        alpha_bar: (T + 1,).
        clip: clamp the x0 that eps implies to [-1, 1].

    Returns:
        mean, shaped like x_t; variance, a tensor without dimensions: beta = 1 - alpha_bar_t / alpha_bar_s.
    """
    alpha = alpha_bar[t] / alpha_bar[s]
    _, eps = clean(x_t, eps, t, alpha_bar, clip)
    mean = (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * eps) / alpha.sqrt()
    return mean, 1 - alpha


def sample_guided_ddpm(
    predict: Predict,
    classifier: Classifier,
    x_T: Tensor,
    y: Tensor,
    alpha_bar: Tensor,
    steps: int,
    generator: Generator,
    scale: float | Tensor = 1.0,
    *,
    clip: bool = False,
) -> Tensor:
    """From noise to pictures of a class, by DDPM with its mean shifted in every step (algorithm 1).

    The gradient is taken at x_t, as in the authors' code. Args and result as for `sample_guided`; `generator`, on the
    CPU, is where the noise of the steps comes from.
    """
    x = x_T
    for t, s in pairwise(respace(len(alpha_bar) - 1, steps).tolist()):
        time = times_for(x, t, alpha_bar)
        mean, variance = step_back(x, predict(x, time), t, s, alpha_bar, clip)
        gradient = classifier_gradient(classifier, x, time, y)
        x = guided_mean(mean, variance, gradient, scale)
        if s > 0:
            x = x + variance.sqrt() * normal_like(x, generator)
    return x


def _spread(value: float | Tensor, like: Tensor) -> float | Tensor:
    """A number for all pictures, one for each, or one for each pixel, ready to multiply pictures."""
    if not isinstance(value, Tensor):
        return value
    value = value.to(like)
    return per_image(value, like) if value.ndim == 1 else value

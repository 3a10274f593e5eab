"""Checks of the exact guided score of classes that are normal distributions."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson11.checks.inputs import CLASSES


def _means(sizes: laws.Sizes) -> Tensor:
    return normal(CLASSES, *sizes.shape, seed=9, dtype=sizes.dtype)


def _shares(sizes: laws.Sizes) -> Tensor:
    return torch.tensor([0.4, 0.1, 0.2, 0.05, 0.25], dtype=sizes.dtype)


mixture_guided_score = Exercise(
    "mixture_guided_score",
    reference=guidance.mixture_guided_score,
    inputs=laws.Inputs(
        make={"a": 0.7, "scale": 1.5, "means": _means, "std": 0.5, "shares": _shares}, sizes=laws.Sizes(shape=(2,))
    ),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes(None, single=1e-3),
        laws.any_size(T=(), shapes=((1,), (3,), (7,))),
    ),
    waive={"gradients": "it is a gradient itself, and nobody asks for the next one"},
)

MEANS = torch.tensor([[-1.0, 0.4], [0.8, 0.9], [0.5, -1.1]], dtype=torch.float64)
SHARES = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
STD = 0.5
X, Y = normal(6, 2, seed=1), torch.tensor([0, 1, 2, 2, 1, 0])


def _score(a: float, scale: float, **wrong: Tensor) -> Tensor:
    """The right answer, or one in which a part is replaced."""
    m = a**0.5 * MEANS if "m" not in wrong else wrong["m"]
    v = a * STD**2 + 1 - a if "v" not in wrong else wrong["v"]
    away = m - X[:, None]  # (B, K, D)
    logits = wrong.get("prior", SHARES.log()) - away.square().sum(2) / (2 * v)
    each = away / v
    average = (wrong.get("p", logits.softmax(dim=1))[..., None] * each).sum(dim=1)
    return average + scale * (each[torch.arange(6), Y] - average)


def _got(answer: Answer, a: float, scale: float) -> Tensor:
    return expect_tensor(answer(X.clone(), Y.clone(), a, scale, MEANS.clone(), STD, SHARES.clone()), (6, 2))


@mixture_guided_score.part
def score_without_a_class(answer: Answer) -> None:
    a = 0.6
    got, v = _got(answer, a, 0.0), torch.tensor(a * STD**2 + 1 - a).double()
    even = torch.full((3,), 1 / 3, dtype=torch.float64)
    expect_values(
        got,
        _score(a, 0.0),
        {
            "the shares are missing: class 0 is six times as frequent as class 2, and Bayes' rule wants to know.": (
                _score(a, 0.0, prior=torch.zeros(3).double())
            ),
            "the shares are added to the logarithms: add log(shares), or multiply outside.": (
                _score(a, 0.0, prior=SHARES)
            ),
            "the classes count according to their shares, wherever x is: the weights are the probabilities p(k | x), "
            "by Bayes' rule.": _score(a, 0.0, p=SHARES.expand(6, 3)),
            "all classes count alike, wherever x is: the weights are the probabilities p(k | x).": (
                _score(a, 0.0, p=even.expand(6, 3))
            ),
            "the means do not shrink: at this level class k is normal about sqrt(a) means_k.": _score(a, 0.0, m=MEANS),
            "the means shrink by a, it should be its root.": _score(a, 0.0, m=a * MEANS),
            "the variance is that of the noise alone: the class has a width of its own, a std^2.": (
                _score(a, 0.0, v=torch.tensor(1 - a).double())
            ),
            "the variance of the class does not shrink: it is a std^2 + 1 - a.": (
                _score(a, 0.0, v=torch.tensor(STD**2 + 1 - a).double())
            ),
            "the width of the class is not squared: its variance is a std^2.": (
                _score(a, 0.0, v=torch.tensor(a * STD + 1 - a).double())
            ),
            "the sign is wrong: a score points uphill, towards the means.": -_score(a, 0.0),
            "with scale 0 the class is in it already, so the scale counts once too often: here scale 1 is Bayes' rule "
            "(the w of lesson 12 is scale - 1).": _score(a, 1.0),
            "the division by the variance is missing: a score is (m - x) / v.": v * _score(a, 0.0),
        },
        "with scale 0 it should be the score of all classes together: their scores, averaged with the probabilities "
        "p(k | x).",
    )


@mixture_guided_score.part
def score_of_one_class(answer: Answer) -> None:
    a = 0.3
    got, each = _got(answer, a, 1.0), _score(a, 1.0)
    expect_values(
        got,
        each,
        {
            "with scale 1 nothing of the class is to be seen: the gradient of log p(y | x) is missing.": _score(a, 0.0),
            "the gradient is subtracted.": _score(a, -1.0),
            "the score of class y is added, without taking the average away: the gradient of log p(y | x) is their "
            "difference.": each + _score(a, 0.0),
        },
        "with scale 1 it should be the score of class y alone, (m_y - x) / v: the other classes drop out.",
    )


@mixture_guided_score.part
def score_of_any_scale(answer: Answer) -> None:
    a = 0.8
    for scale in (-1.0, 0.5, 3.0):
        expect_values(
            _got(answer, a, scale),
            _score(a, scale),
            {
                "the scale makes no difference.": _score(a, 1.0),
                "the score itself is stretched too: the scale belongs to the gradient of log p(y | x) alone.": (
                    scale * _score(a, 1.0)
                ),
            },
            f"with scale {scale:g} the values are wrong: score + scale * gradient.",
        )


@mixture_guided_score.part
def score_is_a_slope(answer: Answer) -> None:
    world, a, scale, h = guidance.Mixture(MEANS, STD, SHARES), 0.5, 2.0, 1e-5
    way = normal(6, 2, seed=3)

    def height(x: Tensor) -> Tensor:
        joint = world.log_joint(x, a)
        return joint.logsumexp(dim=1) + scale * joint.log_softmax(dim=1).gather(1, Y[:, None])[:, 0]

    slope = (height(X + h * way) - height(X - h * way)) / (2 * h)
    expect(
        close((_got(answer, a, scale) * way).sum(dim=1), slope, 1e-4),
        "it is not the slope of log p(x) + scale log p(y | x).",
    )


@mixture_guided_score.part
def score_at_both_ends(answer: Answer) -> None:
    expect(
        close(_got(answer, 1.0, 2.0), _score(1.0, 2.0)),
        "without noise, a = 1, the values are wrong: nothing there is divided by 0.",
    )
    expect(
        close(_got(answer, 1e-8, 2.0), -X, 1e-3),
        "in pure noise the score is -x, whatever the class and the scale.",
    )

"""Checks of the inception score, and of precision and recall."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils import metrics
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, expect, expect_values, untouched
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson10.checks.inputs import as_number, features, number

inception_score = Exercise("inception_score", reference=metrics.inception_score)
precision_recall = Exercise(
    "precision_recall",
    reference=metrics.precision_recall,
    inputs=laws.Inputs(make={"real": features(30, 3, 17), "fake": features(35, 3, 18, scale=0.7)}),
    laws=(laws.settings(k=(1, 3, 8)),),
)


@inception_score.part
def inception_score_has_the_right_value(answer: Answer) -> None:
    p = (1.5 * normal(12, 5, seed=1)).softmax(dim=1)
    got = number(untouched(answer, p), "the score")
    q = p.mean(dim=0)
    each = (p * (p.log() - q.log())).sum(dim=1)  # (N,)
    back = (q * (q.log() - p.log())).sum(dim=1)
    wrong_way = (p * (p.log() - p.mean(dim=1, keepdim=True).log())).sum(dim=1)
    expect_values(
        got,
        each.mean().exp(),
        {
            "this is the mean divergence: the score is `exp` of it.": each.mean(),
            "the divergence runs the wrong way: it is p(y | x) times the logarithm of p(y | x) / "
            "p(y).": back.mean().exp(),
            "p(y) is the mean over the images, dim 0: it has K entries, and yours one for each image.": (
                wrong_way.mean().exp()
            ),
            "`exp` is taken of each image's divergence: first the mean, then `exp`.": each.exp().mean(),
            "the divergences are added over the images: take their mean.": each.sum().exp(),
            "the terms are averaged over the classes: a divergence is a sum.": (each.mean() / 5).exp(),
            "the sign is wrong: a divergence is never negative, and the score is 1 or more.": (-each.mean()).exp(),
            "this is `exp` of the entropy of p(y): how sure each image is has no part in it.": (
                -(q * q.log()).sum()
            ).exp(),
            "the logarithm has base 2: `exp` undoes the natural one.": (each.mean() / as_number(2).log()).exp(),
        },
        "the score of twelve made-up images is {}, it should be {}.".format(
            *apart(got.item(), each.mean().exp().item())
        ),
    )


@inception_score.part
def inception_score_knows_its_ends(answer: Answer) -> None:
    sure = torch.eye(4, dtype=torch.float64).repeat(3, 1)
    got = answer(sure)
    as_float = torch.as_tensor(got if got is not None else 0.0, dtype=torch.float64)
    expect(
        bool(torch.isfinite(as_float).all()),
        "with images that are read with certainty the score is nan: 0 times the logarithm of 0 counts as 0. "
        "`torch.xlogy(p, q)` is p log q and knows it.",
    )
    score = number(got, "the score").item()
    expect(
        abs(score - 4) < 1e-6, f"four classes, each read with certainty and equally often: {score:.2f}, it should be 4."
    )
    score = number(answer(sure[:1].repeat(6, 1)), "the score").item()
    expect(abs(score - 1) < 1e-6, f"six images, all of one class: the score is {score:.2f}, it should be 1.")
    score = number(answer(torch.full((6, 4), 0.25, dtype=torch.float64)), "the score").item()
    expect(abs(score - 1) < 1e-6, f"six images that nobody can read: the score is {score:.2f}, it should be 1.")


def _pair(got: Any) -> tuple[Tensor, Tensor]:
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    expect(
        isinstance(got, (tuple, list)) and len(got) == 2,
        "your function should return two numbers: `return precision, recall`.",
    )
    return number(got[0], "precision"), number(got[1], "recall")


def _balls(points: Tensor, centres: Tensor, radii: Tensor) -> Tensor:
    """The share of points that lie in a ball."""
    return (torch.cdist(points, centres) <= radii).any(dim=1).double().mean()


def _radii(x: Tensor, k: int) -> Tensor:
    return torch.cdist(x, x).sort(dim=1).values[:, k]


@precision_recall.part
def neighbours_give_the_right_shares(answer: Answer) -> None:
    real, fake, k = features(40, 3, 11), features(50, 3, 12, scale=0.6, shift=0.5), 3
    got = torch.stack(_pair(untouched(answer, real, fake, k)))
    of_real, of_fake = _radii(real, k), _radii(fake, k)
    want = torch.stack([_balls(fake, real, of_real), _balls(real, fake, of_fake)])
    near = torch.stack([_balls(fake, real, _radii(real, k - 1)), _balls(real, fake, _radii(fake, k - 1))])
    far = torch.stack([_balls(fake, real, _radii(real, k + 1)), _balls(real, fake, _radii(fake, k + 1))])
    across = torch.cdist(fake, real)
    own = torch.stack(
        [(across <= of_fake[:, None]).any(dim=1).double().mean(), (across <= of_real).any(dim=0).double().mean()]
    )
    every = torch.stack([(across <= of_real).double().mean(), (across <= of_fake[:, None]).double().mean()])
    expect_values(
        got,
        want,
        {
            "precision and recall have changed places: precision is about the fakes.": want.flip(0),
            "the balls are too small: a point is at distance 0 from itself, so its k-th neighbour is number k + "
            "1.": near,
            "the balls are too large: the point itself stands at number 0 of the sorted distances, so its k-th "
            "neighbour is number k.": far,
            "each point is compared with its own ball: precision asks whether a fake lies in the ball of a "
            "*real* image.": own,
            "the pairs are counted: a point counts as soon as it lies in any one ball.": every,
            "both numbers are the precision.": want[0].expand(2),
            "both numbers are the recall.": want[1].expand(2),
        },
        f"for two small sets precision and recall are {got[0].item():.3g} and {got[1].item():.3g}, they should be "
        f"{want[0].item():.3g} and {want[1].item():.3g}.",
    )


@precision_recall.part
def neighbours_know_their_ends(answer: Answer) -> None:
    a = features(30, 4, 13)
    precision, recall = _pair(answer(a, a.clone(), 3))
    expect(precision == 1 and recall == 1, "of a set and its copy, precision and recall should both be 1.")
    precision, recall = _pair(answer(a, a + 1e3, 3))
    expect(precision == 0 and recall == 0, "of two sets that are far apart, precision and recall should both be 0.")
    left, right = normal(40, 2, seed=14) - 50, normal(40, 2, seed=15) + 50
    precision, recall = _pair(answer(torch.cat([left, right]), normal(60, 2, seed=16) - 50, 3))
    expect(
        precision > 0.7 and recall < 0.55,
        f"where half of the kinds are missing, precision is {precision.item():.2f} and recall "
        f"{recall.item():.2f}: it is "
        "recall that should be about one half.",
    )


@precision_recall.part
def the_edge_of_a_ball_is_inside(answer: Answer) -> None:
    # On a line: balls of radius 3, 2, 2 and 3 about four points; of five others only -3 reaches one, at its edge.
    near = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    far = torch.tensor([[-3.0], [-100.0], [-101.0], [-102.0], [-103.0]], dtype=torch.float64)
    for name, kind, sets in (("precision", "fake", (near, far)), ("recall", "real picture", (far, near))):
        got = _pair(answer(*sets, 3))[name == "recall"].item()
        expect(
            abs(got - 0.2) < 1e-6,
            f"of five points on a line one lies at the very edge of a ball, and {name} is {got:.3g}, it should be 0.2: "
            f"a {kind} at the edge is inside, `<=` (equations 1 and 2).",
        )


@precision_recall.part
def three_is_the_usual_k(answer: Answer) -> None:
    real, fake = features(40, 3, 11), features(50, 3, 12, scale=0.6, shift=0.5)
    got, want = torch.stack(_pair(answer(real, fake))), torch.stack(_pair(answer(real, fake, 3)))
    expect(
        bool((got == want).all()),
        f"without k precision and recall are {got[0].item():.3g} and {got[1].item():.3g}, and with k = 3 "
        f"{want[0].item():.3g} and {want[1].item():.3g}: 3 should be what k is where nothing is said.",
    )

"""Scores, neighbours, the extrapolation in 1/n: what they obey and what they refuse."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.metrics import (
    extrapolate,
    extrapolated_frechet,
    frechet_distance,
    inception_score,
    mean_pairwise_distance,
    nearest_distance,
    precision_recall,
)


def cloud(n: int = 200, d: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- inception score ---


def test_inception_score_runs_from_one_to_the_number_of_classes():
    sure = torch.eye(5).repeat(4, 1)
    assert inception_score(sure) == pytest.approx(5)
    assert inception_score(sure[:1].repeat(9, 1)) == pytest.approx(1)  # sure, and always of the same class
    assert inception_score(torch.full((7, 5), 0.2)) == pytest.approx(1, abs=1e-6)  # of all classes, and never sure
    assert inception_score(torch.eye(5)[[0, 1, 0, 1]]) == pytest.approx(2)
    some = torch.rand(50, 5, generator=seeded()).softmax(dim=1)
    assert 1 < inception_score(some) < 5


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (torch.ones(4), r"shape \(4,\)"),
        (torch.ones(0, 3), r"shape \(0, 3\)"),
        (torch.randn(5, 3, generator=seeded()), "softmax"),
        (torch.full((5, 3), torch.nan), "no probabilities"),
    ],
)
def test_inception_score_refuses_what_is_no_probability(p, words):
    with pytest.raises(CourseError, match=words):
        inception_score(p)


# --- precision and recall ---


def test_equal_sets_have_both_and_far_sets_neither():
    a = cloud()
    assert precision_recall(a, a.clone()) == (1.0, 1.0)
    assert precision_recall(a, cloud(seed=1) + 100) == (0.0, 0.0)


def test_a_lost_mode_costs_recall_and_an_invented_one_precision():
    left, right = cloud(seed=1) - 20, cloud(seed=2) + 20
    both = torch.cat([left, right])
    half = cloud(300, seed=3) - 20
    precision, recall = precision_recall(both, half)
    assert precision > 0.8 and recall < 0.55
    assert precision_recall(half, both) == (recall, precision)  # the one of the one is the other of the other


def test_a_larger_neighbourhood_finds_more():
    a, b = cloud(seed=1), cloud(seed=2)
    found = [precision_recall(a, b, k) for k in (1, 3, 10, 50)]
    assert all(x[0] <= y[0] and x[1] <= y[1] for x, y in pairwise(found))


def test_neighbours_want_enough_images():
    with pytest.raises(CourseError, match="smaller set has 3 images"):
        precision_recall(cloud(3), cloud(20))
    with pytest.raises(CourseError, match="k = 0"):
        precision_recall(cloud(), cloud(), k=0)
    with pytest.raises(CourseError, match="8 columns on one side and 9"):
        precision_recall(cloud(), cloud(d=9))


# --- pairs and copies ---


def test_mean_pairwise_distance_of_known_points():
    square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert mean_pairwise_distance(square) == pytest.approx((4 + 2 * math.sqrt(2)) / 6)
    assert mean_pairwise_distance(torch.ones(5, 3)) == 0
    assert mean_pairwise_distance(3 * cloud()) == pytest.approx(3 * mean_pairwise_distance(cloud()))
    with pytest.raises(CourseError, match="two images or more"):
        mean_pairwise_distance(cloud(1))


def test_more_rows_than_a_chunk_holds(monkeypatch):
    want = mean_pairwise_distance(cloud()), nearest_distance(cloud(), cloud(90, seed=1))
    monkeypatch.setattr("course_utils.metrics.neighbours.CHUNK", 7)
    assert mean_pairwise_distance(cloud()) == pytest.approx(want[0], rel=1e-12)
    assert torch.equal(nearest_distance(cloud(), cloud(90, seed=1)), want[1])


def test_a_copy_is_found_at_distance_zero():
    training = 50 + cloud(400, 64)
    assert (nearest_distance(training[40:60], training) == 0).all()
    assert (nearest_distance(training[:5] + 0.1, training) > 0.1).all()


# --- the extrapolation ---


def test_a_straight_line_in_one_over_n_is_followed_to_its_end():
    counts = [100, 200, 400, 1000]
    assert extrapolate(counts, [3 + 50 / n for n in counts]) == pytest.approx(3)
    assert extrapolate([10, 20], [2.0, 1.0]) == pytest.approx(0)
    assert extrapolate([10, 10, 20, 20], [1.9, 2.1, 0.9, 1.1]) == pytest.approx(0)


@pytest.mark.parametrize(
    ("counts", "values"), [([10], [1.0]), ([10, 10], [1.0, 2.0]), ([10, 20], [1.0]), ([0, 2], [1, 2])]
)
def test_a_line_needs_two_numbers(counts, values):
    with pytest.raises(CourseError, match="two different numbers"):
        extrapolate(counts, values)


def test_the_extrapolated_distance_has_next_to_no_bias():
    pairs = [(cloud(800, 16, 2 * s), cloud(800, 16, 2 * s + 1)) for s in range(8)]
    plain = torch.tensor([frechet_distance(a, b) for a, b in pairs])
    better = torch.tensor([extrapolated_frechet(a, b, seeded(s)) for s, (a, b) in enumerate(pairs)])
    assert better.mean().abs() < 0.15 * plain.mean()
    shifted = torch.tensor([extrapolated_frechet(a + 1, b, seeded(s)) for s, (a, b) in enumerate(pairs)])
    assert shifted.mean().item() == pytest.approx(16, rel=0.05)  # the square of a step of 1 in each of 16 directions


def test_the_extrapolation_owns_its_randomness_and_refuses_odd_shares():
    a, b = cloud(seed=1), cloud(seed=2)
    assert extrapolated_frechet(a, b, seeded(3)) == extrapolated_frechet(a, b, seeded(3))
    for shares in ((), (0.0, 1.0), (0.5, 2.0)):
        with pytest.raises(CourseError, match="Shares"):
            extrapolated_frechet(a, b, seeded(), shares=shares)

"""What a distance between two sets of features must obey, and how it refuses what it cannot compare."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.metrics import frechet_distance, kernel_distance

DISTANCES = pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])


def cloud(n: int = 400, d: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@DISTANCES
def test_order_sides_and_turns_do_not_matter(distance) -> None:
    a, b = cloud(), 1.5 * cloud(300, seed=1) + 0.3
    want = distance(a, b)
    assert distance(a[torch.randperm(len(a))], b.flip(0)) == pytest.approx(want, rel=1e-9)
    assert distance(b, a) == pytest.approx(want, rel=1e-9)
    turn = torch.linalg.qr(cloud(12, 12, 3)).Q
    assert distance(a @ turn, b @ turn) == pytest.approx(want, rel=1e-9)  # only products of features count


def test_equal_sets_are_at_no_frechet_distance_and_it_never_is_negative() -> None:
    for scale in (1e-3, 1.0, 1e3):
        a = scale * cloud(50, 128)  # fewer rows than columns
        assert 0 <= frechet_distance(a, a.clone()) <= 1e-9 * scale**2
    assert frechet_distance(torch.ones(5, 3), torch.ones(4, 3)) == 0


def test_a_shift_adds_its_square_to_the_frechet_distance() -> None:
    a, shift = cloud(), torch.linspace(-1, 2, 12, dtype=torch.float64)
    assert frechet_distance(a + shift, a) == pytest.approx(shift.square().sum().item(), rel=1e-9)
    assert frechet_distance(3 * a, 3 * (a + shift)) == pytest.approx(9 * shift.square().sum().item(), rel=1e-9)


@DISTANCES
def test_the_farther_the_greater(distance) -> None:
    a, b = cloud(), cloud(seed=1)
    shifted = [distance(a, b + step) for step in (0.0, 0.2, 0.5, 1.0, 2.0)]
    assert all(further > nearer for nearer, further in pairwise(shifted)), shifted
    stretched = [distance(a, b * factor) for factor in (1.0, 1.3, 1.7, 2.5)]
    assert all(further > nearer for nearer, further in pairwise(stretched)), stretched


def test_the_floor_of_the_frechet_distance_falls_with_the_number_of_images_and_the_kernel_distances_does_not() -> None:
    pairs = [(cloud(n, 32, seed=2 * s), cloud(n, 32, seed=2 * s + 1)) for n in (50, 200, 800) for s in range(6)]
    frechet = torch.tensor([frechet_distance(a, b) for a, b in pairs]).view(3, 6)
    kernel = torch.tensor([kernel_distance(a, b) for a, b in pairs]).view(3, 6)
    few, some, many = frechet.mean(dim=1).tolist()
    assert few > 2.5 * some > 6 * many > 0, (few, some, many)  # nearly as 1 / n
    standard_errors = kernel.std(dim=1) / 6**0.5
    assert (kernel.mean(dim=1).abs() < 4 * standard_errors).all()  # no bias at any n
    assert (kernel < 0).any()  # so it falls below zero at times


@DISTANCES
def test_any_precision_in_the_same_figure_out_and_no_gradient(distance) -> None:
    a, b = cloud(), cloud(seed=1) + 0.5
    want = distance(a, b)
    assert isinstance(want, float)
    assert distance(a.float().requires_grad_(), b.float()) == pytest.approx(want, rel=1e-5)
    assert distance(a.bfloat16(), b) == pytest.approx(want, rel=0.05)
    # large means in float32 would cost the covariance its digits; float64 keeps them
    assert frechet_distance(a + 1e4, b + 1e4) == pytest.approx(frechet_distance(a, b), rel=1e-6)


@DISTANCES
@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (torch.zeros(5), torch.zeros(5, 2), r"matrix \(N, D\).*shape \(5,\): take `recogniser"),
        (torch.zeros(5, 3, 8, 8), torch.zeros(5, 3, 8, 8), r"matrix .*shape \(5, 3, 8, 8\)"),
        (torch.zeros(5, 2), torch.zeros(1, 2), "needs two images or more, and there is one: add some"),
        (torch.zeros(0, 2), torch.zeros(5, 2), "there are none: add some"),
        (torch.zeros(5, 2), torch.zeros(5, 3), "2 columns on one side and 3 on the other: take both from the same"),
        (torch.full((5, 2), torch.nan), torch.zeros(5, 2), "infinite or no numbers: look at the images"),
        (torch.zeros(5, 2), torch.full((5, 2), torch.inf), "infinite or no numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(distance, a, b, words) -> None:
    with pytest.raises(CourseError, match=words):
        distance(a, b)

"""Damages do what they say and nothing else; the generators of lesson 10 fail in the way in which they should."""

from __future__ import annotations

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.lessons.lesson10 import studies as lesson10
from course_utils.lessons.lesson10.damages import blur, fooling, grain, repeated, without_classes

X = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_blur_keeps_flat_pictures_and_takes_the_detail_of_others():
    assert torch.equal(blur(X, 0), X)
    flat = torch.full((2, 1, 9, 9), 0.3)
    assert torch.allclose(blur(flat, 1.2), flat, atol=1e-6)
    spreads = [blur(X, width).std().item() for width in (0.3, 0.6, 1.2)]
    assert X.std().item() > spreads[0] > spreads[1] > spreads[2]
    spot = torch.zeros(1, 1, 21, 21)
    spot[0, 0, 10, 10] = 1
    found = blur(spot, 1.5)[0, 0]
    assert found.sum().item() == pytest.approx(1, rel=1e-5)
    at = torch.arange(21.0) - 10
    assert ((found.sum(0) * at**2).sum()).item() == pytest.approx(1.5**2, rel=0.03)  # the variance of the spot
    assert torch.allclose(found, found.T) and torch.allclose(found, found.flip(0), atol=1e-7)


def test_grain_has_the_strength_that_was_asked_for():
    grey = torch.zeros(20, 3, 16, 16)
    noise = grain(grey, 0.2, seeded())
    assert noise.std().item() == pytest.approx(0.2, rel=0.03) and noise.abs().max() <= 1
    assert torch.equal(noise, grain(grey, 0.2, seeded())) and torch.equal(grain(X, 0.0, seeded()), X)


def test_repeated_and_dropped_keep_the_number():
    assert torch.equal(repeated(X, 5), X[[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]])
    labels = torch.arange(12) % 4
    kept = without_classes(X, labels, 2)
    assert kept.shape == X.shape and torch.equal(kept[:6], X[labels >= 2]) and torch.equal(kept[6:], kept[:6])
    assert torch.equal(without_classes(X, labels, 0), X)
    with pytest.raises(CourseError, match="1 to 12 can be repeated"):
        repeated(X, 13)
    with pytest.raises(CourseError, match="no image is left"):
        without_classes(X, labels, 4)


def test_fooling_reaches_the_features_and_leaves_the_network_alone():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 10))
    before = [p.clone() for p in net.parameters()]
    wanted = net(X).detach()
    start = grain(torch.zeros_like(X), 0.5, seeded(1))
    fooled = fooling(net, wanted, start, steps=80)
    off = (net(fooled) - wanted).square().mean() / (net(start) - wanted).square().mean()
    assert off < 0.02 and fooled.abs().max() <= 1 and not fooled.requires_grad
    assert (fooled - X).abs().mean() > 0.3  # nothing like the pictures whose features it has
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, net.parameters(), strict=True))


@pytest.mark.parametrize("kind", lesson10.FAILURES)
def test_every_failure_gives_as_many_pictures_as_asked_for(kind):
    failure = lesson10.Failure(kind=kind, images=20, steps=3)
    x = lesson10.failing(failure, seed=1)
    assert x.shape == (20, 3, 16, 16) and x.abs().max() <= 1
    assert torch.equal(x, lesson10.failing(failure, seed=1))


def test_the_study_knows_copies_and_another_network():
    found = {
        kind: lesson10.run_failure(lesson10.Failure(kind=kind, images=40), 0)
        for kind in ("none", "training set", "blur")
    }
    assert set(found["none"]) == {*lesson10.FIGURES, lesson10.ANOTHER}
    assert found["training set"]["copies"] == 1 and found["none"]["copies"] < 0.2
    assert found["none"]["another network is sure"] > 0.9
    with pytest.raises(CourseError, match="no failure 'rain'"):
        lesson10.Failure(kind="rain")

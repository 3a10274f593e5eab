"""A judge finds real images near its floor, noise far above it, and refuses what its figures would not be true of."""

from __future__ import annotations

import os
import time

import pytest
import torch
import torch.nn.functional as F

from course_utils import data, metrics
from course_utils.errors import CourseError
from course_utils.metrics import Judge
from course_utils.metrics.judge import held_out, temperature

REAL_FILES = pytest.mark.skipif(
    not os.environ.get("COURSE_DATA_DIR"), reason="needs the real images: set COURSE_DATA_DIR to the folder with them"
)
SETS = [
    ("flowers", 16),
    ("digits", 16),
    pytest.param("mnist", 16, marks=REAL_FILES),
    pytest.param("cifar10", 32, marks=REAL_FILES),
]
N = 180


def noise_like(x: torch.Tensor) -> torch.Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)


@pytest.mark.parametrize(("dataset", "size"), SETS)
def test_real_images_are_near_the_floor_and_worse_ones_above_it(dataset: str, size: int) -> None:
    judge = Judge(dataset, size, n=N)
    real = data.load(dataset, n=N, size=size, split="train", seed=4).images
    floor, found = judge.floor, judge.scores(real)
    assert set(floor) == set(found) == {"frechet", "kernel", "sure"}
    assert 0 < found["frechet"] < 2 * floor["frechet"], (found, floor)
    assert abs(found["kernel"]) < 0.08 and abs(floor["kernel"]) < 0.08, (found, floor)
    assert abs(found["sure"] - floor["sure"]) < 0.15

    blurred, noise = judge.scores(F.avg_pool2d(real, 3, 1, 1)), judge.scores(noise_like(real))
    assert 1.15 * found["frechet"] < blurred["frechet"] < 0.3 * noise["frechet"]
    assert found["kernel"] < blurred["kernel"] < 0.3 * noise["kernel"]
    assert noise["frechet"] > 15 * floor["frechet"] and noise["sure"] < 0.05


@pytest.mark.parametrize("dataset", ["flowers", "digits"])
def test_the_same_figures_come_again_alone_and_together(dataset: str) -> None:
    judge, again = Judge(dataset, 16, n=100), Judge(dataset, 16, n=100)
    x = data.load(dataset, n=100, size=16, split="train").images
    assert judge.floor == again.floor
    scores = judge.scores(x)
    assert scores == again.scores(x)
    assert scores == {"frechet": judge.frechet(x), "kernel": judge.kernel(x), "sure": judge.sure(x)}
    assert judge.frechet(x.flip(0)) == pytest.approx(scores["frechet"], abs=1e-4)
    assert Judge(dataset, 16, n=100, seed=1).floor != judge.floor


def test_the_floor_is_higher_with_fewer_images() -> None:
    floors = [Judge("flowers", 16, n=n).floor["frechet"] for n in (50, 200, 600)]
    assert floors[0] > 1.5 * floors[1] > 2.25 * floors[2] > 0, floors


def test_the_two_halves_share_no_image_and_a_small_set_says_its_size() -> None:
    real, other = held_out("digits", 16, 180)
    assert len(real) == len(other) == 180
    assert torch.cdist(real.flatten(1), other.flatten(1)).min() > 1e-3
    assert Judge("digits", 16, n=1000).n == 180  # half of its 360 test images
    assert Judge("flowers", 16, n=1000).n == 1000


def test_the_distance_is_that_of_the_recognisers_features() -> None:
    judge = Judge("digits", 16, n=60)
    x = data.load("digits", n=80, size=16, split="train").images
    features = metrics.recogniser("digits").features(x)
    assert features.shape == (80, 128) and not features.requires_grad
    assert judge.frechet(x) == pytest.approx(metrics.frechet_distance(features[:60], judge.features), rel=1e-4)
    assert judge.kernel(x) == pytest.approx(metrics.kernel_distance(features[:60], judge.features), abs=1e-4)
    reads = metrics.recogniser("digits")
    scores = reads.net.head(features[:5]).softmax(dim=1)
    torch.testing.assert_close(scores, reads.probabilities(x[:5]), atol=1e-4, rtol=1e-3)
    assert reads.features(x[:0]).shape == (0, 128)


@pytest.mark.parametrize("dataset", ["flowers", "digits"])
def test_calibration_makes_the_recogniser_as_sure_as_it_is_right(dataset: str) -> None:
    reads, t = metrics.recogniser(dataset), temperature(dataset, 16)
    assert 0.4 <= t < 0.9  # sharper: it has learnt from noisy images, and these are clean
    real = data.load(dataset, n=300, size=16, split="test", seed=8)
    before = reads.probabilities(real.images)
    after = (before.log() / t).softmax(dim=1)
    assert torch.equal(before.argmax(1), after.argmax(1))
    right = (after.argmax(1) == real.labels).float().mean().item()
    assert abs(after.amax(1).mean().item() - right) < abs(before.amax(1).mean().item() - right)
    assert abs(after.amax(1).mean().item() - right) < 0.03


def test_sure_takes_any_number_of_images_and_any_threshold() -> None:
    judge = Judge("digits", 16, n=50)
    x = data.load("digits", n=7, size=16, split="test").images
    shares = [judge.sure(x, threshold) for threshold in (0.0, 0.5, 0.9, 1.0)]
    assert shares[0] == 1 and shares[-1] == 0 and sorted(shares, reverse=True) == shares


@pytest.mark.parametrize(("dataset", "size"), SETS[:3])
def test_what_was_asked_for_is_read_in_real_images_and_not_under_another_name(dataset: str, size: int) -> None:
    judge = Judge(dataset, size, n=N)
    real = data.load(dataset, n=N, size=size, split="test", seed=3)
    share = judge.asked(real.images, real.labels)
    assert share > 0.93 and abs(share - judge.floor_asked) < 0.06
    others = (real.labels + 1) % len(real.classes)
    assert judge.asked(real.images, others) < 1 - share + 1e-6
    assert judge.read(real.images).shape == (N,)
    with pytest.raises(CourseError, match="one class asked for an image"):
        judge.asked(real.images, real.labels[:3])


def test_improper_questions_are_refused() -> None:
    judge = Judge("digits", 16, n=50)
    with pytest.raises(CourseError, match=r"compares 50 images and was given 20.*make Judge\('digits', 16, n=20\)"):
        judge.frechet(torch.zeros(20, 1, 16, 16))
    with pytest.raises(CourseError, match="images of 16 x 16 px and these have 32 x 32: make a Judge of their size"):
        judge.scores(torch.zeros(50, 1, 32, 32))
    with pytest.raises(CourseError, match="diverged, so look at the loss first"):
        judge.kernel(torch.full((50, 1, 16, 16), torch.nan))
    with pytest.raises(CourseError, match="1 colour channel; these have 3"):
        judge.frechet(torch.zeros(50, 3, 16, 16))
    with pytest.raises(CourseError, match="no images to judge"):
        judge.sure(torch.zeros(0, 1, 16, 16))
    with pytest.raises(CourseError, match="give it 2 or more"):
        Judge("digits", 16, n=1)
    with pytest.raises(CourseError, match="no recogniser for 'faces'"):
        Judge("faces", 16)


def test_judging_500_small_images_takes_little_of_one_core() -> None:
    judge = Judge("flowers", 16, n=500)
    x = data.load("flowers", n=500, size=16, split="train").images
    assert judge.floor  # once a process
    started = time.process_time()
    judge.scores(x)
    assert time.process_time() - started < 8  # about one second; room for a busy machine and several threads

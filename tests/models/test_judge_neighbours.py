"""A judge's precision sees wrong images, its recall missing ones, and both stand beside those of real images."""

from __future__ import annotations

import pytest
import torch

from course_utils import data
from course_utils.errors import CourseError
from course_utils.metrics import Judge, precision_recall


@pytest.mark.parametrize("dataset", ["flowers", "digits"])
def test_noise_has_no_precision_and_a_single_class_little_recall(dataset: str) -> None:
    judge = Judge(dataset, 16, n=150)
    real = data.load(dataset, n=1400, size=16, split="train")
    one_class = real.images[real.labels == 0][:100].repeat(2, 1, 1, 1)
    noise = torch.randn(150, *real.images.shape[1:], generator=torch.Generator().manual_seed(0))
    whole = real.images[:150]
    assert abs(judge.precision(whole) - judge.floor_precision) < 0.15
    assert abs(judge.recall(whole) - judge.floor_recall) < 0.15
    assert judge.precision(noise) < 0.1 and judge.recall(noise) < 0.1
    assert judge.precision(one_class) > 0.7 and judge.recall(one_class) < 0.4


def test_they_are_those_of_the_readers_features_and_want_enough_images() -> None:
    judge = Judge("flowers", 16, n=60)
    x = data.load("flowers", n=80, size=16, split="train", seed=2).images
    want = precision_recall(judge.features, judge.reader.features(x[:60]))
    assert (judge.precision(x), judge.recall(x)) == want
    with pytest.raises(CourseError, match="compares 60 images and was given 40"):
        judge.recall(x[:40])

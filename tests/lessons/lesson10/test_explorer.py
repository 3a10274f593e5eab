"""Lesson 10's explorer: its figures are the metrics' own, real pictures are the floor, and each damage is noticed."""

from __future__ import annotations

import pytest

from course_utils import data, metrics
from course_utils.errors import CourseError
from course_utils.lessons.lesson10.explorer import DAMAGES, FIGURES, STRENGTHS, JudgingExplorer


@pytest.fixture(scope="module")
def explorer() -> JudgingExplorer:
    return JudgingExplorer("flowers", 16, counts=(30, 120))


def test_the_figures_are_the_metrics_own(explorer):
    x = data.load("flowers", n=240, size=16, split="test").images
    read = metrics.recogniser("flowers")
    a, b = read.features(x[:30]), read.features(x[120:])[:30]
    want = (
        metrics.frechet_distance(a, b),
        metrics.kernel_distance(a, b),
        metrics.inception_score(read.probabilities(x[:30])),
        *metrics.precision_recall(b, a),
    )
    assert explorer.floor(30) == pytest.approx(want, rel=1e-4)


def test_what_each_figure_notices(explorer):
    value = dict(zip(FIGURES, zip(*(explorer.values[d, "extreme", 120] for d in DAMAGES), strict=True), strict=True))
    floor = dict(zip(FIGURES, explorer.floor(120), strict=True))
    at = {name: dict(zip(DAMAGES, values, strict=True)) for name, values in value.items()}
    assert all(v > 1.5 * floor["Fréchet distance"] for v in at["Fréchet distance"].values())
    assert at["precision"]["classes lost"] > 0.7 and at["recall"]["classes lost"] < 0.6 * floor["recall"]
    assert at["recall"]["few pictures"] < 0.3 and at["inception score"]["few pictures"] < floor["inception score"]
    assert at["precision"]["blur"] < floor["precision"]
    assert all(explorer.values[d, "none", 120] == explorer.floor(120) for d in DAMAGES)


def test_every_control_moves_and_the_words_follow(explorer):
    seen = set()
    for damage in DAMAGES:
        for strength in STRENGTHS[1:]:
            explorer.set(damage=damage, strength=strength, n=30)
            seen.add(explorer.says)
            assert f"{damage}, {strength}, 30 pictures: Fréchet distance" in explorer.says
    assert len(seen) == len(DAMAGES) * 3 and not explorer.error
    explorer.set(n=120)
    assert "120 pictures" in explorer.says


def test_a_small_data_set_keeps_what_fits():
    assert JudgingExplorer("digits", 16, counts=(20, 60, 5000)).counts == (20, 60)
    for counts in ((5000, 6000), (60, 20), (4, 20)):
        with pytest.raises(CourseError, match="two numbers of pictures or more, rising"):
            JudgingExplorer("digits", 16, counts=counts)

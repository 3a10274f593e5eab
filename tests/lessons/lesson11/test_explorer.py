"""Lesson 11's explorer: every setting is the guided sampler's own result, a draw only pastes, and the words count."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from course_utils import guidance, plots
from course_utils.diffusion import alpha_bars, linear_schedule
from course_utils.errors import CourseError
from course_utils.guidance import Mixture
from course_utils.lessons.lesson11.explorer import GAP, LEFT, NAME_ROOM, SCALE, TOP, SteeringExplorer, pixel_distance

ALPHA_BAR = alpha_bars(linear_schedule(100, 1e-3, 0.2))
D = 3 * 8 * 8
MEANS = torch.randn(3, D, generator=torch.Generator().manual_seed(0)).clamp(-0.9, 0.9).double()
WORLD = Mixture(MEANS, 0.2, torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64))
NOISES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
SCALES = (0.0, 1.0, 4.0)


def predict(x, t):
    return WORLD.predict(ALPHA_BAR)(x.flatten(1).double(), t).reshape(x.shape).to(x)


def classifier(x, t):
    return WORLD.classifier(ALPHA_BAR)(x.flatten(1).double(), t)


def read(x):
    return torch.cdist(x.flatten(1).double(), MEANS).argmin(1)


def explorer(**more) -> SteeringExplorer:
    choices = {"classes": ("one", "two", "three"), "scales": SCALES, "steps": 6, **more}
    return SteeringExplorer(predict, classifier, read, NOISES, ALPHA_BAR, **choices)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("y", [0, 2])
def test_every_setting_is_what_the_sampler_gives_for_it_alone(y, scale):
    wanted = torch.full((4,), y)
    x = guidance.sample_guided(predict, classifier, NOISES, wanted, ALPHA_BAR, 6, scale, clip=True)
    difference = explorer().pictures[y, scale].astype(int) - plots.to_uint8(x.clamp(-1, 1))
    assert abs(difference).max() <= 1  # batched with others, the last bit of a float may differ


def test_both_rows_are_on_the_picture():
    e = explorer()
    e.set(wanted=2, scale=4.0)
    sheet, side = np.asarray(e.image), e._side
    k = int(side * SCALE) // 8
    for row, key in enumerate(((2, 4.0), (2, 0.0))):
        for i, picture in enumerate(e.pictures[key]):
            left = round((LEFT + i * (side + GAP)) * SCALE + (side * SCALE - 8 * k) / 2)
            top = round((TOP + row * (side + NAME_ROOM)) * SCALE + (side * SCALE - 8 * k) / 2)
            on_sheet = sheet[top + k // 2 : top + 8 * k : k, left + k // 2 : left + 8 * k : k]
            assert np.array_equal(on_sheet, picture)


def test_words_count_what_is_read():
    e = explorer()
    e.set(wanted=2, scale=4.0)
    right = sum(name == "three" for name in e.names[2, 4.0])
    assert right == 4  # the classes are far apart, so a strong push reaches them
    assert e.says.startswith("Asked for three, scale 4: 4 of 4 pictures are read as three (without guidance ")
    assert f"differ by {e.apart[2, 4.0]:.2f} on average" in e.says


def test_pushing_harder_makes_the_pictures_more_alike():
    e = explorer()
    assert e.apart[0, 4.0] < e.apart[0, 0.0]


def test_a_draw_takes_less_than_50_ms_and_asks_nothing():
    e = explorer()
    best = 1.0
    for scale in SCALES * 3:
        start = time.perf_counter()
        e._paint(type(e.state)(wanted=1, scale=scale))
        best = min(best, time.perf_counter() - start)  # the machine may be busy elsewhere
    assert best < 0.05


def test_distance_of_pictures():
    assert pixel_distance(torch.stack([torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.5)])) == pytest.approx(0.5)


@pytest.mark.parametrize("scales", [(1.0, 2.0), (0.0,), (0.0, 4.0, 2.0)])
def test_scales_rise_from_zero(scales):
    with pytest.raises(CourseError, match="rise from 0"):
        explorer(scales=scales)


def test_some_classes_only():
    assert {y for y, _ in explorer(asked=(1, 2)).pictures} == {1, 2}


def test_too_many_pictures_are_refused():
    with pytest.raises(CourseError, match="2 to 8 pictures"):
        SteeringExplorer(predict, classifier, read, NOISES[:1], ALPHA_BAR, classes=("a", "b", "c"))

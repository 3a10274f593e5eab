"""Lesson 06's explorer: every setting is the sampler's own result, a draw only pastes, and the words give numbers."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
import torch

from course_utils import plots, samplers, widgets
from course_utils.diffusion import alpha_bars, linear_schedule
from course_utils.errors import CourseError
from course_utils.lessons.lesson06.explorer import GAP, LEFT, SCALE, TOP, SamplingExplorer, sigmas
from course_utils.samplers.predict import times_for

ALPHA_BAR = alpha_bars(linear_schedule(100, 1e-3, 0.2))
GARDEN = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
NOISES = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
PREDICT = samplers.ideal_predict(GARDEN, ALPHA_BAR)
STEPS, ETAS = (2, 5, 10), (0.0, 0.5, 1.0)


def explorer(**more) -> SamplingExplorer:
    return SamplingExplorer(PREDICT, NOISES, ALPHA_BAR, **{"steps": STEPS, "etas": ETAS, **more})


def by_hand(steps: int, eta: float, seed: int = 0) -> np.ndarray:
    """One setting alone, in a loop of its own."""
    generator, x = torch.Generator().manual_seed(seed), NOISES
    for t, s in pairwise(samplers.respace(100, steps).tolist()):
        z = torch.randn(x.shape, generator=generator)
        x = samplers.ddim_step(x, PREDICT(x, times_for(x, t, ALPHA_BAR)), t, s, ALPHA_BAR, eta, z)
    return plots.to_uint8(x.clamp(-1, 1))


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("eta", ETAS)
def test_every_setting_is_what_the_sampler_gives_for_it_alone(steps, eta):
    difference = explorer(seed=4).pictures[steps, eta].astype(int) - by_hand(steps, eta, seed=4)
    assert abs(difference).max() <= 1  # batched with others, the last bit of a float may differ


def test_without_fresh_noise_it_is_ddim():
    want = plots.to_uint8(samplers.sample_ddim(PREDICT, NOISES, ALPHA_BAR, 5).clamp(-1, 1))
    assert abs(explorer().pictures[5, 0.0].astype(int) - want).max() <= 1


def test_the_chosen_row_is_on_the_picture_and_the_best_below_it():
    e = explorer()
    e.set(steps=2, eta=1.0)
    sheet, side = np.asarray(e.image), e._side
    k = int(side * SCALE) // 16
    for row, key in enumerate(((2, 1.0), (10, 0.0))):
        for i, picture in enumerate(e.pictures[key]):
            left = round((LEFT + i * (side + GAP)) * SCALE + (side * SCALE - 16 * k) / 2)
            top = round((TOP + row * (side + 12)) * SCALE + (side * SCALE - 16 * k) / 2)
            on_sheet = sheet[top + k // 2 : top + 16 * k : k, left + k // 2 : left + 16 * k : k]
            assert np.array_equal(on_sheet, picture)


def test_a_draw_takes_less_than_50_ms_and_asks_nothing():
    asked = []

    def predict(x, t):
        asked.append(len(x))
        return PREDICT(x, t)

    e = SamplingExplorer(predict, NOISES, ALPHA_BAR, steps=STEPS, etas=ETAS)
    assert asked == [len(NOISES) * len(ETAS)] * sum(STEPS)  # all etas in one batch
    for steps in STEPS:
        for eta in ETAS:
            e.set(steps=steps, eta=eta)
    assert len(asked) == sum(STEPS)
    best = min(_seconds(e, steps) for steps in (2, 5, 10, 2, 5, 10))  # the machine may be busy elsewhere
    assert best < 0.05


def _seconds(e: SamplingExplorer, steps: int) -> float:
    start = time.perf_counter()
    e._paint(type(e.state)(steps=steps, eta=0.5))
    return time.perf_counter() - start


def test_words_name_the_position_and_the_distance():
    e = explorer()
    e.set(steps=2, eta=0.5)
    assert e.says.startswith("2 steps, eta 0.5: 2 questions to the network for each picture. The row is ")
    assert f"{e.distance(e.state):.2f} away from the one below (10 steps, eta 0)" in e.says
    e.set(steps=10, eta=0)
    assert "is the same as the one below" in e.says


def test_the_fresh_noise_is_ddpms_own_at_eta_one():
    from course_utils.diffusion import posterior_variance

    every = torch.arange(100, 0, -1)
    assert torch.allclose(
        torch.tensor(sigmas(ALPHA_BAR, 100, 1.0), dtype=torch.float64), posterior_variance(every, ALPHA_BAR).sqrt()
    )
    assert sigmas(ALPHA_BAR, 5, 0.0) == [0.0] * 5 and sigmas(ALPHA_BAR, 5, 1.0)[-1] == 0.0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [1, 8])
def test_any_number_of_pictures_and_channels(n, channels):
    noises = torch.randn(n, channels, 8, 8, generator=torch.Generator().manual_seed(2))
    predict = samplers.ideal_predict(torch.zeros(2, channels, 8, 8), ALPHA_BAR)
    e = SamplingExplorer(predict, noises, ALPHA_BAR, steps=(1, 2), etas=(0.0, 1.0))
    e.set(steps=1, eta=1.0)
    assert e.image.width == round(900 * SCALE) and not e.error


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"steps": (5, 2)}, "rise from left to right"),
        ({"etas": (0.5, 1.0)}, "first eta is 0"),
        ({"etas": ()}, "first eta is 0"),
        ({"steps": (5,)}, "two or more"),
        ({"steps": (5, 500)}, "1 to 100 steps"),
    ],
)
def test_helpful_sentences(change, part):
    with pytest.raises(CourseError, match=part):
        explorer(**change)


def test_too_many_pictures_are_refused():
    with pytest.raises(CourseError, match="up to 8 pictures"):
        SamplingExplorer(PREDICT, NOISES[0], ALPHA_BAR)


def test_a_slider_with_stops():
    control = widgets.stops([5, 10, 20], start=10, label="steps")
    assert control.value == 10 and [value for _, value in control.options] == [5, 10, 20]
    assert widgets.stops({"few": 5, "many": 50}).value == 5
    with pytest.raises(CourseError, match="none of its stops"):
        widgets.stops([5, 10], start=7, label="steps")
    with pytest.raises(CourseError, match="two or more"):
        widgets.stops([5], label="steps")

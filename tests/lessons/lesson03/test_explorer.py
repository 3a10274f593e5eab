"""Lesson 03's explorer: the map, the curve, the shares, the words."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_utils import plots
from course_utils.lessons.lesson03.explorer import (
    CURVE_HEIGHT,
    CURVE_TOP,
    MAP_AT,
    NOTES_AT,
    POINTS,
    RIGHT,
    SCALE,
    SIDE,
    STRIPES_AT,
    TOP,
    EmbeddingExplorer,
)
from course_utils.lessons.lesson03.maps import paint
from course_utils.models import sinusoidal_embedding


@pytest.fixture(scope="module")
def explorer():
    return EmbeddingExplorer()


def shown(e, left):
    """The middle of each of the POINTS by POINTS squares of the map that begins at `left`."""
    picture = np.asarray(e.image)
    first, top = round(left * SCALE), round(TOP * SCALE)
    return picture[top : top + round(SIDE * SCALE), first : first + round(SIDE * SCALE)]


@pytest.mark.parametrize("told", [1000.0, 1.0])
@pytest.mark.parametrize(("features", "period"), [(4, 2.0), (64, 4.0), (128, 6.0)])
def test_the_map_is_the_similarity_of_every_two_steps(explorer, features, period, told):
    explorer.set(features=features, period=period, told=told, t=0)
    embedding = sinusoidal_embedding(explorer.steps * told / 1000, features, 10**period)
    unit = embedding / embedding.norm(dim=1, keepdim=True)
    want = paint(unit @ unit.T)
    side = round(SIDE * SCALE)
    at = (np.arange(side) + 0.5) * POINTS / side
    sure = np.abs(at - at.round()) > 0.3  # away from where two squares meet
    picture = shown(explorer, MAP_AT)[np.ix_(sure, sure)]
    rows = at[sure].astype(int)
    same = (picture == want[np.ix_(rows, rows)]).all(-1)
    assert same[5:].all(), "the map differs from the formula"  # the first rows hold the mark of step 0


def test_the_stripes_are_the_embedding(explorer):
    explorer.set(features=8, period=4.0, told=1000.0, t=1000)
    want = paint(sinusoidal_embedding(explorer.steps, 8).T)  # (8, POINTS, 3)
    picture = shown(explorer, STRIPES_AT)
    height = picture.shape[0] / 8
    for row in range(8):
        line = picture[round((row + 0.5) * height)]
        assert (line[1 : 2 * POINTS - 8 : 2] == want[row, : POINTS - 4]).all()


@pytest.mark.parametrize("t", [0, 300, 1000])
def test_the_curve_is_a_row_of_the_map(explorer, t):
    explorer.set(features=16, period=4.0, told=1000.0, t=t)
    values = explorer.similarity(explorer.state)
    both = sinusoidal_embedding(torch.tensor([float(t), 500.0], dtype=torch.float64), 16)
    k = (POINTS - 1) // 2  # t = 497.8
    near = sinusoidal_embedding(explorer.steps[k : k + 1], 16)
    assert values[k] == pytest.approx(torch.cosine_similarity(both[:1], near).item())
    if t in (0, 1000):
        assert values[0 if t == 0 else -1] == pytest.approx(1)
    curve = explorer.curve(explorer.state)
    assert curve[0][0] == pytest.approx(STRIPES_AT * SCALE) and curve[-1][0] == pytest.approx(RIGHT * SCALE)
    for (_, y), value in zip(curve, values, strict=True):
        assert y == pytest.approx((CURVE_TOP + CURVE_HEIGHT * (1 - value) / 2) * SCALE)


def test_bars_are_as_long_as_the_shares(explorer):
    explorer.set(features=8, period=4.0, told=1.0, t=300)
    shares = explorer.shares(explorer.state)
    assert shares[0] == pytest.approx(0.98, abs=0.005)
    row = np.asarray(explorer.image)[round((TOP + 26 + 20) * SCALE)]
    purple = tuple(int(plots.COLOURS["x_t"][i : i + 2], 16) for i in (1, 3, 5))
    long = int((row == purple).all(-1).sum())
    assert long == pytest.approx(shares[0] * (RIGHT - NOTES_AT) * SCALE, abs=2)


def test_words_say_what_was_chosen_and_what_follows(explorer):
    explorer.set(features=8, period=4.0, told=1.0, t=250)
    assert explorer.says == (
        "8 features of t / T, max_period 10,000: the largest component holds 98 % of the variance, and the least "
        "similar two steps have similarity 0.88. Step 250 is marked."
    )
    explorer.set(told=1000.0)
    assert explorer.says.startswith("8 features of t, max_period 10,000: the largest component holds 18 %")


def test_turns(explorer):
    explorer.set(features=4, period=2.0, told=1000.0)
    fast, slow = explorer.turns(explorer.state)
    assert fast == pytest.approx(1000 / (2 * np.pi)) and slow == pytest.approx(100 / (2 * np.pi))


def test_every_slider_changes_the_picture(explorer):
    explorer.set(features=64, period=4.0, told=1000.0, t=300)
    for name, value in (("features", 66), ("period", 4.1), ("t", 301), ("told", 1.0)):
        before = np.asarray(explorer.image).copy()
        explorer.set(**{name: value})
        assert (np.asarray(explorer.image) != before).any(), name


def test_the_map_is_kept_while_only_the_step_moves(explorer):
    explorer.set(features=128, period=3.0, told=1000.0, t=10)
    made = explorer._made
    explorer.set(t=11)
    assert explorer._made is made


def test_a_picture_takes_less_than_50_ms():
    """Of processor time: the wall clock of a busy machine says nothing about the explorer."""
    e = EmbeddingExplorer()
    states = [SimpleNamespace(features=f, period=4.0, told=1000.0, t=300) for f in range(10, 128, 6)]
    started = time.process_time()
    for state in states:
        e._draw(state)
    assert (time.process_time() - started) / len(states) < 0.05

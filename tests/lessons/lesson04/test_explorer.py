"""Lesson 04's explorer: the frames, the dot, the words, and how fast a position is drawn."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from course_utils import diffusion, plots, samplers
from course_utils.errors import CourseError
from course_utils.lessons.lesson04.explorer import GAP, LEFT, MOST, ROWS_AT, SCALE, SIDE, TrajectoryExplorer
from course_utils.lessons.lesson04.film import Film

T = 40
ALPHA_BAR = diffusion.alpha_bars(diffusion.linear_schedule(T, 0.01, 0.3))
CLASSES = ("rose", "tulip", "daisy")


def pictures(n=5, channels=3, size=16):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def film(n=4, channels=3, size=16, every=4, seed=0):
    """A walk with the ideal network of a few pictures."""
    shot = Film(every=every)
    generator = torch.Generator().manual_seed(seed)
    x_T = torch.randn(n, channels, size, size, generator=generator)
    predict = samplers.ideal_predict(pictures(5, channels, size), ALPHA_BAR)
    return shot.end(samplers.sample_ddpm(predict, x_T, ALPHA_BAR, generator, clip=True, watch=shot.watch))


class Reader:
    """A stand-in recogniser: sure of the first class where a picture is bright, unsure of the second elsewhere."""

    classes = CLASSES

    def probabilities(self, x):
        bright = (x.mean((1, 2, 3)) > 0)[:, None]
        return torch.where(bright, torch.tensor([0.95, 0.04, 0.01]), torch.tensor([0.2, 0.5, 0.3]))


def test_a_film_keeps_every_so_manieth_step_and_the_end():
    shot = film(every=4)
    assert shot.times == [*range(T, 0, -4), 0] and len(shot) == len(shot.x_t) == len(shot.x0_hat) == 11
    assert torch.equal(shot.x_t[-1], shot.x0_hat[-1])
    assert shot.nearest(23) == shot.times.index(24)
    assert all(not x.requires_grad for x in shot.x_t)


def test_a_film_keeps_copies():
    shot, x = Film(), torch.zeros(1, 1, 2, 2)
    shot.watch(1, x, x)
    x += 1
    assert shot.x_t[0].abs().max() == 0


def test_the_expected_picture_comes_nearer_to_the_final_one():
    distance = film().still_to_change()
    assert distance.shape == (11, 4) and distance[-1].abs().max() == 0
    assert distance[0].mean() > distance[-2].mean()
    want = (film().x0_hat[2][1] - film().x_t[-1][1]).square().mean().sqrt()
    assert distance[2, 1] == pytest.approx(want.item(), rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 16, 32])
def test_both_rows_show_the_frame_pixel_for_pixel(channels, size):
    shot = film(3, channels, size)
    e = TrajectoryExplorer(shot)
    e.set(frame=7)
    shown = np.asarray(e.image)
    k = int(SIDE * SCALE) // size
    for row, batch in enumerate((shot.x_t[7], shot.x0_hat[7])):
        for i in range(3):
            left, top = round((LEFT + i * (SIDE + GAP)) * SCALE), round(ROWS_AT[row] * SCALE)
            margin = round((SIDE * SCALE - k * size) / 2)
            box = shown[top + margin : top + margin + k * size, left + margin : left + margin + k * size]
            centres = box[k // 2 :: k, k // 2 :: k]
            want = np.broadcast_to(plots.to_uint8(batch[i : i + 1])[0], (size, size, 3))
            assert np.array_equal(centres, want)


def test_the_dot_stands_on_the_curve_and_moves_to_the_right():
    e = TrajectoryExplorer(film())
    fill = tuple(int(plots.COLOURS["x0"][i : i + 2], 16) for i in (1, 3, 5))
    before = 0.0
    for frame in (0, 3, 6, 10):
        e.set(frame=frame)
        x, y = e.dot(e.state)
        assert x > before
        assert e.image.getpixel((round(x), round(y))) == fill
        before = x


def test_the_recogniser_is_asked_ahead_and_its_words_stand_below():
    shot, reader = film(), Reader()
    e = TrajectoryExplorer(shot, recogniser=reader)
    final = reader.probabilities(shot.x0_hat[-1]).argmax(1)
    e.set(frame=4)
    agree = int((reader.probabilities(shot.x0_hat[4]).argmax(1) == final).sum())
    assert f"In {agree} of 4 the recogniser already reads" in e.says
    e.set(frame=10)
    assert "t = 0 of 40" in e.says and "0.00 away" in e.says and "In 4 of 4" in e.says
    assert "recogniser" not in TrajectoryExplorer(shot).says


def test_one_film_of_several_is_chosen_by_name():
    films = {"beta": film(seed=0), "beta-tilde": film(seed=1)}
    e = TrajectoryExplorer(films)
    first = np.asarray(e.image)
    e.set(film="beta-tilde")
    assert not np.array_equal(first, np.asarray(e.image))
    assert list(TrajectoryExplorer(films["beta"]).widgets) == ["frame"]


def test_no_more_than_six_walks_are_shown():
    e = TrajectoryExplorer(film(n=MOST + 2))
    assert e.count == MOST


def test_a_position_is_drawn_in_under_50_ms():
    e = TrajectoryExplorer(film(6, size=16, every=1), recogniser=Reader())
    for frame in range(0, 40, 2):
        e.set(frame=frame)
    drawn = sorted(a + b for a, b in list(e.seconds)[1:])
    if drawn[len(drawn) // 2] > 0.05:  # a busy machine: what the work takes of the processor counts
        start = time.process_time()
        for frame in range(1, 40, 2):
            e.set(frame=frame)
        assert (time.process_time() - start) / 20 < 0.05


@pytest.mark.parametrize(
    ("films", "part"),
    [
        ({}, "at least one film"),
        (Film(), "fewer than two frames"),
        ({"a": film(), "b": film(every=2)}, "the same steps"),
        ({"a": film(), "b": film(n=3)}, "differ"),
    ],
)
def test_helpful_sentences(films, part):
    with pytest.raises(CourseError) as caught:
        TrajectoryExplorer(films)
    assert part in str(caught.value)


def test_a_film_without_an_end_is_named():
    shot = Film()
    for t in (2, 1):
        shot.watch(t, pictures(2), pictures(2))
    with pytest.raises(CourseError, match="no end"):
        TrajectoryExplorer(shot)
    with pytest.raises(CourseError, match="no end"):
        shot.still_to_change()

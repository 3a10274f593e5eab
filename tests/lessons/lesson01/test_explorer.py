"""Lesson 01's explorer: the formula, the place of the dots, the bars, the words."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils import plots
from course_utils.errors import CourseError
from course_utils.lessons.lesson01.charts import log_snr
from course_utils.lessons.lesson01.explorer import BARS_AT, BARS_WIDTH, IMAGES_AT, SCALE, SIDE, TOP, NoisingExplorer

T = 100
STEPS = torch.linspace(0, 1, T + 1, dtype=torch.float64)
SCHEDULES = {"cosine": torch.cos(STEPS * math.pi / 2) ** 2, "linear": torch.exp(-6 * STEPS**2)}
CLASSES = ("rose", "tulip", "daisy", "poppy", "lotus", "lily", "pansy")


class Reader:
    """A stand-in recogniser that always says the same."""

    classes = CLASSES

    def __init__(self, probabilities=(0.5, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02)) -> None:
        self.p, self.seen = torch.tensor(probabilities), []

    def probabilities(self, x):
        self.seen.append(x)
        return self.p.expand(len(x), -1)


def images(n=3, channels=3, size=16):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def explorer(**more):
    settings = {"labels": torch.tensor([0, 6, 1]), "schedules": SCHEDULES, "recogniser": Reader(), **more}
    return NoisingExplorer(more.pop("images", images()), **{k: v for k, v in settings.items() if k != "images"})


@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("t", [0, 1, 37, T])
def test_x_t_is_the_formula_element_by_element(schedule, t):
    e = explorer(seed=5)
    e.set(schedule=schedule, t=t, image=2)
    x0 = images()[1].double()
    eps = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(5))[1].double()
    bar = float(SCHEDULES[schedule][t])
    expected = math.sqrt(bar) * x0 + math.sqrt(1 - bar) * eps
    assert torch.allclose(e.x_t(e.state)[0].double(), expected, atol=1e-5)
    assert torch.equal(e.recogniser.seen[-1], e.x_t(e.state))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32])
def test_the_picture_shows_x0_noise_and_x_t_pixel_for_pixel(channels, size):
    x = images(2, channels, size)
    e = NoisingExplorer(x, schedules=SCHEDULES)
    e.set(t=20, image=2)
    shown = np.asarray(e.image)
    k = int(SIDE * SCALE) // size
    for left, picture in zip(IMAGES_AT, (x[1:], e.eps[1:], e.x_t(e.state)), strict=True):
        box = shown[
            round(TOP * SCALE) : round((TOP + SIDE) * SCALE), round(left * SCALE) : round((left + SIDE) * SCALE)
        ]
        margin = round((SIDE * SCALE - k * size) / 2)
        centres = box[margin + k // 2 :: k, margin + k // 2 :: k][:size, :size]
        assert np.array_equal(centres, np.broadcast_to(plots.to_uint8(picture)[0], (size, size, 3)))


@pytest.mark.parametrize("schedule", list(SCHEDULES))
@pytest.mark.parametrize("t", [5, 40, 80])
def test_the_dots_stand_on_the_chosen_curve(schedule, t):
    e = explorer()
    e.set(schedule=schedule, t=t)
    fill = tuple(int(plots.COLOURS[schedule][i : i + 2], 16) for i in (1, 3, 5))
    top = round(e.image.height - e.charts.picture(schedule).height)
    for x, y in e.dots(e.state).values():
        assert e.image.getpixel((round(x), round(y))) == fill, "no dot there"
        under = np.asarray(e.charts.picture(schedule))[
            round(y) - top - 2 : round(y) - top + 3, round(x) - 2 : round(x) + 3
        ]
        assert (np.abs(under.astype(int) - fill).max(-1) < 40).any(), "the curve does not pass below the dot"


def test_the_dots_lie_where_the_axes_say():
    """From two places with known values, any other follows: the axes are linear."""
    e = explorer()
    where = {t: e.charts.place("cosine", t) for t in (10, 50, 90)}
    for chart, value in (
        ("alpha_bar", SCHEDULES["cosine"].numpy()),
        ("log_snr", log_snr(SCHEDULES["cosine"].numpy())),
    ):
        (x1, y1), (x2, y2), (x3, y3) = (where[t][chart] for t in (10, 50, 90))
        assert x2 == pytest.approx((x1 + x3) / 2)
        share = (value[50] - value[10]) / (value[90] - value[10])
        assert y2 == pytest.approx(y1 + share * (y3 - y1))
        assert y1 < y3, "less noise stands higher"


def test_an_infinite_log_snr_stays_on_the_chart():
    e = explorer()
    e.set(t=0)
    _, y = e.dots(e.state)["log_snr"]
    assert 0 < y < e.image.height
    assert "log-SNR ∞" in e.says


def test_bars_are_as_long_as_the_probabilities():
    e = explorer()
    shown = np.asarray(e.image)
    row = shown[round((TOP + 1 + 20) * SCALE)]
    green = tuple(int(plots.COLOURS["data"][i : i + 2], 16) for i in (1, 3, 5))
    long = int((row == green).all(-1).sum())
    assert long == pytest.approx(0.5 * BARS_WIDTH * SCALE, abs=2)
    assert np.nonzero((row == green).all(-1))[0][0] == pytest.approx(BARS_AT * SCALE, abs=2)


def test_the_true_class_is_always_listed_and_marked():
    e = explorer()
    assert e.ranking(e.state)[0] == ("rose", pytest.approx(0.5), True)
    e.set(image=2)  # a pansy, which the reader finds least likely
    ranking = e.ranking(e.state)
    assert [name for name, _, _ in ranking] == ["rose", "tulip", "daisy", "poppy", "pansy"]
    assert [true for _, _, true in ranking] == [False, False, False, False, True]
    assert "says rose with 50 %, and is wrong" in e.says


def test_the_recogniser_is_asked_once_for_a_picture():
    e = explorer()
    asked = len(e.recogniser.seen)
    e.set(t=50)
    assert len(e.recogniser.seen) == asked + 1


def test_words_name_everything():
    e = explorer()
    e.set(t=50, schedule="linear")
    bar = float(SCHEDULES["linear"][50])
    assert e.says == (
        f"Step 50 of 100 of the schedule linear: alpha_bar {bar:.3f}, log-SNR −1.2. "
        "The recogniser says rose with 50 %, and is right."
    )
    assert "recogniser" not in NoisingExplorer(images(), schedules=SCHEDULES).says


def test_schedules_of_different_length_keep_the_share_of_the_way():
    e = explorer(schedules={**SCHEDULES, "short": torch.linspace(1, 0.2, 11)})
    e.set(t=60)
    e.set(schedule="short")
    assert (e.widgets["t"].max, e.state.t) == (10, 6)
    x_short = e.dots(e.state)["alpha_bar"][0]
    e.set(schedule="cosine")
    assert (e.widgets["t"].max, e.state.t) == (100, 60)
    assert e.dots(e.state)["alpha_bar"][0] == pytest.approx(x_short)


def test_noise_is_fixed():
    a, b = explorer(seed=3), explorer(seed=3)
    assert torch.equal(a.eps, b.eps) and not torch.equal(a.eps, explorer(seed=4).eps)
    a.set(t=40)
    first = np.asarray(a.image)
    a.set(t=41)
    a.set(t=40)
    assert np.array_equal(first, np.asarray(a.image))


def test_one_image_and_one_schedule_are_enough():
    e = NoisingExplorer(images(1), schedules={"mine": torch.linspace(1, 0, 5)})
    e.set(t=4)
    assert e.state.image == 1 and "alpha_bar 0.000, log-SNR −∞" in e.says


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"labels": [0, 1]}, "3 images and 2 labels"),
        ({"schedules": {}}, "at least one schedule"),
        ({"schedules": {"betas": torch.linspace(1e-4, 0.02, 10)}}, "alpha_bar[0] is 1"),
        ({"schedules": {"odd": torch.tensor([1.0, 1.2])}}, "leaves [0, 1]"),
        ({"schedules": {"odd": torch.ones(2, 3)}}, "(T + 1,)"),
        ({"images": images()[0]}, "[None]"),
    ],
)
def test_helpful_sentences(change, part):
    with pytest.raises(CourseError) as caught:
        explorer(**change)
    assert part in str(caught.value)


def test_a_bar_thinner_than_a_pixel_is_drawn():
    """A recogniser's share of under one percent: Pillow refuses a rectangle that ends before it begins."""
    from course_utils.widgets.brush import Brush

    brush = Brush(20, 20, scale=1)
    for width in (0.0, 0.4, 0.6, 0.99, 1.0, 3.0):
        brush.bar(5, 5, width, 4, "#000000")
    assert brush.image.getpixel((5, 6)) == (0, 0, 0)

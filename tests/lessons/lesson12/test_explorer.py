"""Lesson 12's explorer: every picture is the model's own at exactly that setting, and idle work stops for the hand."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
import torch

from course_utils import guidance, models, plots, samplers, widgets
from course_utils.diffusion import alpha_bars, cosine_schedule
from course_utils.errors import CourseError
from course_utils.lessons.lesson12 import grid as guided_grid
from course_utils.lessons.lesson12.curve import GuidanceCurve, measure_curve
from course_utils.lessons.lesson12.explorer import GAP, NAMES, TOP, W_STEP, GuidanceExplorer
from course_utils.lessons.lesson12.grid import GuidedGrid, Setting
from course_utils.lessons.lesson12.idle import Idle
from course_utils.plots.style import COLOURS, RULE

ALPHA_BAR = alpha_bars(cosine_schedule(40))
NOISES = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
CLASSES = ("daisy", "rose", "tulip", "lily", "poppy")
ROWS = (0, 1, 2, 3)
COND = torch.tensor(ROWS).repeat_interleave(len(NOISES))
CURVE = GuidanceCurve((-2, 0, 2, 8), (0.1, 0.6, 0.9, 1.0), (0.5, 0.8, 0.6, 0.2), steps=5, n=50, real=(0.9, 0.99))


def network() -> models.UNet:
    """Untrained, with no layer at zero, so that class and time matter."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = models.UNet(3, width=8, classes=len(CLASSES))
        for p in net.parameters():
            p.data += 0.1 * torch.randn(p.shape)
    return net.eval()


NET = network()


class Counting(torch.nn.Module):
    """NET, and how many pictures each call looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.classes, self.seen = NET, NET.classes, []

    def forward(self, x, t, cond=None):
        self.seen.append(len(x))
        return self.net(x, t, cond)


def explorer(model=NET, **more) -> GuidanceExplorer:
    choices = {"kind": "v", "classes": CLASSES, "steps": (2, 3, 5), "start": (2.0, 3), **more}
    return GuidanceExplorer(model, ALPHA_BAR, NOISES, **choices)


def grid(model=NET, **more) -> GuidedGrid:
    return GuidedGrid(model, ALPHA_BAR, NOISES, ROWS, kind="v", **more)


def as_grid(x: torch.Tensor) -> np.ndarray:
    return plots.to_uint8(x.clamp(-1, 1)).reshape(4, 3, 8, 8, 3)


X_T = NOISES.repeat(4, 1, 1, 1)


@pytest.mark.parametrize(
    "setting",
    [Setting(2.0, 3), Setting(-2.0, 5), Setting(8.0, 2), Setting(0.25, 5, 200, 800), Setting(-1.0, 5, 300, 1000)],
)
def test_the_grid_is_what_sample_cfg_gives_bit_for_bit(setting):
    want = guidance.sample_cfg(
        NET, X_T, COND, setting.w, ALPHA_BAR, setting.steps, kind="v", interval=(setting.low, setting.high)
    )
    assert np.array_equal(grid().pictures(setting), as_grid(want))


def test_at_w_0_it_is_plain_conditional_sampling_pixel_for_pixel():
    predict = samplers.as_predict(NET, COND, "v", ALPHA_BAR)
    want = as_grid(samplers.sample_ddim(predict, X_T, ALPHA_BAR, 5, clip=True))
    assert np.array_equal(grid().pictures(Setting(0.0, 5)), want)
    assert not np.array_equal(grid().pictures(Setting(0.25, 5)), want)


def test_at_w_minus_1_it_is_unconditional_sampling_pixel_for_pixel():
    predict = samplers.as_predict(NET, None, "v", ALPHA_BAR)
    found = grid().pictures(Setting(-1.0, 5))
    assert np.array_equal(found, as_grid(samplers.sample_ddim(predict, X_T, ALPHA_BAR, 5, clip=True)))
    assert all(np.array_equal(found[0], row) for row in found)  # the class is not used: all rows alike


@pytest.mark.parametrize(
    "setting",
    [Setting(2.0, 5), Setting(0.0, 5), Setting(-1.0, 5), Setting(-1.0, 5, 300, 700), Setting(3.0, 5, 500, 500)],
)
def test_what_it_says_the_network_does_is_what_the_network_did(setting):
    model = Counting()
    found = grid(model)
    found.pictures(setting)
    assert found.calls(setting)[1] * 12 == sum(model.seen) and len(model.seen) == setting.steps


def test_a_setting_is_computed_once_in_slices_of_one_call_and_goes_on_where_it_was_left():
    model = Counting()
    found, setting = grid(model), Setting(2.0, 5)
    begun = found.slices(setting)
    next(begun), next(begun)
    begun.close()  # whoever asked has gone
    assert len(model.seen) == 2 and not found.knows(setting)
    found.pictures(Setting(-2.0, 5))  # something else in between
    assert len(model.seen) == 7
    assert np.array_equal(found.pictures(setting), grid().pictures(setting))
    assert len(model.seen) == 10 and found.knows(setting)
    assert list(found.slices(setting)) == [] and len(model.seen) == 10


@pytest.mark.parametrize(
    ("first", "second", "calls"),
    [
        (Setting(2.0, 5), Setting(2.0, 5, 500), 2),  # guided at 1000, 800 and 600 in both
        (Setting(2.0, 5), Setting(2.0, 5, 150), 0),  # the last step is at 200
        (Setting(2.0, 5, 0, 700), Setting(7.0, 5, 0, 700), 3),  # two steps before any guidance
        (Setting(0.0, 5), Setting(0.0, 5, 300, 600), 0),
        (Setting(2.0, 5), Setting(2.0, 3), 3),
        (Setting(2.0, 5), Setting(2.0, 5, 0, 900), 5),
    ],
)
def test_steps_that_two_settings_share_are_taken_once_and_change_no_bit(first, second, calls):
    model = Counting()
    found = grid(model)
    found.pictures(first)
    before = len(model.seen)
    assert np.array_equal(found.pictures(second), grid().pictures(second))
    assert len(model.seen) - before == calls


def test_what_does_not_fit_is_forgotten_and_made_anew(monkeypatch):
    monkeypatch.setattr(guided_grid, "REMEMBERED", 2)
    monkeypatch.setattr(guided_grid, "WALKED", 3 * X_T.numel() * 4)
    found = grid()
    want = found.pictures(Setting(1.0, 3))
    for w in (2.0, 3.0, 4.0):
        found.pictures(Setting(w, 3))
    assert not found.knows(Setting(1.0, 3)) and found.knows(Setting(4.0, 3)) and len(found._reached) == 3
    assert np.array_equal(found.pictures(Setting(1.0, 3)), want)


def test_the_grid_is_on_the_picture_pixel_for_pixel():
    e = explorer(curve=CURVE)
    for w in (-1.0, 0.0, 3.5):
        e.set(w=w)
        sheet, side, scale = np.asarray(e.image), e._side, e._scale
        k = int(side * scale) // 8
        for i, row in enumerate(e.grid.pictures(Setting(w, 3))):
            for j, picture in enumerate(row):
                left = round((NAMES + j * (side + GAP)) * scale + (side * scale - 8 * k) / 2)
                top = round((TOP + i * (side + GAP)) * scale + (side * scale - 8 * k) / 2)
                assert np.array_equal(sheet[top + k // 2 : top + 8 * k : k, left + k // 2 : left + 8 * k : k], picture)


def test_every_slider_moves_the_picture_in_both_directions():
    untrained = models.UNet(3, width=8, classes=5).eval()  # as under `smoke`: it knows nothing yet
    e = explorer(untrained, curve=CURVE)
    for name, low, high in (("w", -2.0, 8.0), ("steps", 2, 5), ("times", (0, 500), (500, 1000))):
        seen = [np.asarray(e.image)]
        for value in (low, high):
            e.set(**{name: value})
            assert not np.array_equal(seen[-1], np.asarray(e.image)), (name, value)
            seen.append(np.asarray(e.image))


def test_a_known_position_takes_less_than_50_ms_and_asks_nothing():
    model = Counting()
    e = explorer(model, curve=CURVE)
    for w in (1.0, 2.0):
        e.set(w=w)
    asked = len(model.seen)
    best = min(_seconds(e, w) for w in (1.0, 2.0) * 3)  # the machine may be busy elsewhere
    assert len(model.seen) == asked and best < 0.05


def _seconds(e: GuidanceExplorer, w: float) -> float:
    start = time.thread_time()
    e._paint(type(e.state)(w=w, steps=3, times=(0, 1000)))
    return time.thread_time() - start


# ---- in idle moments


def test_idle_moments_make_what_the_hand_may_ask_for_next():
    async def rest():
        e = explorer()
        for _ in range(2000):  # until it is done, at most 100 s on a machine that is busy elsewhere
            await asyncio.sleep(0.05)
            if e.grid.knows(Setting(8.0, 3)):
                break
        e.close()
        return e

    e = asyncio.run(rest())
    here = Setting(2.0, 3)
    near = [here._replace(w=2 + W_STEP), here._replace(steps=5), here._replace(low=50.0), here._replace(high=950.0)]
    assert [setting for setting in near if not e.grid.knows(setting)] == []
    assert all(e.grid.knows(here._replace(w=-2 + W_STEP * k)) for k in range(41))


def test_a_moving_hand_stops_idle_work_at_once():
    done = []

    def work():
        for k in range(1000):
            done.append(k)
            yield

    async def hand():
        idle = Idle(work)
        idle.begin()
        await asyncio.sleep(0.3)
        idle.stop()
        count = len(done)
        await asyncio.sleep(0.1)
        return count

    count = asyncio.run(hand())
    assert 0 < count < 1000 and len(done) == count


def test_without_an_event_loop_nothing_is_done():
    Idle(lambda: pytest.fail("no loop")).begin()


# ---- curve, words, controls


def test_the_dot_moves_along_the_curve_and_pales_away_from_its_setting():
    e = explorer(curve=CURVE, steps=(2, 3, 5))
    places = [e._chart.place(w) for w in (0, 1, 2)]
    assert np.allclose(np.mean([places[0], places[2]], axis=0), places[1], atol=1e-6)
    assert CURVE.at(1.0) == (pytest.approx(0.7), pytest.approx(0.75)) and CURVE.at(9.0) == (0.2, 1.0)
    for steps, colour in ((5, COLOURS["yours"]), (3, RULE)):
        e.set(w=2.0, steps=steps)
        x, y = e._chart.place(2.0)
        at = (round(x + e._right * e._scale), round(y + (TOP - 6) * e._scale))
        assert e.image.getpixel(at) == tuple(bytes.fromhex(colour[1:]))


def test_what_is_misread_is_named_on_the_picture_and_counted():
    def read(x):
        return torch.tensor([4 if k == 5 else int(c) for k, c in enumerate(COND)])

    plain, marked = explorer(), explorer(read=read)
    assert "Read as asked here: 11 of 12." in marked.says and "Read as asked" not in plain.says
    differs = (np.asarray(plain.image) != np.asarray(marked.image)).any(axis=2)
    rows, columns = np.nonzero(differs)
    side, scale = plain._side, plain._scale
    assert rows.min() >= (TOP + side + GAP) * scale and rows.max() <= (TOP + 2 * side + GAP) * scale
    assert columns.min() >= (NAMES + 2 * (side + GAP)) * scale


def test_words_give_every_value():
    e = explorer(curve=CURVE)
    e.set(w=-1.0, steps=5, times=(300, 1000))
    assert e.says.startswith("w = −1, unconditional: the class is not used. 4 of 5 steps are guided, from t = 300")
    assert "diversity 0.65" in e.says and "On the curve (50 pictures, 5 steps" in e.says
    e.set(w=0.0)
    assert "conditional, no guidance. 0 of 5 steps are guided" in e.says


def test_a_page_without_a_kernel_shows_a_still_grid():
    data, metadata = explorer(curve=CURVE)._repr_mimebundle_()
    assert "A grid of pictures, one row for each class" in metadata["image/png"]["alt"]
    assert "image/png" in data and len(data["image/png"]) < 400_000


def test_a_slider_with_two_handles():
    control = widgets.between(0, 1000, start=(100, 900), label="times", step=50)
    assert control.value == (100, 900) and control.step == 50
    with pytest.raises(CourseError, match="the first is the lower one"):
        widgets.between(0, 10, start=(7, 3))
    with pytest.raises(CourseError, match="outside of 0 to 10"):
        widgets.between(0, 10, start=(0, 30))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"rows": ["dandelion"]}, "no class 'dandelion'"),
        ({"rows": [7]}, "no class 7"),
        ({"rows": list(range(5)) * 3}, "up to 40 pictures"),
        ({"rows": []}, "at least one row"),
        ({"steps": (5,)}, "two or more"),
        ({"model": samplers.as_predict(NET)}, "class that means nothing"),
    ],
)
def test_helpful_sentences(change, part):
    with pytest.raises(CourseError, match=part):
        explorer(**change)


def test_a_curve_that_cannot_be_drawn_is_refused():
    with pytest.raises(CourseError, match="weights of a curve rise"):
        GuidanceCurve((1, 0), (0.5, 0.6), (0.5, 0.6))
    with pytest.raises(CourseError, match="one share and one diversity"):
        GuidanceCurve((0, 1), (0.5,), (0.5, 0.6))


def test_a_measured_curve_counts_what_is_read_and_how_far_apart_a_class_is():
    def read(x):
        return torch.arange(len(x)) % 5 if len(x) == 20 else torch.zeros(len(x), dtype=torch.long)

    curve = measure_curve(
        NET, ALPHA_BAR, read, lambda x: x.flatten(1), classes=5, shape=(3, 8, 8), kind="v", ws=(-1, 2), n=20, steps=2
    )
    assert curve.asked == (1.0, 1.0) and (curve.n, curve.steps) == (20, 2)
    cond = torch.arange(20) % 5
    x_T = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    x = guidance.sample_cfg(NET, x_T, cond, 2, ALPHA_BAR, 2, kind="v").clamp(-1, 1).flatten(1)
    want = np.mean([np.mean([(a - b).norm() for i, a in enumerate(x[k::5]) for b in x[k::5][:i]]) for k in range(5)])
    assert curve.diversity[1] == pytest.approx(want, rel=1e-5)
    half = (0.5 * x.reshape(20, 3, 8, 8), cond)
    relative = measure_curve(
        NET, ALPHA_BAR, read, lambda x: x.flatten(1), classes=5, shape=(3, 8, 8), kind="v", ws=(-1, 2), n=20, steps=2,
        real=half,
    )  # fmt: skip
    assert relative.diversity[1] == pytest.approx(2, rel=1e-5) and relative.real == (1.0, 1.0)

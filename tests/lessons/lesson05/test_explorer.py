"""Lesson 05's explorer: what BatchNorm and GroupNorm make of a picture, the company, the chart, the words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.errors import CourseError
from course_utils.lessons.lesson05.explorer import (
    CELL,
    COLUMNS,
    COMPANY_AT,
    LARGEST,
    PICTURES_AT,
    SCALE,
    SHOWN,
    SIDE,
    TOP,
    NormExplorer,
)
from course_utils.plots import to_uint8


def images(n=120, channels=3, size=16):
    """Random pictures of different brightness."""
    generator = torch.Generator().manual_seed(0)
    tint = torch.rand(n, channels, 1, 1, generator=generator) * 1.2 - 0.6
    return (tint + 0.3 * torch.randn(n, channels, size, size, generator=generator)).clamp(-1, 1)


def explorer(**more):
    return NormExplorer(more.pop("images", images()), **more)


@pytest.mark.parametrize("batch", [1, 2, 7, LARGEST])
@pytest.mark.parametrize("company", ["mixed", "dark"])
def test_batch_norm_is_pytorchs(batch, company):
    e = explorer()
    e.set(batch=batch, company=company, image=3, drawn=5)
    who = e.members(e.state)[:batch]
    want = F.batch_norm(images()[who].double(), None, None, training=True)[0]
    assert who[0] == 2
    torch.testing.assert_close(torch.from_numpy(e.after_batch_norm(e.state)), want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("groups", [1, 3])
def test_group_norm_is_pytorchs_and_ignores_the_company(groups):
    e = explorer()
    e.set(image=4, groups=groups)
    want = F.group_norm(images()[3:4].double(), groups)[0].numpy()
    for batch, company in ((1, "mixed"), (64, "bright")):
        e.set(batch=batch, company=company)
        np.testing.assert_allclose(e.after_group_norm(e.state), want, atol=1e-12)


def test_the_curve_ends_in_the_picture():
    e = explorer()
    e.set(batch=9, image=2)
    curve = e.colour_by_batch(e.state)
    assert curve.shape == (LARGEST, 3)
    np.testing.assert_allclose(curve[8], e.after_batch_norm(e.state).mean((1, 2)), atol=1e-9)
    np.testing.assert_allclose(curve[0], 0, atol=1e-9)  # alone, every colour loses its mean


def test_company_is_what_its_name_says():
    e = explorer()
    x = images()
    brightness = {}
    for company in ("mixed", "bright", "dark", "like it"):
        e.set(company=company, image=1)
        who = e.members(e.state)
        assert len(set(who.tolist())) == LARGEST and who[0] == 0 and who[1:].min() >= 8
        brightness[company] = x[who[1:]].mean().item()
        distance = (x[who[1:]].mean((2, 3)) - x[0].mean((1, 2))).norm(dim=1).mean().item()
        brightness[f"{company}, distance"] = distance
    assert brightness["dark"] < brightness["mixed"] < brightness["bright"]
    assert brightness["like it, distance"] < brightness["mixed, distance"]


def test_a_larger_batch_begins_with_the_smaller_one_and_a_new_draw_changes_it():
    e = explorer()
    first = e.members(e.state)
    e.set(batch=20)
    assert np.array_equal(first, e.members(e.state))
    e.set(drawn=2)
    assert not np.array_equal(first, e.members(e.state))
    assert np.array_equal(first, explorer().members(explorer().state))


def pixel(e, x, y):
    return e.image.getpixel((round(x * SCALE), round(y * SCALE)))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pictures_are_shown_pixel_for_pixel(channels):
    e = explorer(images=images(channels=channels))
    e.set(batch=3)
    k = int(SIDE * SCALE) // 16  # device pixels of a pixel
    edge = (SIDE * SCALE - 16 * k) / 2 / SCALE  # it stands in the middle of its square
    contents = (e.images[0], SHOWN * e.after_batch_norm(e.state), SHOWN * e.after_group_norm(e.state))
    for x, content in zip(PICTURES_AT, contents, strict=True):
        shown = to_uint8(content[None])[0]
        for row, column in ((0, 0), (5, 11), (15, 15)):
            place = (x + edge + (column + 0.5) * k / SCALE, TOP + edge + (row + 0.5) * k / SCALE)
            assert pixel(e, *place) == tuple(np.broadcast_to(shown[row, column], 3).tolist())


def test_the_company_is_as_large_as_the_batch():
    def painted(e, k):
        x, y = COMPANY_AT + CELL * (k % COLUMNS) + CELL / 2 - 2, TOP + CELL * (k // COLUMNS) + CELL / 2 - 2
        return pixel(e, x, y) != pixel(e, COMPANY_AT - 20, TOP + 100)

    e = explorer()
    for batch in (1, 10, LARGEST):
        e.set(batch=batch)
        assert [painted(e, k) for k in range(LARGEST)] == [k < batch for k in range(LARGEST)]


def test_the_dots_follow_the_curve():
    e = explorer()
    places = {}
    for batch in (1, 8, 64):
        e.set(batch=batch)
        places[batch] = [e.dot(e.state, c) for c in range(3)]
        values = e.colour_by_batch(e.state)[batch - 1]
        order = sorted(range(3), key=lambda c: values[c])
        heights = [places[batch][c][1] for c in order]
        assert heights == sorted(heights, reverse=True), "more lies higher"
    assert places[1][0][0] < places[8][0][0] < places[64][0][0]
    assert places[8][0][0] == pytest.approx((places[1][0][0] + places[64][0][0]) / 2)


def test_words_name_everything():
    e = explorer()
    e.set(batch=4, company="dark", image=2)
    batch, group = (f(e.state).mean((1, 2)) for f in (e.after_batch_norm, e.after_group_norm))
    assert e.says.startswith("Picture 2 with 3 others (company: dark). Mean after BatchNorm: red ")
    for value in (*batch, *group):
        assert f"{value:+.2f}".replace("-", "−") in e.says
    e.set(batch=1)
    assert e.says.startswith("Picture 2 alone. Mean after BatchNorm: red 0.00, green 0.00, blue 0.00.")
    grey = explorer(images=images(channels=1))
    assert "Mean after BatchNorm: grey " in grey.says and list(grey.widgets["groups"].options) == [("1 group", 1)]


def test_every_position_draws():
    e = explorer()
    for key, control in e.widgets.items():
        last = [value for _, value in control.options] if hasattr(control, "options") else [control.min, control.max]
        for value in last:
            e.set(**{key: value})
            assert e.error == "", (key, value)


@pytest.mark.parametrize(
    ("change", "part"),
    [({"images": images(60)}, "71 images or more"), ({"images": images()[0]}, "[None]")],
)
def test_helpful_sentences(change, part):
    with pytest.raises(CourseError) as caught:
        explorer(**change)
    assert part in str(caught.value)

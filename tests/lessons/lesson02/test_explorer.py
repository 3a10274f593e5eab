"""Lesson 02's explorer: the guesses it shows, the place of the dot, the bars, the words."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils import plots
from course_utils.diffusion import alpha_bars, cosine_schedule, q_sample
from course_utils.errors import CourseError
from course_utils.lessons.lesson02.explorer import (
    BARS_AT,
    BARS_WIDTH,
    IMAGES_AT,
    ROW,
    SCALE,
    SIDE,
    TOP,
    DenoisingExplorer,
)

T = 100
ALPHA_BAR = alpha_bars(cosine_schedule(T))


def images(n=3, channels=3, size=16, seed=1):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


DENOISERS = {
    "nothing": lambda x, t: x,
    "grey": lambda x, t: torch.zeros_like(x),
    "told": lambda x, t: 0.01 * t[0] + 0 * x,
}


def explorer(**more):
    groups = more.pop("images", {"known": images(2), "new": images(2, seed=2)})
    settings = {"alpha_bar": ALPHA_BAR, "denoisers": DENOISERS, "positions": 10, **more}
    return DenoisingExplorer(groups, **settings)


def noisy(e, t, image, seed=0):
    eps = torch.randn(e.x0.shape, generator=torch.Generator().manual_seed(seed))
    return q_sample(e.x0, torch.full((len(e.x0),), t), ALPHA_BAR, eps)[image - 1]


@pytest.mark.parametrize("denoiser", list(DENOISERS))
@pytest.mark.parametrize(("t", "image"), [(10, 1), (50, 3), (100, 4)])
def test_errors_are_root_mean_squares_of_the_guess(denoiser, t, image):
    e = explorer()
    e.set(t=t, denoiser=denoiser, image=image)
    guess = DENOISERS[denoiser](noisy(e, t, image), torch.full((1,), t))
    expected = (guess - e.x0[image - 1]).square().mean().sqrt().item()
    assert e.off_by(e.state) == pytest.approx(expected, rel=1e-5)
    assert f"off by {expected:.3f}" in e.says


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 16), (3, 32)])
def test_the_picture_shows_noisy_guess_and_clean_pixel_for_pixel(channels, size):
    e = explorer(images={"all": images(2, channels, size)})
    e.set(t=30, image=2, denoiser="nothing")
    shown, k = np.asarray(e.image), int(SIDE * SCALE) // size
    x_t = noisy(e, 30, 2)[None]
    for left, picture in zip(IMAGES_AT, (x_t, x_t, e.x0[1:2]), strict=True):
        rows, columns = ((round(at * SCALE), round((at + SIDE) * SCALE)) for at in (TOP, left))
        margin = round((SIDE * SCALE - k * size) / 2)
        box = shown[slice(*rows), slice(*columns)]
        centres = box[margin + k // 2 :: k, margin + k // 2 :: k][:size, :size]
        assert np.array_equal(centres, np.broadcast_to(plots.to_uint8(picture)[0], (size, size, 3)))


def test_the_dot_has_the_colour_of_the_denoiser_and_moves_along_its_curve():
    e = explorer()
    places = []
    for t in (10, 50, 100):
        e.set(t=t, denoiser="grey")
        x, y = e.dot(e.state)
        fill = tuple(int(e.colours["grey"][i : i + 2], 16) for i in (1, 3, 5))
        assert e.image.getpixel((round(x), round(y))) == fill
        places.append((x, y))
    assert places[1][0] - places[0][0] == pytest.approx((places[2][0] - places[0][0]) * 40 / 90)
    assert places[0][1] == pytest.approx(places[2][1]), "an answer that is always the same is equally wrong everywhere"


def test_the_curve_is_that_of_the_images_group():
    e = explorer()
    e.set(image=1, denoiser="grey")
    known = math.sqrt(images(2).square().mean().item())
    assert e.curve("grey", "known")[0] == pytest.approx(known, rel=1e-5)
    assert e.curve("grey", "new")[0] != pytest.approx(known, rel=1e-3)


def test_bars_are_as_long_as_the_errors():
    e = explorer()
    e.set(t=20, image=1)
    row = list(DENOISERS).index("grey")
    line = np.asarray(e.image)[round((TOP + 1 + row * ROW + 20) * SCALE)]
    fill = tuple(int(e.colours["grey"][i : i + 2], 16) for i in (1, 3, 5))
    filled = np.nonzero((line == fill).all(-1))[0]
    assert len(filled) == pytest.approx(e.off_by(e.state, "grey") * BARS_WIDTH * SCALE, abs=2)
    assert filled[0] == pytest.approx(BARS_AT * SCALE, abs=2)


def test_every_guess_is_made_once_and_before():
    calls = []

    def counted(x, t):
        calls.append(int(t[0]))
        return x

    e = explorer(denoisers={"counted": counted})
    assert calls == list(range(10, 101, 10))
    for t in (20, 70):
        e.set(t=t)
    assert len(calls) == 10


def test_words_name_everything():
    e = explorer()
    e.set(t=50, image=3, denoiser="grey")
    off = e.off_by(e.state)
    assert e.says.startswith(f"Noise level 50 of 100, image 3 (new): the guess of grey is off by {off:.3f} (")
    assert f"{20 * math.log10(2 / off):.0f} dB" in e.says and "Best here: " in e.says


def test_a_perfect_guess_has_no_end_of_decibels():
    x0 = images(1)
    e = DenoisingExplorer({"one": x0}, alpha_bar=ALPHA_BAR, denoisers={"told": lambda x, t: x0}, positions=5)
    assert "off by 0.000 (∞ dB)" in e.says and e.state.image == 1


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"images": {}}, "at least one group"),
        ({"denoisers": {}}, "one denoiser"),
        ({"denoisers": {"flat": lambda x, t: x.mean(0)}}, "'flat' gives shape (3, 16, 16)"),
        ({"denoisers": {"lost": lambda x, t: None}}, "'lost' gives NoneType"),
    ],
)
def test_helpful_sentences(change, part):
    with pytest.raises(CourseError) as caught:
        explorer(**change)
    assert part in str(caught.value)

"""Figures are stored no larger than the eye needs: nobody can see where bits were saved."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from course_utils.plots.png import (
    MOST_OF_A_NEIGHBOURHOOD,
    MOST_OF_A_PIXEL,
    NEIGHBOURHOOD,
    compress,
    encode,
    unseen,
    with_levels,
)

PAPER, BLUE = np.array([251, 248, 241]), np.array([0, 114, 178])
BAND = np.round(0.85 * PAPER + 0.15 * BLUE).astype(np.uint8)  # a band of alpha 0.15


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def chart(colourful: bool = True) -> np.ndarray:
    """A chart (400, 600, 3): a pale band, thin lines in two colours, and many colours elsewhere."""
    pixels = np.broadcast_to(PAPER, (400, 600, 3)).astype(np.uint8).copy()
    pixels[120:180, 50:550] = BAND
    pixels[60] = BLUE
    pixels[:, 300] = (213, 94, 0)
    if colourful:  # a picture in the corner, of more colours than any palette holds
        seed = np.random.default_rng(0)
        pixels[250:390, 10:290] = seed.integers(0, 256, (14, 28, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)
    return pixels


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("colourful", [True, False])
def test_bands_and_thin_lines_keep_their_colours(exact: bool, colourful: bool) -> None:
    pixels = chart(colourful)
    got = opened(compress(Image.fromarray(pixels), exact=exact))
    off = got - pixels
    assert np.abs(off).max() <= MOST_OF_A_PIXEL
    assert np.abs(off[120:180, 50:550]).max() <= MOST_OF_A_NEIGHBOURHOOD  # one colour: off everywhere or nowhere
    assert np.abs(off[60]).max() <= MOST_OF_A_PIXEL and np.abs(off[:, 300]).max() <= MOST_OF_A_PIXEL
    if not colourful:
        assert not off.any()


def test_a_band_that_turns_green_is_seen_although_no_pixel_is_far_off() -> None:
    pixels = chart()
    green = pixels.copy()
    green[(pixels == BAND).all(axis=2)] = BAND + np.array([-6, 6, -12])
    assert np.abs(green.astype(int) - pixels).max() <= MOST_OF_A_PIXEL
    assert not unseen(Image.fromarray(pixels), Image.fromarray(green))
    assert unseen(Image.fromarray(pixels), Image.fromarray(pixels))


def test_a_thin_line_that_pales_is_seen_although_its_neighbourhood_is_nearly_right() -> None:
    pixels = np.broadcast_to(PAPER, (64, 64, 3)).astype(np.uint8).copy()
    pixels[33] = BAND
    paler = pixels.copy()
    paler[33] = PAPER
    off = np.abs(paler.astype(int) - pixels)
    assert off.max() > MOST_OF_A_PIXEL and off.sum() / (64 * 64 * 3) < MOST_OF_A_NEIGHBOURHOOD
    assert not unseen(Image.fromarray(pixels), Image.fromarray(paler))


def test_what_is_wrong_in_the_last_rows_is_seen_too() -> None:
    side = 3 * NEIGHBOURHOOD + 2  # two rows are left over
    pixels = np.full((side, side, 3), 200, np.uint8)
    other = pixels.copy()
    other[-2:] -= MOST_OF_A_NEIGHBOURHOOD + 1
    assert not unseen(Image.fromarray(pixels), Image.fromarray(other))


@pytest.mark.parametrize("mode", ["RGB", "P"])
@pytest.mark.parametrize("shape", [(1, 1), (37, 11), (40, 200)])
def test_writing_loses_nothing(mode: str, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    pixels[shape[0] // 2 :] = pixels[-1]  # rows that repeat
    picture = Image.fromarray(pixels)
    picture = picture.quantize(64) if mode == "P" else picture
    png = encode(picture)
    assert np.array_equal(opened(png), np.asarray(picture.convert("RGB")))
    Image.open(io.BytesIO(png)).verify()  # the checksums too


def test_enlarged_pixels_take_less_than_pillow_gives_them() -> None:
    pixels = chart()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    assert len(compress(Image.fromarray(pixels), exact=True)) < 0.9 * buffer.tell()


def test_levels_keep_black_and_white_and_are_off_by_two_at_most() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    got = np.asarray(with_levels(Image.fromarray(grey))).astype(int)
    assert got.min() == 0 and got.max() == 255 and np.abs(got - grey).max() <= 2
    assert len(np.unique(got)) == 64

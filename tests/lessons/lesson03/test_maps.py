"""Tables of numbers as colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course_utils import plots
from course_utils.errors import CourseError
from course_utils.lessons.lesson03.maps import maps, paint


def hexed(pixel):
    return "#" + "".join(f"{value:02X}" for value in pixel)


def test_the_ends_and_the_middle_have_their_colours():
    colours = paint(np.array([[-1.0, 0.0, 1.0, -7.0, 7.0]]))
    assert [hexed(p) for p in colours[0]] == [
        "#0072B2", hexed(paint(np.zeros((1, 1)))[0, 0]), "#D55E00", "#0072B2", "#D55E00",
    ]  # fmt: skip
    middle = paint(np.zeros((1, 1)))[0, 0]
    assert np.abs(middle.astype(int) - [0xFB, 0xF8, 0xF1]).max() <= 3
    low, high = paint(torch.tensor([[0.0, 5.0]]), low=0, high=5)[0]
    assert hexed(low) == plots.COLOURS["paper"].upper() and hexed(high) == plots.COLOURS["ink"].upper()


def test_a_figure_of_one_and_of_several_maps():
    table = np.linspace(-1, 1, 30).reshape(5, 6)
    one = maps({"a": table}, x=(0, 10), y=(0, 5), xlabel="x", ylabel="y", bar="value", title="One", square=False)
    assert len(one.axes) == 2 and one.axes[0].get_title() == "a"
    several = maps(dict.fromkeys("abcd", table), x=(0, 10), y=(0, 5), title="Four")
    images = [axes.images[0] for axes in several.axes[:-1]]
    assert len(images) == 4 and {image.get_clim() for image in images} == {(-1.0, 1.0)}
    assert np.array_equal(images[0].get_array(), table)
    assert images[0].get_extent() == [0, 10, 5, 0]
    assert "Four" in several.alt and "a, b, c, d" in several.alt


@pytest.mark.parametrize(
    ("tables", "part"),
    [
        ({}, "no maps"),
        ({"a": np.zeros(3)}, "has shape (3,)"),
        ({"a": np.zeros((0, 3))}, "has shape (0, 3)"),
        ({"a": np.array([[np.nan, 1.0]])}, "NaN or infinity"),
    ],
)
def test_helpful_sentences(tables, part):
    with pytest.raises(CourseError) as caught:
        maps(tables, x=(0, 1), y=(0, 1))
    assert part in str(caught.value)


def test_an_empty_scale_is_refused():
    with pytest.raises(CourseError, match="the first must be the smaller"):
        paint(np.zeros((2, 2)), low=1, high=1)

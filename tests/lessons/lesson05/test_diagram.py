"""The drawing of the residual block: every part of the block is on it, nothing runs out of a box or of the picture."""

from __future__ import annotations

import pytest
from matplotlib.patches import FancyBboxPatch

from course_utils import models
from course_utils.lessons.lesson05 import diagram


@pytest.fixture(scope="module")
def drawn():
    figure = diagram.residual_block()
    figure.canvas.draw()
    return figure


def extents(artists):
    return [artist.get_window_extent() for artist in artists]


def test_every_part_of_the_block_is_drawn_and_said(drawn):
    words = [text.get_text() for text in drawn.axes[0].texts]
    block = models.ResidualBlock(8, 16, time_features=4)
    for part in {name for name, _ in block.named_children()} | {"GELU", "modulate"}:
        assert any(part in word for word in words) and part in drawn.alt, part
    assert words.count("GELU") == 2


def test_the_words_fit_their_boxes_and_all_fits_the_picture(drawn):
    panel, whole = drawn.axes[0], drawn.bbox
    boxes = extents(p for p in panel.patches if isinstance(p, FancyBboxPatch))
    words = {text.get_text(): text.get_window_extent() for text in panel.texts}
    for name in (*diagram.CHAIN, "skip", "linear"):
        word = words[name]
        assert any(b.x0 < word.x0 and word.x1 < b.x1 and b.y0 < word.y0 and word.y1 < b.y1 for b in boxes), name
    for inside in [*boxes, *words.values()]:
        assert whole.x0 <= inside.x0 and inside.x1 <= whole.x1 and whole.y0 <= inside.y0 and inside.y1 <= whole.y1


def test_no_two_boxes_overlap(drawn):
    boxes = extents(p for p in drawn.axes[0].patches if isinstance(p, FancyBboxPatch))
    assert len(boxes) == len(diagram.CHAIN) + 2
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])

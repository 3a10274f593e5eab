"""The drawing of the U-Net: nothing is cut off, and its numbers are those of the network."""

from __future__ import annotations

import re

import pytest
import torch
from matplotlib.text import Text

from course_utils.lessons.lesson02 import diagram
from course_utils.models import plain

W = 8


def words(figure):
    return [text for text in figure.axes[0].findobj(Text) if text.get_text()]


def number(text):
    """ "2w" is 16 at width 8."""
    return int(text) if text.isdigit() else int(text[:-1] or 1) * W


@pytest.fixture(scope="module")
def figure():
    return diagram.draw_unet()


def test_no_word_is_cut_off(figure):
    figure.canvas.draw()
    wide, tall = figure.canvas.get_width_height()
    for text in words(figure):
        box = text.get_window_extent()
        assert min(box.x0, box.y0, wide - box.x1, tall - box.y1) > 4, text.get_text()


def test_the_channels_in_the_blocks_are_those_of_the_network(figure):
    net = plain.UNet(3, width=W)
    blocks = [*(down.block for down in net.downs), net.middle, *(up.block for up in net.ups)]
    real = sorted((block.conv1.in_channels, block.conv1.out_channels) for block in blocks)
    drawn = [text.get_text().split(" → ") for text in words(figure) if " → " in text.get_text()]
    assert sorted((sum(map(number, ins.split(" + "))), number(out)) for ins, out in drawn) == real


def test_the_sizes_at_the_arrows_are_those_of_the_network(figure):
    net, seen = plain.UNet(3, width=W), []
    for block in (*net.downs, net.middle, net.ups[0]):  # the last UpBlock's result goes unlabelled into the last layer
        block.register_forward_hook(lambda _, __, out: seen.extend(out if isinstance(out, tuple) else [out]))
    x = torch.randn(1, 3, 16, 16)
    seen += [x, net(x)]
    real = sorted(tuple(one.shape[1:]) for one in seen)
    shapes = [re.fullmatch(r"(?:skip  )?(\w+) × (\d+) × (\d+)", text.get_text()) for text in words(figure)]
    assert sorted((number(s[1]), int(s[2]), int(s[3])) for s in shapes if s) == real


def test_the_figure_says_in_words_what_it_shows(figure):
    assert figure.alt == diagram.ALT
    for text in ("2w × 4 × 4", "4w × 4 × 4", "2w × 8 × 8", "w × 16 × 16"):
        assert text in diagram.ALT

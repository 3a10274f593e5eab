"""The U-Nets: shapes, what they begin as, that every part is used, and that time and class are heard."""

from __future__ import annotations

import pytest
import torch

from course_utils import models
from course_utils.errors import CourseError
from course_utils.models import FourierTime, LearnedTime, NoTime, RawTime, TimeMLP, UNet, plain


def small(**settings):
    torch.manual_seed(0)
    return UNet(3, **{"width": 8, **settings})


def awake(net):
    """The zeros that a network begins with would hide what lies behind them."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return net.double()


def inputs(n=2, size=16, channels=3):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(n, channels, size, size, generator=generator, dtype=torch.float64)
    return x, 1000 * torch.rand(n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("size", [4, 8, 12, 20])
@pytest.mark.parametrize("outputs", [None, 6])
def test_any_size_that_can_be_halved_twice(size, outputs):
    x, t = inputs(size=size)
    assert small(outputs=outputs)(x.float(), t.float()).shape == (2, outputs or 3, size, size)


def test_a_new_network_says_zero_everywhere():
    x, t = inputs()
    assert not small()(x.float(), t.float()).any()


@pytest.mark.parametrize("settings", [{}, {"blocks": 2}, {"classes": 5}, {"multipliers": (1,), "attention": (True,)}])
def test_every_parameter_is_used(settings):
    net = awake(small(**settings))
    x, t = inputs(n=3)
    cond = torch.tensor([0, 3, 5]) if net.classes else None
    net(x, t, cond).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_time_is_heard_and_each_image_has_its_own():
    net = awake(small())
    x, _ = inputs()
    together = net(x, torch.tensor([100.0, 800.0], dtype=torch.float64))
    alone = [net(x[i : i + 1], torch.tensor([t], dtype=torch.float64)) for i, t in enumerate((100.0, 800.0))]
    torch.testing.assert_close(together, torch.cat(alone))
    assert (together[1] - net(x, torch.full((2,), 100.0).double())[1]).abs().max() > 1e-3


def test_the_class_is_heard_and_none_is_the_null_class():
    net = awake(small(classes=4))
    x, t = inputs()
    torch.testing.assert_close(net(x, t), net(x, t, torch.tensor([4, 4])))
    assert (net(x, t, torch.tensor([0, 1])) - net(x, t, torch.tensor([0, 2])))[1].abs().max() > 1e-3
    assert not (net(x, t, torch.tensor([0, 1])) - net(x, t, torch.tensor([0, 2])))[0].any()


@pytest.mark.parametrize("embed", [TimeMLP, RawTime, FourierTime, LearnedTime, NoTime])
def test_every_way_to_tell_the_time_takes_the_others_place(embed):
    net = small(embed=embed)
    x, t = inputs()
    assert net(x.float(), t.float()).shape == x.shape
    told = embed(8, 16)(torch.tensor([0.0, 400.0, 1000.0]))
    assert told.shape == (3, 16)
    assert torch.equal(told[0], told[1]) == (embed is NoTime)


def test_all_of_lesson_03s_networks_are_of_one_size_but_for_the_table():
    count = {e: sum(p.numel() for p in e(16, 64).parameters()) for e in (TimeMLP, RawTime, FourierTime, NoTime)}
    assert len(set(count.values())) == 1


def test_memory_is_laid_out_for_convolutions():
    net = small()
    assert net.stem.weight.is_contiguous(memory_format=torch.channels_last)
    x, t = inputs()
    assert net(x.float(), t.float()).is_contiguous(memory_format=torch.channels_last)


def test_bad_settings_and_images_get_a_sentence():
    with pytest.raises(CourseError, match="multiple of 8"):
        small(width=12)
    with pytest.raises(CourseError, match="give one a level"):
        small(attention=(True,))
    with pytest.raises(CourseError, match="multiples of 4"):
        small()(torch.zeros(1, 3, 14, 14), torch.zeros(1))
    with pytest.raises(CourseError, match="divisor"):
        models.GroupNorm(3, 8)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_plain_unet_keeps_the_shape_and_uses_every_parameter(depth):
    torch.manual_seed(0)
    net = plain.UNet(1, width=4, depth=depth)
    x = torch.randn(2, 1, 8, 8)
    out = net(x, torch.zeros(2))
    assert out.shape == x.shape
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_with_the_middle_cut_only_the_skips_carry_the_picture():
    for skips in (True, False):
        torch.manual_seed(0)
        net = plain.UNet(1, width=4, skips=skips)
        torch.nn.init.zeros_(net.middle.conv2.weight)
        torch.nn.init.zeros_(net.middle.conv2.bias)
        one, other = net(torch.rand(2, 1, 8, 8))
        assert torch.equal(one, other) != skips

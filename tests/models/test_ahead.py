"""What lessons 06, 10 and 11 begin with: the network trained ahead, or the exact denoiser, to the last bit."""

from __future__ import annotations

import pytest
import torch

from course_utils import data, diffusion, pretrained, samplers
from course_utils.errors import CourseError

T500 = torch.tensor([500.0, 500.0, 500.0])


def test_where_there_are_weights_it_is_the_network():
    assert pretrained.available_ddpm("flowers")
    ahead, model = pretrained.ddpm_or_ideal("flowers"), pretrained.ddpm("flowers")
    assert (ahead.exact, ahead.channels, ahead.size) == (False, model.channels, model.size)
    assert torch.equal(ahead.alpha_bar, model.alpha_bar)
    x = ahead.noise(3, seed=1)
    assert torch.equal(ahead.predict(x, T500), model.predict(x, T500))


def test_where_there_are_none_it_is_the_ideal_denoiser_of_400_images():
    assert not pretrained.available_ddpm("digits")
    ahead = pretrained.ddpm_or_ideal("digits")
    assert (ahead.exact, ahead.channels, ahead.size) == (True, 1, 16)
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    assert torch.equal(ahead.alpha_bar, alpha_bar)
    images = data.load("digits", n=400, size=16).images
    ideal, x = samplers.ideal_predict(images, alpha_bar), ahead.noise(3, seed=1)
    assert torch.equal(ahead.predict(x, T500), ideal(x, T500))
    drawn = samplers.sample_ddim(ahead.predict, x, alpha_bar, 20)
    nearest = (drawn[:, None] - images[None]).flatten(2).norm(dim=2).amin(dim=1)
    assert nearest.max() < 0.1, "what it draws is one of its images"


@pytest.mark.parametrize("dataset", ["flowers", "digits"])
def test_noise_goes_by_its_seed(dataset):
    ahead = pretrained.ddpm_or_ideal(dataset)
    x = ahead.noise(4, seed=7)
    assert x.shape == (4, ahead.channels, ahead.size, ahead.size)
    assert torch.equal(x, torch.randn(x.shape, generator=torch.Generator().manual_seed(7)))
    assert torch.equal(ahead.noise(4, seed=7), x) and not torch.equal(ahead.noise(4, seed=8), x)


def test_an_unknown_data_set_is_told_of_those_there_are():
    with pytest.raises(CourseError, match="There is no image set"):
        pretrained.ddpm_or_ideal("roses")

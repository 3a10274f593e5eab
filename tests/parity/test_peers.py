"""The benchmarks' peer is of the same size as our U-Net, and is called as it is."""

import importlib.util
from pathlib import Path

import pytest
import torch

from course_utils import models

pytest.importorskip("diffusers", reason="parity with diffusers: pip install diffusers")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "peers.py"


@pytest.fixture(scope="module")
def peers():
    spec = importlib.util.spec_from_file_location("peers", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 16},
        {"width": 32},
        {"width": 32, "classes": 10},
        {"width": 64, "multipliers": (1, 2), "attention": (False, True)},
        {"width": 32, "blocks": 2, "attention": (False, True, True), "outputs": 6},
    ],
)
def test_same_parameters_within_5_percent_and_as_much_attention(peers, settings):
    ours = models.UNet(3, **settings)
    theirs = peers.unet_like(ours, 16)
    assert peers.parameters(theirs) == pytest.approx(peers.parameters(ours), rel=0.05)
    names = [type(module).__name__ for module in theirs.modules()]
    assert names.count("Attention") == sum(isinstance(m, models.SelfAttention2d) for m in ours.modules())


def test_it_is_called_as_ours(peers):
    ours = models.UNet(1, width=16, classes=4)
    theirs = peers.unet_like(ours, 8)
    x, t = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([3.0, 900.0])
    with torch.no_grad():
        blind, null, three = theirs(x, t), theirs(x, t, torch.tensor([4, 4])), theirs(x, t, torch.tensor([3, 3]))
    assert blind.shape == ours(x, t).shape
    assert torch.equal(blind, null) and not torch.allclose(blind, three)  # None stands for the null class

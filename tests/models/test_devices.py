"""Networks, losses and samplers stay on the device of what they are given, shown without a GPU.

Tensors on PyTorch's `meta` device have a shape and no numbers. Like those of a GPU they cannot be mixed with tensors of
the CPU, so a schedule or a time that was left behind is noticed here. What a GPU computes, tests/gpu compares.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from course_utils import diffusion, models, samplers
from course_utils.metrics.oracle_training import make_net
from course_utils.models import RecogniserNet

T = 20
ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))  # stays on the CPU


def elsewhere(*shape: int) -> Tensor:
    return torch.randn(*shape, device="meta")


X0, EPS, STEP = elsewhere(4, 3, 16, 16), elsewhere(4, 3, 16, 16), torch.ones(4, dtype=torch.int64, device="meta")
LABEL = torch.zeros(4, dtype=torch.int64, device="meta")
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "unet": lambda: models.UNet(3, width=16),
    "unet with classes": lambda: models.UNet(3, width=16, classes=10),
    "plain": lambda: models.plain.UNet(3, width=16),
}


def test_devices_that_are_mixed_are_noticed() -> None:
    with pytest.raises(RuntimeError):
        X0 + torch.zeros(4, 3, 16, 16)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["eps", "x0", "v"])
def test_losses_and_gradients(name: str, kind: str) -> None:
    net = NETWORKS[name]().to("meta")
    for cond in (None, LABEL) if "classes" in name else (None,):
        for distance in ("l2", "l1", "huber"):
            weight = elsewhere(4)
            options = {"kind": kind, "distance": distance, "weight": weight}
            loss = diffusion.diffusion_loss(net, X0, STEP, ALPHA_BAR, EPS, cond, **options)
            loss.backward()
            assert loss.device.type == "meta" and loss.shape == ()
    assert all(p.grad is None or p.grad.device.type == "meta" for p in net.parameters())


@pytest.mark.parametrize("kind", ["eps", "x0", "v"])
def test_samplers(kind: str) -> None:
    generator = torch.Generator()
    predict = samplers.as_predict(models.UNet(3, width=16).to("meta"), kind=kind, alpha_bar=ALPHA_BAR)
    for x in (
        samplers.sample_ddim(predict, EPS, ALPHA_BAR, 3),
        samplers.sample_ddim(predict, EPS, ALPHA_BAR, 3, eta=0.5, generator=generator, clip=True),
        samplers.sample_ddpm(predict, EPS, ALPHA_BAR, generator, steps=3, clip=True),
        samplers.sample_ddpm(predict, EPS, ALPHA_BAR, generator, steps=3, variance="beta-tilde"),
        samplers.ddim_invert(predict, EPS, ALPHA_BAR, 3),
        samplers.sample_truncated(predict, X0, 10, ALPHA_BAR, 3, EPS),
    ):
        assert x.device.type == "meta" and x.shape == EPS.shape


def test_readers_and_the_ideal_denoiser() -> None:
    assert RecogniserNet(3, 10).to("meta")(X0).device.type == "meta"
    assert all(scores.device.type == "meta" for scores in make_net().to("meta")(X0).values())
    assert diffusion.ideal_denoiser(X0, STEP, ALPHA_BAR, elsewhere(9, 3, 16, 16)).device.type == "meta"

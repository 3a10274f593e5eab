"""A training on the GPU reaches the loss it should, in bfloat16 too, and goes on after an interrupt."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from course_utils import data, diffusion, models
from course_utils.training import Fit, Interrupted, fit

T, STEPS, BATCH = 1000, 200, 64
# Mean loss of the last 50 of 200 steps; a CPU reached 0.144 in float32, and a little less or more is no mistake.
BAND = (0.11, 0.19)
Batch = tuple[Tensor, Tensor, Tensor]


def net(device: torch.device, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return models.UNet(3, width=16).to(device)


class Batches:
    """step -> (x0, t, eps), the same for the same step."""

    def __init__(self, device: torch.device, n: int = 2048, size: int = 16, batch: int = BATCH) -> None:
        self.images, self.device, self.batch = data.load("flowers", n=n, size=size).images, device, batch

    def __call__(self, step: int) -> Batch:
        generator = torch.Generator().manual_seed(step)
        x0 = self.images[torch.randint(len(self.images), (self.batch,), generator=generator)]
        t = diffusion.uniform_times(self.batch, T, generator)
        eps = torch.randn(x0.shape, generator=generator)
        return x0.to(self.device), t.to(self.device), eps.to(self.device)


ALPHA_BAR = diffusion.alpha_bars(diffusion.cosine_schedule(T))


def loss(model: nn.Module, batch: Batch) -> Tensor:
    x0, t, eps = batch
    return diffusion.diffusion_loss(model, x0, t, ALPHA_BAR, eps)


@pytest.mark.slow
@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bfloat16"])
def test_one_training_reaches_its_band(device: torch.device, autocast: bool) -> None:
    model = net(device)
    history = fit(model, Batches(device), loss, STEPS, learning_rate=2e-3, ema=0.99, autocast=autocast, quiet=True)
    reached = sum(history.losses[-50:]) / 50
    assert BAND[0] < reached < BAND[1], f"{reached:.4f}"
    assert history.losses[0] > 0.9  # an untrained network says 0, and the noise has variance 1
    assert history.images == STEPS * BATCH and history.ema is not None
    assert all(p.device.type == device.type and p.dtype == torch.float32 for p in history.ema.parameters())


def brief(model: nn.Module, batches: Batches, checkpoint: Path | None = None, stop_at: int | None = None) -> Fit:
    calls = 0

    def loss_with_ctrl_c(model: nn.Module, batch: Batch) -> Tensor:
        nonlocal calls
        calls += model.training
        if calls == stop_at and model.training:
            raise KeyboardInterrupt
        return loss(model, batch)

    return fit(model, batches, loss_with_ctrl_c, 30, ema=0.9, checkpoint=checkpoint, quiet=True)


@pytest.mark.usefixtures("exact")
def test_an_interrupted_training_goes_on(device: torch.device, tmp_path: Path) -> None:
    """To the last bit on a CPU; on a GPU, where sums may be taken in another order, to 1e-3 of the loss."""
    batches = Batches(device, n=64, batch=16)
    whole = brief(net(device), batches)
    model, checkpoint = net(device), tmp_path / "state.safetensors"
    with pytest.raises(Interrupted, match="Stopped after 11 of 30 steps"):
        brief(model, batches, checkpoint, stop_at=12)
    assert checkpoint.is_file()
    resumed_model = net(device)
    with torch.no_grad():  # another start, but for the first weights' last digits: all must come from the checkpoint
        for p in resumed_model.parameters():
            p.mul_(1 + 1e-6)
    resumed = brief(resumed_model, batches, checkpoint)
    assert resumed.steps == whole.steps == 30
    assert resumed.losses == pytest.approx(whole.losses, rel=1e-3)
    assert resumed.norms == pytest.approx(whole.norms, rel=1e-2)
    assert whole.ema is not None and resumed.ema is not None
    for a, b in zip(whole.ema.parameters(), resumed.ema.parameters(), strict=True):
        assert b.device.type == device.type
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-4)


def test_a_gradient_that_is_no_number_stops_the_training(device: torch.device) -> None:
    from course_utils.errors import CourseError

    def bad(model: nn.Module, batch: Batch) -> Tensor:
        return loss(model, batch) * torch.nan

    with pytest.raises(CourseError, match="became nan at step 0: lower the learning rate"):
        fit(net(device), Batches(device, n=16, batch=4), bad, 3, quiet=True)

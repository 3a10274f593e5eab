"""What the GPU computes is what the CPU computes: networks, losses, gradients, samplers, judges.

Tolerances: in float32, 1e-4 of the largest number in a tensor, since the sums are taken in another order; where float64
is used, 1e-9; under bfloat16, whose step is 1/128 of a number, 3 % of a tensor's length.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from course_utils import data, diffusion, metrics, models, samplers
from course_utils.training import bf16_where_fast

pytestmark = pytest.mark.usefixtures("exact")
FLOAT32, FLOAT64, BFLOAT16 = 1e-4, 1e-9, 0.03
T = 100


def assert_agree(got: Tensor, want: Tensor, tolerance: float, what: str = "") -> None:
    """The largest difference is at most `tolerance` times the largest number."""
    difference = (got.detach().cpu().double() - want.detach().double()).abs().max().item()
    largest = want.abs().max().item()
    assert largest > 0, f"{what}: nothing to compare"
    assert difference <= tolerance * largest, f"{what} differs by {difference:.3g}, and its largest is {largest:.3g}"


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    net = {
        "unet": lambda: models.UNet(3, width=16),
        "unet with classes and a learned variance": lambda: models.UNet(3, width=16, classes=10, outputs=6),
        "plain": lambda: models.plain.UNet(3, width=16),
    }[kind]()
    with torch.no_grad():  # the last convolution begins with zeros, and zeros agree with anything
        for weight in net.parameters():
            if not weight.any():
                weight.normal_(std=0.1)
    return net


def batch(n: int = 8, size: int = 16) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x0, t, eps and a class for each image."""
    generator = torch.Generator().manual_seed(1)
    shown = data.load("flowers", n=n, size=size)
    eps = torch.randn(shown.images.shape, generator=generator)
    return shown.images, diffusion.uniform_times(n, T, generator), eps, shown.labels


def loss_of(kind: str, net: nn.Module, place: torch.device) -> Tensor:
    x0, t, eps, labels = (tensor.to(place) for tensor in batch())
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(T))
    if kind == "unet with classes and a learned variance":
        return diffusion.hybrid_loss(net, x0, t, alpha_bar, eps, labels)
    return diffusion.diffusion_loss(net, x0, t, alpha_bar, eps, kind="v")


KINDS = pytest.mark.parametrize("kind", ["unet", "unet with classes and a learned variance", "plain"])


@KINDS
def test_forward_loss_and_gradients(device: torch.device, kind: str) -> None:
    here = network(kind)
    there = deepcopy(here).to(device)
    x0, t, _, labels = batch()
    cond = labels if "classes" in kind else None
    times = diffusion.model_time(t, T)
    got = there(x0.to(device), times.to(device), None if cond is None else cond.to(device))
    assert got.device.type == device.type
    assert_agree(got, here(x0, times, cond), FLOAT32, "the output")

    loss_here, loss_there = loss_of(kind, here, torch.device("cpu")), loss_of(kind, there, device)
    assert loss_there.item() == pytest.approx(loss_here.item(), rel=FLOAT32)
    loss_here.backward()
    loss_there.backward()
    largest = max(p.grad.abs().max().item() for p in here.parameters() if p.grad is not None)
    for (name, p), q in zip(here.named_parameters(), there.parameters(), strict=True):
        if p.grad is not None and p.grad.abs().max() > 1e-3 * largest:  # below, a gradient is rounding
            assert q.grad is not None
            assert_agree(q.grad, p.grad, 10 * FLOAT32, f"the gradient of {name}")


@KINDS
def test_bfloat16_stays_near_float32(device: torch.device, kind: str) -> None:
    there = network(kind).to(device)
    x0, t, _, _ = batch()
    times = diffusion.model_time(t, T).to(device)
    with torch.no_grad():
        exact = there(x0.to(device), times)
        with bf16_where_fast(device):
            rough = there(x0.to(device), times)
    assert rough.dtype == torch.bfloat16 or device.type == "cpu"
    distance = (rough.float() - exact).norm() / exact.norm()
    assert distance < BFLOAT16, f"{distance:.3f} of its length"
    assert torch.equal(there(x0.to(device), times), there(x0.to(device), times))


def test_losses_of_every_kind_and_distance_in_float64(device: torch.device) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(T))
    x0, t, eps, _ = batch()
    x0, eps = x0.double(), eps.double()

    def model(x: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        return torch.tanh(2 * x) * (1 + t.to(x)[:, None, None, None] / 1000)

    for kind in ("eps", "x0", "v"):
        for distance in ("l2", "l1", "huber"):
            weight = torch.linspace(0.5, 2, len(x0), dtype=torch.float64)
            options = {"kind": kind, "distance": distance}
            want = diffusion.diffusion_loss(model, x0, t, alpha_bar, eps, weight=weight, **options)
            there = (x0.to(device), t.to(device), alpha_bar, eps.to(device))
            got = diffusion.diffusion_loss(model, *there, weight=weight.to(device), **options)
            assert got.item() == pytest.approx(want.item(), rel=FLOAT64), (kind, distance)


def ddpm(predict: samplers.Predict, x_T: Tensor, alpha_bar: Tensor) -> Tensor:
    return samplers.sample_ddpm(predict, x_T, alpha_bar, torch.Generator().manual_seed(5), clip=True)


def ddpm_respaced(predict: samplers.Predict, x_T: Tensor, alpha_bar: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return samplers.sample_ddpm(predict, x_T, alpha_bar, generator, variance="beta-tilde", steps=20)


def ddim(predict: samplers.Predict, x_T: Tensor, alpha_bar: Tensor) -> Tensor:
    return samplers.sample_ddim(predict, x_T, alpha_bar, 20)


def ddim_noisy(predict: samplers.Predict, x_T: Tensor, alpha_bar: Tensor) -> Tensor:
    eta = torch.linspace(0, 1, len(x_T), device=x_T.device)
    return samplers.sample_ddim(predict, x_T, alpha_bar, 20, eta=eta, generator=torch.Generator().manual_seed(5))


def inverted(predict: samplers.Predict, x_T: Tensor, alpha_bar: Tensor) -> Tensor:
    return samplers.ddim_invert(predict, x_T.clamp(-1, 1), alpha_bar, 10)


@pytest.mark.parametrize("sample", [ddpm, ddpm_respaced, ddim, ddim_noisy, inverted], ids=lambda f: f.__name__)
def test_samplers(device: torch.device, sample: Callable[..., Tensor]) -> None:
    """With the ideal denoiser in float64, and with a network in float32, whose roundings add up over the steps."""
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(T))
    images = data.load("flowers", n=30, size=16).images.double()
    x_T = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    want = sample(samplers.ideal_predict(images, alpha_bar), x_T, alpha_bar)
    got = sample(samplers.ideal_predict(images.to(device), alpha_bar), x_T.to(device), alpha_bar)
    assert got.device.type == device.type and got.dtype == torch.float64
    assert_agree(got, want, 100 * FLOAT64, "with the ideal denoiser")

    here = network("unet").eval()
    there, x_T = deepcopy(here).to(device), x_T.float()
    want = sample(samplers.as_predict(here), x_T, alpha_bar)
    assert_agree(sample(samplers.as_predict(there), x_T.to(device), alpha_bar), want, 30 * FLOAT32, "with a network")
    # noise that stays on the CPU is carried to the network and back
    mixed = sample(samplers.as_predict(there), x_T, alpha_bar)
    assert mixed.device.type == "cpu"
    assert_agree(mixed, want, 30 * FLOAT32, "from the CPU")


def test_judges_and_readers(device: torch.device) -> None:
    shown = data.load("flowers", n=120, size=16, split="train")
    here, there = metrics.Judge("flowers", 16, n=100), metrics.Judge("flowers", 16, n=100, device=device)
    for name, want in here.scores(shown.images).items():
        assert there.scores(shown.images.to(device))[name] == pytest.approx(want, rel=0.01, abs=2e-3), name
    assert_agree(
        metrics.recogniser("flowers", device).features(shown.images.to(device)),
        metrics.recogniser("flowers").features(shown.images),
        10 * FLOAT32,
    )
    read_there, read_here = metrics.oracle(device).read(shown.images.to(device)), metrics.oracle().read(shown.images)
    assert (read_there == read_here).to_numpy().mean() > 0.995  # a tie may fall either way

"""A training in halves: the same to the last bit however they run, near that of whole batches, and resumable."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_utils import models
from course_utils.diffusion import alpha_bars, cosine_schedule, ddpm_loss, uniform_times
from course_utils.errors import CourseError
from course_utils.halves import chosen_by
from course_utils.training import Fit, Interrupted, Shuffled, fit, loop

STEPS = 5
ALPHA_BAR = alpha_bars(cosine_schedule(100))


class Always:
    def __init__(self, together: bool) -> None:
        self.together = together

    def side_by_side(self, kind: object) -> bool:
        return self.together

    def took(self, side_by_side: bool, seconds: float) -> None:
        pass


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def net() -> models.UNet:
    torch.manual_seed(3)
    return models.UNet(3, width=8, multipliers=(1, 2), attention=(False, True))


def make(x0: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, None]:
    return x0, uniform_times(len(x0), 100, generator), torch.randn(x0.shape, generator=generator), None


def batches(size: int = 7) -> Shuffled:
    images = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Shuffled(images, size=size, seed=1, make=make)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor, None]) -> Tensor:
    x0, t, eps, cond = batch
    return ddpm_loss(model, x0, t, ALPHA_BAR, eps, cond)


def train(model: nn.Module, loss: Callable[..., Tensor] = loss, size: int = 7, **more: Any) -> dict[str, Any]:
    history = fit(model, batches(size), loss, STEPS, ema=0.9, **{"halves": True, **more})
    return result(model, history)


def result(model: nn.Module, history: Fit) -> dict[str, Any]:
    assert history.ema is not None
    tensors = {**model.state_dict(), **{f"ema {k}": v for k, v in history.ema.state_dict().items()}}
    return {"losses": history.losses, "norms": history.norms, "images": history.images, **tensors}


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value) if isinstance(value, Tensor) else ours[key] == value, key


@pytest.fixture
def bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """On every machine, also where it is slow."""
    monkeypatch.setattr(loop, "bf16_where_fast", lambda device: torch.autocast(device.type, torch.bfloat16))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_same_to_the_last_bit_however_they_run(bf16: None, optimiser: str, size: int, autocast: bool) -> None:
    results = []
    for together, threads in ((True, 2), (False, 2), (True, 1), (False, 1)):
        torch.set_num_threads(threads)
        with chosen_by(Always(together)):
            results.append(train(net(), size=size, optimiser=optimiser, autocast=autocast))
    for other in results[1:]:
        assert_equal(other, results[0])
    assert all(math.isfinite(value) for value in results[0]["losses"])


def test_the_choice_may_change_at_every_step() -> None:
    class Restless(Always):
        def side_by_side(self, kind: object) -> bool:
            self.together = not self.together
            return self.together

    with chosen_by(Always(True)):
        steady = train(net())
    with chosen_by(Restless(True)):
        assert_equal(train(net()), steady)


@pytest.mark.parametrize("size", [1, 7, 8])
def test_the_gradient_is_that_of_the_whole_batch(size: int) -> None:
    apart, whole = net().double(), net().double()

    def precise(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor, None]) -> Tensor:
        x0, t, eps, cond = batch
        return ddpm_loss(model, x0.double(), t, ALPHA_BAR, eps.double(), cond)

    ours = train(apart, precise, size)
    theirs = train(whole, precise, size, halves=False)
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, rtol=1e-7, atol=1e-9, msg=lambda m, key=key: f"{key}: {m}")


def test_gradients_lie_in_memory_as_the_parameters_do() -> None:
    model, seen = net(), []

    class Look(torch.optim.AdamW):
        def step(self, closure: Any = None) -> Any:
            seen.extend(p.grad.stride() == p.stride() for p in model.parameters() if p.grad is not None)
            return super().step(closure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "make_optimiser", lambda *_: Look(model.parameters(), fused=True))
        train(model)
    assert seen and all(seen)


class WithSpare(nn.Module):
    """A parameter without a part in the loss, one that is frozen, and one that only the second half uses."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Parameter(torch.tensor([1.0, 2.0]))
        self.spare, self.late = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        out = x * self.used * self.frozen
        return out * self.late if x[0, 0] > 0 else out


def test_parameters_without_a_gradient_stay_as_they_are() -> None:
    model = WithSpare()
    batch = torch.tensor([[-1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [1.0, 1.0]])
    fit(model, [batch] * 2, lambda model, x: model(x).square().mean(), 2, halves=True, weight_decay=0.0)
    assert model.spare.grad is None and model.spare.tolist() == [1, 1] and model.frozen.tolist() == [1, 1]
    assert model.used.tolist() != [1, 2] and model.late.tolist() != [1, 1]


# ---------------------------------------------------------------- what cannot be halved


def small(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *layers, nn.Conv2d(8, 3, 3, padding=1))


def simple(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    x0, _, eps, _ = batch
    return (model(x0 + eps) - eps).square().mean()


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x


class Averaging(nn.Module):
    """Images meet, and no name or buffer tells."""

    def forward(self, x: Tensor) -> Tensor:
        return x - 3 * x.mean(dim=0, keepdim=True)


class Drawing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.1)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (nn.BatchNorm2d(8), r"The layer '1' is a BatchNorm2d, .*: train without halves\.$"),
        (nn.Dropout(0.1), r"The layer '1' is a Dropout, "),
        (Drawing(), "draws from PyTorch's own generator"),
        (Counting(), "changes its buffers"),
        (
            Averaging(),
            r"The loss of the whole batch is [\d.]+, and the mean of those of its halves [\d.]+: it is no mean",
        ),
    ],
)
def test_what_cannot_be_halved_gets_a_sentence(layer: nn.Module, sentence: str) -> None:
    torch.manual_seed(0)
    model = small(layer)
    weights = [p.clone() for p in model.parameters()]
    with pytest.raises(CourseError, match=sentence):
        train(model, simple)
    assert all(torch.equal(p, before) for p, before in zip(model.parameters(), weights, strict=True))
    train(small(layer), simple, halves=False)


def test_dropout_that_drops_nothing_and_layers_that_keep_images_apart_are_fine() -> None:
    train(small(nn.Dropout(0.0), nn.GroupNorm(2, 8)), simple)


def test_a_sum_is_no_mean() -> None:
    with pytest.raises(CourseError, match="no mean over images"):
        train(small(), lambda model, batch: simple(model, batch) * len(batch[0]))


def test_a_loss_that_is_not_a_number_is_told_as_ever() -> None:
    with pytest.raises(CourseError, match="The loss became nan at step 0"):
        train(small(), lambda model, batch: simple(model, batch) * math.nan)


# ---------------------------------------------------------------- interrupts and checkpoints


class Stopping:
    """Raises an interrupt at one step, in one of its halves."""

    def __init__(self, step: int, half: int, where: str) -> None:
        self.step, self.half, self.where, self.lock, self.seen = step, half, where, threading.Lock(), {}  # type: ignore[var-annotated]

    def __call__(self, model: nn.Module, batch: tuple[Tensor, Tensor, Tensor, None]) -> Tensor:
        value = loss(model, batch)
        if not torch.is_grad_enabled() or not model.training:  # a glance at the first batch
            return value
        with self.lock:  # the larger half is the first one
            half = 0 if len(batch[0]) == 4 else 1
            step = self.seen[half] = self.seen.get(half, -1) + 1
        if (step, half) != (self.step, self.half):
            return value
        if self.where == "forward":
            raise KeyboardInterrupt
        value.register_hook(self.stop if self.where == "backward" else self.signal)
        return value

    @staticmethod
    def stop(_: Tensor) -> None:
        raise KeyboardInterrupt

    @staticmethod
    def signal(_: Tensor) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("where", ["forward", "backward", "signal"])
@pytest.mark.parametrize(("step", "half"), [(0, 1), (2, 0), (STEPS - 1, 1)])
def test_an_interrupt_anywhere_changes_nothing(
    tmp_path: Path, step: int, half: int, where: str, together: bool
) -> None:
    path = tmp_path / "state.safetensors"
    with chosen_by(Always(True)):
        undisturbed = train(net(), optimiser="muon")
    with chosen_by(Always(together)):
        with pytest.raises(Interrupted, match=f"^Stopped after {step} of {STEPS} steps"):
            train(net(), Stopping(step, half, where), optimiser="muon", checkpoint=path)
        assert path.is_file()
        assert_equal(train(net(), optimiser="muon", checkpoint=path), undisturbed)


def test_an_interrupt_during_the_step_waits_until_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed, calls, real = train(net()), [], loop.ema_update

    def signalled(*args: Any) -> None:
        calls.append(threading.current_thread())
        if len(calls) == 3:  # the weights have moved, their average has not
            signal.raise_signal(signal.SIGINT)
        real(*args)

    monkeypatch.setattr(loop, "ema_update", signalled)
    with pytest.raises(Interrupted, match="Stopped after 3 of"):
        train(net(), checkpoint=tmp_path / "state")
    assert threading.main_thread() not in calls
    assert_equal(train(net(), checkpoint=tmp_path / "state"), undisturbed)


def test_a_checkpoint_of_whole_batches_is_not_gone_on_with_in_halves(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(net(), Stopping(2, 0, "forward"), checkpoint=tmp_path / "state")
    with pytest.raises(CourseError, match="halves = True, and this one has halves = None"):
        train(net(), checkpoint=tmp_path / "state", halves=False)


def test_outside_the_main_thread_it_trains_all_the_same() -> None:
    found: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(train(net())))
    thread.start()
    thread.join(60)
    assert_equal(found[0], train(net()))


def test_without_halves_a_training_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        pytest.fail("it was cut")

    monkeypatch.setattr("course_utils.training.halves.compute", never)
    monkeypatch.setattr("course_utils.training.halves.on_one_thread", never)
    assert len(train(net(), halves=False)["losses"]) == STEPS

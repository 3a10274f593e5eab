"""A training that was stopped, anywhere, and called again ends exactly where the undisturbed one ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.training import Fit, Interrupted, Shuffled, discard, fit

STEPS = 12


class Net(nn.Module):
    """Everything that has a state: running statistics, dropout's chance, and weights that lie channels last."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.Dropout(0.2), nn.Conv2d(width, 3, 3, padding=1)
        )
        self.register_buffer("schedule", torch.linspace(0, 1, 5))
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def net() -> Net:
    torch.manual_seed(3)
    return Net()


def noisy(x0: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return x0, torch.randn(x0.shape, generator=generator)


def batches() -> Shuffled:
    images = torch.rand(40, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return Shuffled(images, size=8, seed=1, make=noisy)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x0, eps = batch
    return (model(x0 + eps) - eps).square().mean()


def train(
    model: nn.Module, checkpoint: Path | None, batches: Any = None, loss: Callable[..., Tensor] = loss, **more: Any
) -> Fit:
    torch.manual_seed(7)  # where the dropout begins; a resumed run takes what was saved instead
    return fit(model, batches or globals()["batches"](), loss, STEPS, ema=0.9, checkpoint=checkpoint, **more)


def result(model: nn.Module, history: Fit) -> dict[str, Any]:
    assert history.ema is not None
    tensors = {**model.state_dict(), **{f"ema {k}": v for k, v in history.ema.state_dict().items()}}
    return {"losses": history.losses, "norms": history.norms, "images": history.images, **tensors}


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value) if isinstance(value, Tensor) else ours[key] == value, key


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    model = net()
    return result(model, train(model, None))


def no_step(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a training that is there already."""
    assert not model.training
    return loss(model, batch)


class Stopping:
    """Raises an interrupt at one step, in one place: as if Ctrl-C had come there."""

    def __init__(self, step: int, where: str) -> None:
        self.step, self.where, self.count = step, where, 0

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        if not model.training:  # the glance at the first batch, before a state is saved
            return loss(model, batch)
        self.count += 1
        if self.count - 1 != self.step:
            return loss(model, batch)
        if self.where == "before forward":
            raise KeyboardInterrupt
        value = loss(model, batch)  # the running statistics have moved, and dropout has drawn
        if self.where == "after forward":
            raise KeyboardInterrupt
        if self.where == "backward":
            value.register_hook(self.stop)
        if self.where == "signal":  # a real one, while the gradient is computed
            value.register_hook(lambda _: signal.raise_signal(signal.SIGINT))
        return value

    @staticmethod
    def stop(_: Tensor) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["before forward", "after forward", "backward", "signal"])
@pytest.mark.parametrize("step", [0, 1, 7, STEPS - 1])
def test_an_interrupt_anywhere_changes_nothing(
    undisturbed: dict[str, Any], tmp_path: Path, step: int, where: str
) -> None:
    path, model = tmp_path / "state.safetensors", net()
    with pytest.raises(
        Interrupted, match=rf"^Stopped after {step} of {STEPS} steps, which are kept in .*run this again"
    ):
        train(model, path, loss=Stopping(step, where).loss)
    assert not model.training
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["step"] == step

    model = net()
    history = train(model, path)
    assert_equal(result(model, history), undisturbed)
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["complete"]


def test_the_cell_can_be_run_again_with_the_model_and_the_batches_of_before(
    undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    model, source = net(), batches()
    for step in (3, 2):  # twice
        with pytest.raises(Interrupted):
            train(model, tmp_path / "state", source, Stopping(step, "backward").loss)
    assert_equal(result(model, train(model, tmp_path / "state", source)), undisturbed)
    assert_equal(result(model, train(model, tmp_path / "state", source, no_step)), undisturbed)  # complete: and again


@pytest.mark.parametrize("step", [1, 7])
def test_muon_goes_on_with_its_memory_too(tmp_path: Path, step: int) -> None:
    def deep() -> nn.Module:
        torch.manual_seed(3)
        layers = [nn.Conv2d(a, b, 3, padding=1) for a, b in ((3, 8), (8, 8), (8, 3))]
        return nn.Sequential(*layers).to(memory_format=torch.channels_last)

    whole, model = deep(), deep()
    wanted = result(whole, train(whole, None, optimiser="muon"))
    with pytest.raises(Interrupted):
        train(model, tmp_path / "state", loss=Stopping(step, "backward").loss, optimiser="muon")
    model = deep()
    assert_equal(result(model, train(model, tmp_path / "state", optimiser="muon")), wanted)


def test_an_interrupt_while_the_batch_is_drawn(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    class Slow(Shuffled):
        count = 0

        def __next__(self) -> Any:
            batch = super().__next__()
            self.count += 1
            if self.count == 6:  # the first one is drawn twice: once to tell by it which training this is
                raise KeyboardInterrupt
            return batch

    model, source = net(), batches()
    slow = Slow(*source.tensors, size=source.size, seed=1, make=noisy)
    with pytest.raises(Interrupted):
        train(model, tmp_path / "state", slow)
    assert_equal(result(model, train(model, tmp_path / "state", slow)), undisturbed)


def test_an_interrupt_during_the_step_waits_until_it_is_whole(
    undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from course_utils.training import loop

    calls = []

    def signalled(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 6:  # the weights have moved, their average has not
            signal.raise_signal(signal.SIGINT)
        real(*args)

    real = loop.ema_update
    monkeypatch.setattr(loop, "ema_update", signalled)
    model = net()
    with pytest.raises(Interrupted, match="Stopped after 6 of"):
        train(model, tmp_path / "state")
    assert_equal(result(model, train(model, tmp_path / "state")), undisturbed)


def test_an_interrupt_during_the_set_up_waits_for_its_end(
    undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PyTorch's first optimiser imports much, and an import that was cut short fails again and again.
    from course_utils.training import loop

    finished = []

    def signalled(*args: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        finished.append(True)
        return real(*args)

    real = loop.make_optimiser
    with monkeypatch.context() as patch:
        patch.setattr(loop, "make_optimiser", signalled)
        with pytest.raises(KeyboardInterrupt):
            train(net(), tmp_path / "state")
    assert finished
    model = net()
    assert_equal(result(model, train(model, tmp_path / "state")), undisturbed)


def test_a_crash_costs_the_steps_since_the_last_save_and_no_more(
    undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from course_utils.training import checkpoint

    monkeypatch.setattr(checkpoint, "SAVE_EVERY", 0.0)

    def crash(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        if model.training:
            crashing.append(1)
        if len(crashing) == 8:
            raise MemoryError
        return loss(model, batch)

    crashing: list[int] = []
    with pytest.raises(MemoryError):
        train(net(), tmp_path / "state", loss=crash)
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["step"] == 7
    model = net()
    assert_equal(result(model, train(model, tmp_path / "state")), undisturbed)


def test_batches_as_a_function_of_the_step_and_as_a_list(tmp_path: Path) -> None:
    drawn = [batch for batch, _ in zip(batches(), range(STEPS), strict=False)]
    results = []
    for source in (drawn, lambda step: drawn[step]):
        for step in (None, 5):
            model = net()
            if step is not None:
                with pytest.raises(Interrupted):
                    train(model, tmp_path / "state", source, Stopping(step, "backward").loss)
            results.append(result(model, train(model, tmp_path / "state", source)))
            discard(tmp_path / "state")
    for other in results[1:]:
        assert_equal(other, results[0])


SCRIPT = """
import sys, time, torch
from pathlib import Path
torch.set_num_threads({threads})  # sums depend on it in their last bit
sys.path[:0] = [{root!r}, {here!r}]
import test_training_resume as t
def slow(model, batch):
    value = t.loss(model, batch)
    if model.training:
        print("step", flush=True)
        time.sleep(0.1)
    return value
t.train(t.net(), Path({path!r}), loss=slow)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a single process")
def test_a_real_ctrl_c(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    here, path = Path(__file__).parent, tmp_path / "state"
    code = SCRIPT.format(root=str(here.parents[1]), here=str(here), path=str(path), threads=torch.get_num_threads())
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COURSE_QUIET": "1"},
    )
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    time.sleep(0.03)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode != 0 and "Stopped after" in error and "run this again" in error

    model = net()
    assert_equal(result(model, train(model, path)), undisturbed)


def test_outside_the_main_thread_it_trains_all_the_same(undisturbed: dict[str, Any], tmp_path: Path) -> None:
    results: list[dict[str, Any]] = []

    def run() -> None:
        model = net()
        results.append(result(model, train(model, tmp_path / "state")))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert_equal(results[0], undisturbed)


def stopped(path: Path) -> None:
    with pytest.raises(Interrupted):
        train(net(), path, loss=Stopping(4, "backward").loss)


@pytest.mark.parametrize("damage", ["cut", "digit", "header", "empty"])
def test_a_damaged_checkpoint_gets_a_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.safetensors"
    stopped(path)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-20:]
    elif damage == "digit":
        content[-40] ^= 1
    elif damage == "header":
        content[20] ^= 255
    else:
        content.clear()
    path.write_bytes(bytes(content))
    with pytest.raises(CourseError, match=r"state\.safetensors is damaged: delete it"):
        train(net(), path)


def test_a_checkpoint_of_another_network_gets_a_sentence(tmp_path: Path) -> None:
    stopped(tmp_path / "state")
    for other in (Net(width=4), nn.Conv2d(3, 3, 1), net().double()):
        before = {key: value.clone() for key, value in other.state_dict().items()}
        with pytest.raises(CourseError, match="is of another network: delete it to begin anew"):
            train(other, tmp_path / "state")
        assert all(torch.equal(value, before[key]) for key, value in other.state_dict().items())


def test_a_checkpoint_of_other_settings_gets_a_sentence(tmp_path: Path) -> None:
    stopped(tmp_path / "state")
    with pytest.raises(CourseError, match=r"learning_rate = 0\.001, and this one has learning_rate = 0\.01"):
        train(net(), tmp_path / "state", learning_rate=0.01)
    with pytest.raises(CourseError, match=r"clip = 1\.0, and this one has clip = None"):
        train(net(), tmp_path / "state", clip=None)
    with pytest.raises(CourseError, match=r"hold = None, and this one has hold = 0\.5"):
        train(net(), tmp_path / "state", hold=0.5)
    with pytest.raises(CourseError, match=r"momentum = None, and this one has momentum = 0\.8"):
        train(net(), tmp_path / "state", momentum=0.8)


def test_batches_that_cannot_be_resumed_get_a_sentence(tmp_path: Path) -> None:
    def endless() -> Iterator[Any]:
        yield from batches()

    with pytest.raises(CourseError, match="cannot be resumed"):
        train(net(), tmp_path / "state", endless())
    assert train(net(), None, endless()).steps == STEPS  # without a checkpoint they are good enough


def test_a_folder_that_cannot_be_written_to_is_noticed_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CourseError, match="cannot be written"):
        train(net(), tmp_path / "file" / "state", loss=no_step)


def test_without_a_checkpoint_an_interrupt_says_that_nothing_is_kept() -> None:
    model = net()
    with pytest.raises(Interrupted, match="the model keeps what it has learned so far") as caught:
        train(model, None, loss=Stopping(4, "backward").loss)
    assert not model.training
    assert caught.value._render_traceback_() == [str(caught.value)]
    assert not torch.equal(model.layers[0].weight, net().layers[0].weight)

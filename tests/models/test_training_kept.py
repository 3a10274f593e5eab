"""What stays of a training: its result, given at once to whoever asks for the same again, and to nobody else."""

from __future__ import annotations

import copy
import errno
import json
import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from course_utils import weights
from course_utils.errors import CourseError
from course_utils.runtime import Run
from course_utils.training import Fit, Interrupted, Shuffled, checkpoint_of, discard, fit
from course_utils.training.beginning import Beginning, alike, measured, same_loss

STEPS = 8
State = dict[str, Any]


class Net(nn.Module):
    def __init__(self, activation: Callable[[Tensor], Tensor] = torch.relu) -> None:
        super().__init__()
        self.inward, self.norm, self.drop = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2)
        self.outward, self.activation = nn.Conv2d(4, 1, 3, padding=1), activation

    def forward(self, x: Tensor) -> Tensor:
        return self.outward(self.drop(self.activation(self.norm(self.inward(x)))))


def net(seed: int = 3, **choices: Any) -> Net:
    torch.manual_seed(seed)
    return Net(**choices)


IMAGES = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def batch(step: int, size: int = 6, images: Tensor = IMAGES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    chosen = images[torch.randint(len(images), (size,), generator=generator)]
    return chosen, torch.randn(chosen.shape, generator=generator)


def shuffled(seed: int = 1) -> Shuffled:
    return Shuffled(IMAGES, size=6, seed=seed, make=lambda x, generator: (x, torch.randn(x.shape, generator=generator)))


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0] + batch[1]) - batch[1]).square().mean()


class Counting:
    """A loss that counts the steps, and can be stopped at one."""

    def __init__(self, stop_at: int | None = None, stop: type[BaseException] = KeyboardInterrupt) -> None:
        self.steps, self.stop_at, self.stop = 0, stop_at, stop

    def __call__(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        value = loss(model, batch)
        if model.training:
            if self.steps == self.stop_at:
                raise self.stop
            self.steps += 1
        return value


def train(model: nn.Module, path: Path | None, loss: Any = loss, batches: Any = batch, **more: Any) -> Fit:
    torch.manual_seed(7)
    return fit(model, batches, loss, more.pop("steps", STEPS), checkpoint=path, **{"ema": 0.9, **more})


def state(model: nn.Module, history: Fit) -> State:
    found: State = {"losses": history.losses, "norms": history.norms, "images": history.images}
    parts = {"model": model, "ema": history.ema, **history.kept}
    for name, part in parts.items():
        found |= {f"{name} {key}": value for key, value in part.state_dict().items()} if part is not None else {}
    return found


def same(ours: State, theirs: State) -> bool:
    return ours.keys() == theirs.keys() and all(
        torch.equal(ours[key], value) if isinstance(value, Tensor) else ours[key] == value
        for key, value in theirs.items()
    )


# ---------------------------------------------------------------- complete


@pytest.mark.parametrize("batches", [lambda: batch, shuffled, lambda: [batch(k) for k in range(STEPS)]])
def test_the_same_call_gives_the_result_at_once_after_a_restart(
    tmp_path: Path, batches: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path, first = tmp_path / "state.safetensors", net()
    before = train(first, path, batches=batches(), keep=(0, 3))
    chance = torch.get_rng_state()
    assert "Trained before" not in capsys.readouterr().out
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["complete"] and card["step"] == STEPS and "delete this file" in card["what"]

    again, counting = net(), Counting()
    history = train(again, path, counting, batches(), keep=(0, 3))
    assert counting.steps == 0 and not again.training
    assert same(state(again, history), state(first, before)) and history.seconds == before.seconds
    assert history.ema is not None and not history.ema.training and not any(m.training for m in history.kept.values())
    assert torch.equal(torch.get_rng_state(), chance)  # what is drawn below is what was drawn then
    said = f"Trained before, in {history.seconds:.0f} seconds. To train again, delete {path}.\n"
    assert capsys.readouterr().out.endswith(said)  # after a progress bar, if another test has left a shell here
    train(net(), path, counting, batches(), keep=(0, 3), quiet=True)
    assert counting.steps == 0 and capsys.readouterr().out == ""

    discard(path)
    assert list(tmp_path.iterdir()) == []
    anew = net()
    assert same(state(anew, train(anew, path, counting, batches(), keep=(0, 3))), state(first, before))
    assert counting.steps == STEPS


def test_the_same_call_gives_the_result_at_once_in_the_same_kernel(tmp_path: Path) -> None:
    model, source, counting = net(), shuffled(), Counting()
    before = state(model, train(model, tmp_path / "state", counting, source))
    assert same(state(model, train(model, tmp_path / "state", counting, source)), before)
    assert counting.steps == STEPS


def rounded(step: int) -> tuple[Tensor, Tensor]:
    """The last digits of another machine."""
    x, eps = batch(step)
    return x * (1 + 1e-7), eps - 1e-7


def test_the_last_digits_of_another_machine_are_no_difference(tmp_path: Path) -> None:
    train(net(), tmp_path / "state")
    counting, model = Counting(), net()
    with torch.no_grad():
        model.inward.weight *= 1 + 1e-7
    train(model, tmp_path / "state", counting, rounded)
    assert counting.steps == 0


def huber(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.huber_loss(model(batch[0] + batch[1]), batch[1])


def small() -> nn.Module:
    torch.manual_seed(3)
    return nn.Conv2d(1, 1, 3, padding=1)


OTHERS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], str]] = {
    "loss": (net, {"loss": huber}, r"another loss: [\d.]+ for its first batch, and here [\d.]+"),
    "activation": (lambda: net(activation=torch.tanh), {}, "another loss: "),
    "batch size": (net, {"batches": lambda step: batch(step, size=5)}, r"batches of \(6, 1, 6, 6\) .* \(5, 1, 6, 6\)"),
    "data": (net, {"batches": lambda step: batch(step, images=1 - IMAGES)}, "other data: its first batch is not the"),
    "order": (net, {"batches": lambda step: [x.flip(0) for x in batch(step)]}, "other data: "),
    "seed": (net, {"batches": lambda step: batch(step + 1)}, "other data: "),
    "way of the batches": (net, {"batches": shuffled()}, "batches from another seed"),
    "weights": (lambda: net(seed=4), {}, "a network that began with other weights"),
    "network": (small, {}, "another network"),
    "steps": (net, {"steps": 9}, "steps = 8, and this one has steps = 9"),
    "learning rate": (net, {"learning_rate": 0.01}, r"learning_rate = 0\.001, and this one has learning_rate = 0\.01"),
    "average": (net, {"ema": None}, r"ema = 0\.9, and this one has ema = None"),
    "copies": (net, {"keep": [2]}, r"keep = None, and this one has keep = \[2\]"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_training_begins_anew_and_says_so(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, changed, words = OTHERS[name]
    train(net(), tmp_path / "state")
    alone, model = make(), make()
    wanted = state(alone, train(alone, None, **copy.deepcopy(changed)))
    capsys.readouterr()
    found = state(model, train(model, tmp_path / "state", **copy.deepcopy(changed)))
    assert same(found, wanted), "what is trained beside an old checkpoint is not what is trained without"
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "begins anew" in said and re.search(words, said), said


@pytest.mark.parametrize("name", OTHERS)
def test_another_training_does_not_go_on_from_an_interrupted_one(tmp_path: Path, name: str) -> None:
    make, changed, words = OTHERS[name]
    path = tmp_path / "state.safetensors"
    with pytest.raises(Interrupted):
        train(net(), path, Counting(stop_at=4))
    model, file = make(), path.read_bytes()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(CourseError, match=words):
        train(model, path, **copy.deepcopy(changed))
    assert path.read_bytes() == file and same(dict(model.state_dict()), dict(before))
    model = net()
    whole = net()
    assert same(state(model, train(model, path)), state(whole, train(whole, None)))


def test_shuffled_batches_of_another_seed_are_told(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(net(), tmp_path / "state", Counting(stop_at=4), shuffled())
    with pytest.raises(CourseError, match="batches from another seed"):
        train(net(), tmp_path / "state", batches=shuffled(seed=2))


def test_what_is_measured_tells_tensors_apart() -> None:
    x = torch.randn(20, generator=torch.Generator().manual_seed(0))
    of_x = measured([x, torch.arange(3), torch.tensor([math.nan, math.inf]), torch.ones(0)])
    assert of_x.shape == (4, 3) and alike(of_x, of_x.clone())
    assert alike(measured([x]), measured([x.double() + 1e-8]))
    for other in (x * 1.001, x.flip(0), x + 0.001, torch.zeros(20)):
        assert not alike(measured([x]), measured([other])) and not alike(measured([other]), measured([x]))
    assert not alike(measured([x]), measured([x, x])) and not alike(measured([torch.arange(3)]), measured([x[:3]]))
    assert same_loss(0.5, 0.501) and not same_loss(0.5, 0.51) and same_loss(math.nan, math.nan)
    assert not same_loss(math.nan, 0.5) and not same_loss(0.5, math.nan)


def test_a_batch_may_be_nested_and_hold_what_is_no_tensor() -> None:
    parts = {"x": torch.ones(2, 3), "rest": (None, "a word", [torch.arange(2)], 5)}
    began = Beginning.of(net(), parts, None)
    assert began.shapes == "(2, 3) float32, (2,) int64, () int64"
    assert began.other_batches(Beginning.of(net(), {**parts, "rest": (None, "a word", [torch.arange(2)], 6)}, None))
    assert began.other_batches(Beginning.of(net(), dict(parts), None)) is None


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("with_checkpoint", [True, False])
@pytest.mark.parametrize("how", ["batch", "loss", "gradient"])
def test_after_a_nan_all_of_the_state_is_that_of_the_last_good_step(
    tmp_path: Path, how: str, with_checkpoint: bool
) -> None:
    def bad_batch(step: int) -> tuple[Tensor, Tensor]:
        x, eps = batch(step)
        return (x * math.nan, eps) if how == "batch" and step == 5 else (x, eps)

    def bad_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        value = good(model, batch)
        if model.training and good.steps == 6 and how != "batch":
            return value * math.nan if how == "loss" else (value - value.detach()).sqrt() + value
        return value

    wanted, good = net(), Counting()
    with pytest.raises(Interrupted):
        train(wanted, None, Counting(stop_at=5))
    model = net()
    path = tmp_path / "state" if with_checkpoint else None
    with pytest.raises(CourseError, match="became nan at step 5: lower the learning rate"):
        train(model, path, bad_loss, bad_batch)
    assert same(dict(model.state_dict()), dict(wanted.state_dict())) and model.norm.num_batches_tracked == 5
    assert not model.training and all(p.grad is None for p in model.parameters())


def test_an_interrupt_without_a_checkpoint_goes_back_to_the_last_step_too() -> None:
    model = net()
    with pytest.raises(Interrupted):
        train(model, None, Counting(stop_at=5))  # the sixth batch has moved the running statistics already
    assert model.norm.num_batches_tracked == 5


def test_after_a_failure_the_cell_can_be_run_again(tmp_path: Path) -> None:
    model, whole = net(), net()
    with pytest.raises(ConnectionError):
        train(model, tmp_path / "state", Counting(stop_at=5, stop=ConnectionError))
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["step"] == 5
    counting = Counting()
    assert same(state(model, train(model, tmp_path / "state", counting)), state(whole, train(whole, None)))
    assert counting.steps == STEPS - 5


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has room for the first state of a training, a file and its card, and for no other."""
    real, made = tempfile.mkstemp, []

    def mkstemp(*arguments: Any, **choices: Any) -> tuple[int, str]:
        made.append(True)
        if len(made) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **choices)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)


@pytest.mark.usefixtures("full_disk")
def test_a_disk_that_is_full_costs_no_training(tmp_path: Path) -> None:
    whole, model = net(), net()
    wanted = state(whole, train(whole, None))
    with pytest.warns(
        UserWarning, match=r"^The disk is full, so .* was not written: free some space.* training goes on"
    ):
        assert same(state(model, train(model, tmp_path / "state")), wanted)
    assert json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["step"] == 0


@pytest.mark.usefixtures("full_disk")
def test_an_interrupt_when_the_disk_is_full_says_so(tmp_path: Path) -> None:
    words = r"^Stopped after 5 of 8 steps, of which the last are not saved\. The disk is full, so .* was not written: "
    with pytest.raises(Interrupted, match=words):
        train(net(), tmp_path / "state", Counting(stop_at=5))


# ---------------------------------------------------------------- copies


def test_copies_are_of_the_steps_that_were_asked_for_and_survive_a_restart(tmp_path: Path) -> None:
    copied: dict[int, dict[str, Tensor]] = {}

    def watched(step: int) -> tuple[Tensor, Tensor]:
        if step in (0, 3, 6) and model.training:
            copied[step] = copy.deepcopy(model.state_dict())
        return batch(step)

    model = net()
    whole = state(model, train(model, None, batches=watched, keep=(6, 0, 3)))
    assert {f"{step} {key}" for step, found in copied.items() for key in found} < whole.keys()
    assert all(torch.equal(whole[f"{step} {key}"], x) for step, found in copied.items() for key, x in found.items())

    for stop_at in (0, 3, 5):
        with pytest.raises(Interrupted):
            train(net(), tmp_path / "state", Counting(stop_at), keep=(0, 3, 6))
        again = net()
        assert same(state(again, train(again, tmp_path / "state", keep=(6, 3, 0))), whole)
        assert list(train(net(), tmp_path / "state", keep=(6, 3, 0)).kept) == [0, 3, 6]
        discard(tmp_path / "state")


@pytest.mark.parametrize("step", [-1, STEPS])
def test_a_copy_of_a_step_that_there_is_not(step: int) -> None:
    with pytest.raises(CourseError, match=f"one of the steps 0 to 7, not of {step}"):
        train(net(), None, keep=(1, step))


# ---------------------------------------------------------------- where


def test_where_a_lesson_keeps_its_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run("04", "laptop", "digits", torch.device("cpu"))
    monkeypatch.setattr(weights, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("COURSE_TRAININGS", str(tmp_path / "own"))
    assert checkpoint_of(run) == tmp_path / "own" / "lesson04-training-digits-laptop.safetensors"
    monkeypatch.delenv("COURSE_TRAININGS")
    assert (
        checkpoint_of(run, "second") == tmp_path / "cache" / "trainings" / "lesson04-second-digits-laptop.safetensors"
    )

"""What the sentences about weights, trainings and studies tell a person to do, done."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from course_tools import cli, recipes
from course_utils import places, pretrained, weights
from course_utils.errors import CourseError
from course_utils.training import Recipe, Teachable, fit
from tests.remedies.table import remedy
from tests.sealed import FOLDERS

STEPS = 6


def batches(step: int) -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(step))


def train(path: Path, *, until: int = STEPS, wide: int = 2, quiet: bool = True, **choices: Any) -> Any:
    """A tiny training, interrupted by the keyboard after `until` steps."""
    torch.manual_seed(0)
    taken = 0

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        nonlocal taken
        taken += model.training  # what is asked for a checkpoint is no step
        if model.training and taken > until:
            raise KeyboardInterrupt
        return model(batch).square().mean()

    return fit(nn.Linear(3, wide), batches, loss, STEPS, checkpoint=path, quiet=quiet, **choices)


def stopped(path: Path, **choices: Any) -> str:
    with pytest.raises(KeyboardInterrupt) as caught:
        train(path, until=3, **choices)
    return str(caught.value)


@dataclass(frozen=True)
class Tiny(Teachable):
    """The training of a few numbers."""

    dataset: str = "digits"
    steps: int = 2
    batch: int = 4
    learning_rate: float = 1e-3

    def network(self) -> nn.Module:
        return nn.Linear(3, 2)

    def batches(self, seed: int, device: torch.device | str) -> Callable[[int], Tensor]:
        return batches

    def loss(self, model: nn.Module, batch: Tensor) -> Tensor:
        return model(batch).square().mean()


RECIPE = Recipe("small", "nothing", "02", Tiny(), 1, lambda *_: {}, "none")


# ---------------------------------------------------------------- unfinished trainings


@remedy("run this again, and it goes on from there.", "call `fit` again with the same settings, and it goes on")
def test_a_training_that_was_stopped(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    assert f"Stopped after 3 of {STEPS} steps, which are kept in {path}: run this again" in stopped(path)
    assert "call `fit` again" in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["what"]
    assert train(path, until=STEPS - 3).steps == STEPS


@remedy("calling `fit` again starts a new training from there (give it a `checkpoint` to be able to go on).")
def test_a_training_without_a_checkpoint() -> None:
    model = nn.Linear(3, 2)

    def loss(net: nn.Module, batch: Tensor) -> Tensor:
        if batch is stop:
            raise KeyboardInterrupt
        return net(batch).square().mean()

    stop = torch.ones(4, 3)
    with pytest.raises(KeyboardInterrupt, match="calling `fit` again starts a new training"):
        fit(model, lambda step: stop if step == 3 else batches(step), loss, STEPS, quiet=True)
    learned = model.weight.detach().clone()
    assert fit(model, batches, loss, STEPS, quiet=True).steps == STEPS
    assert not torch.equal(model.weight, learned)


@remedy("is damaged: delete it, and the training begins anew.")
def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    stopped(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CourseError, match="delete it, and the training begins anew"):
        train(path)
    path.unlink()
    assert train(path).steps == STEPS


@remedy("The checkpoint … is of …: delete it to begin anew, or choose another path.")
@pytest.mark.parametrize("do", ["delete it", "choose another path"])
@pytest.mark.parametrize("other", [{"wide": 5}, {"learning_rate": 0.02}])
def test_a_checkpoint_of_another_training(tmp_path: Path, do: str, other: dict[str, Any]) -> None:
    path = tmp_path / "state.safetensors"
    stopped(path)
    with pytest.raises(CourseError, match=do):
        train(path, **other)
    if do == "delete it":
        path.unlink()
    assert train(path if do == "delete it" else tmp_path / "other", **other).steps == STEPS


@remedy(
    "gives its result at once; delete this file to train again",
    "Trained before, in … seconds. To train again, delete ….",
)
def test_a_training_that_is_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "state.safetensors"
    train(path)
    assert (
        train(path, until=0, quiet=False).steps == STEPS and f"To train again, delete {path}" in capsys.readouterr().out
    )
    assert "delete this file" in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["what"]
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        train(path, until=0)


def test_an_own_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seal: Callable[..., None]
) -> None:
    """As lessons 04 and 12 train; COURSE_DATA_DIR, which may be read-only, has no say."""
    for variable in (places.DATA_VARIABLE, places.OWN_VARIABLE):
        monkeypatch.setenv(variable, str(tmp_path / "sealed"))
    seal(tmp_path / "sealed")
    with pytest.raises(CourseError, match="set COURSE_OWN_DIR to a folder that you may write to"):
        train(weights.cache() / "unfinished" / "lesson")
    monkeypatch.setenv(places.OWN_VARIABLE, str(tmp_path / "own"))
    assert train(weights.cache() / "unfinished" / "lesson").steps == STEPS


# ---------------------------------------------------------------- weights


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `weights/` of a checkout with two quickly trained networks in it; one's own folder is empty."""
    folder = tmp_path / "course" / "weights"
    folder.mkdir(parents=True)
    (folder.parent / "pyproject.toml").write_text("", encoding="utf-8")
    monkeypatch.setattr(places, "checkout", lambda: folder.parent)
    monkeypatch.setenv(places.OWN_VARIABLE, str(tmp_path / "own"))
    monkeypatch.setattr(recipes, "find", lambda name: RECIPE)
    recipes.train("small", "laptop", quiet=True)
    return folder


def load() -> dict[str, Any]:
    return weights.load("small", RECIPE.training.network())


@remedy("restore them with git, or make them anew with `course train …`")
@pytest.mark.parametrize("do", ["restore them with git", "make them anew with `course train small`"])
@pytest.mark.parametrize("damage", ["file", "card", "no file", "another network"])
def test_damaged_weights(checkout: Path, monkeypatch: pytest.MonkeyPatch, damage: str, do: str) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not here")

    def run(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        subprocess.run([git, *identity, *arguments], cwd=checkout, check=True, capture_output=True, env=environment)

    for arguments in (["init"], ["add", "."], ["commit", "-m", "weights"]):
        run(*arguments)
    if damage == "another network":
        weights.save("small", nn.Linear(5, 2), {})
    elif damage == "no file":
        (checkout / "small.safetensors").unlink()
    else:
        (checkout / f"small.{'safetensors' if damage == 'file' else 'json'}").write_bytes(b"{")
    with pytest.raises(CourseError, match=do):
        load()
    if do == "restore them with git":
        run("checkout", "--", ".")
    else:
        assert CliRunner().invoke(cli.app, ["train", "small", "--preset", "laptop"]).exit_code == 0
    assert load()["steps"] == 2


@remedy("know the noise of another schedule than ddpm-… has: make them anew with `course train …`.")
def test_a_classifier_of_another_schedule(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = pretrained.readers.steering_recipe("flowers")
    small = replace(recipe, training=replace(recipe.training, steps=2, pool=64), judge=lambda *_: {})
    monkeypatch.setattr(recipes, "find", lambda name: small)
    weights.save(recipe.name, small.training.network(), {**small.about(), "schedule": "another"})
    with pytest.raises(CourseError, match=f"`course train {recipe.name}`"):
        pretrained.noisy_classifier("flowers")
    assert CliRunner().invoke(cli.app, ["train", recipe.name, "--preset", "laptop"]).exit_code == 0
    pretrained.noisy_classifier("flowers")


@remedy("copy the course to a folder that you may write to, and work there")
def test_a_checkout_that_can_only_be_read(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seal: Callable[..., None]
) -> None:
    seal(checkout.parent)
    asked = CliRunner().invoke(cli.app, ["train", "small", "--preset", "laptop"])
    assert asked.exit_code == 1
    assert "(Read-only file system): copy the course to a folder that you may write to, and work" in asked.output
    copy = Path(shutil.copytree(checkout.parent, tmp_path / "copy"))
    monkeypatch.setattr(places, "checkout", lambda: copy)
    again = CliRunner().invoke(cli.app, ["train", "small", "--preset", "laptop"])
    assert again.exit_code == 0 and not FOLDERS.keys() & {str(copy)}


def test_a_full_disk_keeps_the_weights_of_before(checkout: Path, seal: Callable[..., None]) -> None:
    before = {path.name: path.read_bytes() for path in checkout.iterdir()}
    seal(checkout, errno.ENOSPC)
    with pytest.raises(CourseError, match=r"The disk is full, so .* was not written: free some space\.$"):
        weights.save("small", nn.Linear(2, 2), {})
    FOLDERS.clear()
    assert {path.name: path.read_bytes() for path in checkout.iterdir()} == before
    weights.save("small", nn.Linear(2, 2), {})
    assert weights.load("small", nn.Linear(2, 2))["name"] == "small"

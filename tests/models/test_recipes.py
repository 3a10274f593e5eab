"""Recipes run, and the weights that come with the course are those that their cards describe."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from course_tools import recipes
from course_utils import data, pretrained, slices, training, weights
from course_utils.errors import CourseError
from course_utils.metrics.recogniser_training import BY_DATASET, channels_of, noisy_batches
from course_utils.models import RecogniserNet
from course_utils.pretrained import DiffusionTraining, diffusion_trainings, judging
from course_utils.pretrained.judging import JUDGED_ON
from course_utils.pretrained.recipes import find
from course_utils.pretrained.recipes import recipes as every_recipe
from course_utils.samplers import sample_ddim

FOLDER = Path(__file__).resolve().parents[2] / "weights"
SHIPPED = sorted(file.stem for file in FOLDER.glob("*.safetensors"))
COMMON = {
    "name", "recipe", "what", "data", "fingerprint", "steps", "batch", "seed", "seconds", "cpu_seconds",
    "machine", "torch", "metrics", "parameters", "stored_as", "bytes", "sha256",
}  # fmt: skip
CARD_KEYS = COMMON | {"classes"}
DDPM_KEYS = COMMON | {
    "schedule",
    "times",
    "predicts",
    "network",
    "size",
    "optimiser",
    "learning_rate",
    "ema",
    "loss",
    "samples",
}


def test_the_course_comes_with_recognisers() -> None:
    assert {f"recogniser-{d}" for d in ("flowers", "digits", "mnist", "cifar10")} <= set(SHIPPED)


def test_every_card_has_its_weights_and_every_weights_their_card() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.json")) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_is_complete_and_agrees_with_its_file(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    card, content = json.loads(text), (FOLDER / f"{name}.safetensors").read_bytes()
    assert set(card) >= COMMON
    assert card["name"] == name and card["recipe"] in every_recipe()
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    assert card["bytes"] == len(content) < 4_000_000
    assert card["seconds"] > 0 and card["metrics"]
    assert card["steps"] == find(name).training.steps, "the card is not of the full recipe"
    assert not re.search(r"[/\\]|localhost|\.local\b", text), "a card names no path and no host"


@pytest.mark.parametrize("name", [n for n in SHIPPED if n.startswith("recogniser-")])
def test_a_recogniser_is_the_network_of_its_card(name: str) -> None:
    card = weights.card(name, folder=FOLDER)
    assert set(card) == CARD_KEYS and card["metrics"]["held_out_images"] >= 300
    net = RecogniserNet(channels_of(name.removeprefix("recogniser-")), len(card["classes"]))
    weights.load(name, net, folder=FOLDER)
    assert card["parameters"] == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", diffusion_trainings())
def test_a_diffusion_model_is_the_one_of_its_card_and_shows_samples(name: str) -> None:
    plan = diffusion_trainings()[name]
    model = pretrained.guided(plan.dataset, plan.size) if plan.classes else pretrained.ddpm(plan.dataset)
    keys = DDPM_KEYS | {"classes", "p_uncond"} if plan.classes else DDPM_KEYS
    said = {name for name in ("momentum", "hold") if getattr(plan, name) is not None}
    assert set(model.card) == keys | said and model.card["metrics"]["images"] == JUDGED_ON[plan.size]
    assert model.classes == (tuple(weights.card(f"recogniser-{plan.dataset}")["classes"]) if plan.classes else ())
    assert model.card["parameters"] == sum(p.numel() for p in model.model.parameters())
    with Image.open(FOLDER / model.card["samples"]) as grid:
        assert grid.size == (10 * plan.size * 4, (plan.classes or 5) * plan.size * 4)
    drawn = sample_ddim(model.predict, model.noise(4, torch.Generator().manual_seed(0)), model.alpha_bar, 5, clip=True)
    assert drawn.shape == (4, plan.channels, plan.size, plan.size) and drawn.std() > 0.2


def test_a_data_set_without_a_model_is_told_of_those_with_one() -> None:
    assert not pretrained.available_ddpm("fashion_mnist")
    with pytest.raises(CourseError, match="only ddpm-flowers, ddpm-mnist"):
        pretrained.ddpm("fashion_mnist")
    assert not pretrained.available_guided("flowers", size=64)
    with pytest.raises(CourseError, match="only guided-flowers, guided-mnist"):
        pretrained.guided("flowers", size=64)
    with pytest.raises(CourseError, match="trained without classes"):
        pretrained.ddpm("flowers").guided(torch.tensor([0]), 1.0)


@pytest.mark.parametrize("name", ["ddpm-flowers", "guided-flowers"])
def test_a_smoke_run_of_a_diffusion_model_trains_judges_and_stores(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(weights, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(judging, "STEPS", 4)  # nobody looks at these pictures
    monkeypatch.setattr(judging, "GUIDED_STEPS", 4)
    card = recipes.train(name, "smoke", folder=tmp_path, quiet=True)
    assert set(card) >= DDPM_KEYS and card["steps"] == recipes.SMOKE
    assert {file.name for file in tmp_path.glob("*.*")} == {f"{name}.{end}" for end in ("json", "png", "safetensors")}


@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize("dataset", ["flowers", "digits"])
def test_the_batches_of_a_diffusion_model_repeat_step_by_step(dataset: str, classes: int) -> None:
    channels = 3 if dataset == "flowers" else 1
    plan = DiffusionTraining(dataset, channels=channels, batch=4, classes=classes, p_uncond=0.5)
    first, again, other = plan.batches(0), plan.batches(0), plan.batches(1)
    for step in (0, 17, 1):  # in any order
        assert all(torch.equal(a, b) for a, b in zip(first(step)[:3], again(step)[:3], strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(first(step)[:3], other(step)[:3], strict=True))
        x0, t, eps, cond = first(step)
        assert x0.shape == eps.shape == (4, plan.channels, 16, 16) and t.min() >= 1 and t.max() <= plan.T
        assert (cond is None) == (classes == 0)
        assert cond is None or (torch.equal(cond, again(step)[3]) and cond.min() >= 0 and cond.max() <= classes)


def test_the_flowers_are_still_those_that_the_recogniser_learnt() -> None:
    then, now = weights.card("recogniser-flowers")["fingerprint"], data.fingerprint("flowers")
    assert now == pytest.approx(then, abs=2e-3), (
        "The drawing of flowers has changed since their recogniser was trained: run `course train recogniser-flowers`."
    )
    assert max(now) - min(now) > 0.05  # different flowers, so that the comparison says something


def test_the_classes_on_the_cards_are_the_data_sets() -> None:
    for dataset in ("flowers", "digits"):
        assert tuple(weights.card(f"recogniser-{dataset}")["classes"]) == data.load(dataset, n=1).classes


def test_a_smoke_run_trains_judges_and_stores(tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in FOLDER.iterdir()}
    card = recipes.train("recogniser-digits", "smoke", folder=tmp_path, quiet=True)
    assert set(card) == CARD_KEYS and card["steps"] == recipes.SMOKE
    assert weights.load("recogniser-digits", RecogniserNet(1, 10), folder=tmp_path) == card
    for row in card["metrics"]["accuracy"].values():
        assert "clean" in row and all(0 <= share <= 1 for share in row.values())
    assert {file: file.read_bytes() for file in FOLDER.iterdir()} == before


def test_a_smoke_run_goes_nowhere_near_the_good_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def follow(recipe: training.Recipe, **arguments: object) -> dict[str, object]:
        asked.update(arguments, name=recipe.name)
        return {}

    monkeypatch.setattr(training, "make", follow)
    monkeypatch.setattr(weights, "cache", lambda: tmp_path)
    recipes.train("recogniser-digits", "smoke")
    smoke = {"steps": recipes.SMOKE, "device": "cpu", "folder": tmp_path / "smoke", "quiet": False}
    assert asked == {"name": "recogniser-digits", **smoke}
    recipes.train("recogniser-digits", "laptop")
    assert asked["steps"] is None and asked["folder"] is None  # as many as the recipe says
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    recipes.train("recogniser-digits")
    assert asked["steps"] == recipes.SMOKE
    recipes.train("recogniser-digits", "laptop")  # the environment wins, as it does for a lesson
    assert asked["steps"] == recipes.SMOKE


def test_lecture_trains_nothing() -> None:
    assert recipes.train("recogniser-digits", "lecture") == weights.card("recogniser-digits")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(CourseError, match=r"no recipe 'nothing': choose one of .*recogniser-flowers"):
        recipes.train("nothing")
    with pytest.raises(CourseError, match="no preset 'fast': set preset to auto, smoke"):
        recipes.train("recogniser-digits", "fast")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_the_gpu_preset_without_a_gpu_is_refused() -> None:
    with pytest.raises(CourseError, match="needs a CUDA GPU"):
        recipes.train("recogniser-digits", "gpu")


@pytest.mark.parametrize("dataset", ["flowers", "digits"])
def test_batches_repeat_with_their_seed_and_come_in_every_size(dataset: str) -> None:
    def draw(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        batches = noisy_batches(BY_DATASET[dataset], torch.Generator().manual_seed(seed))
        return [batch for batch, _ in zip(batches, BY_DATASET[dataset].sizes, strict=False)]

    first, again, other = draw(0), draw(0), draw(1)
    assert [x.shape[-1] for x, _ in first] == list(BY_DATASET[dataset].sizes)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    assert not torch.equal(first[0][1], first[2][1])  # a new choice of images each time


def test_a_stream_is_replayed_from_its_beginning() -> None:
    begun = []

    def begin() -> Iterator[int]:
        begun.append(True)
        yield from range(100)

    batch = training.replayed(begin)
    assert [batch(k) for k in (0, 1, 2)] == [0, 1, 2] and len(begun) == 1
    assert batch(7) == 7 and len(begun) == 1  # what lies between is skipped
    assert batch(3) == 3 and len(begun) == 2  # back means from the beginning


def test_an_interrupted_recipe_goes_on_and_gives_the_same_weights(tmp_path: Path, monkeypatch) -> None:
    """A recogniser's batches come from streams that depend on each other, which is the hardest case."""
    recipe = find("recogniser-digits")
    whole = training.make(recipe, steps=6, folder=tmp_path / "whole", quiet=True)
    stop_at = {"step": 3}
    loss = type(recipe.training).loss

    def stopped(self: object, model: torch.nn.Module, batch: object) -> torch.Tensor:
        stop_at["step"] -= 1
        if stop_at["step"] == -1:
            raise KeyboardInterrupt
        return loss(self, model, batch)

    monkeypatch.setattr(type(recipe.training), "loss", stopped)
    with pytest.raises(training.Interrupted):
        training.make(recipe, steps=6, folder=tmp_path / "parts", quiet=True)
    assert list((tmp_path / "parts" / "unfinished").glob("*.safetensors"))
    assert training.make(recipe, steps=6, folder=tmp_path / "parts", quiet=True)["sha256"] == whole["sha256"]
    assert not list((tmp_path / "parts" / "unfinished").iterdir())


@pytest.mark.parametrize("where", ["judge", "save", "grid"])
def test_an_interrupt_while_the_result_is_judged_loses_no_training(tmp_path: Path, monkeypatch, where: str) -> None:
    """The checkpoint goes when weights, card and grid are stored, not before."""
    recipe = replace(find("recogniser-digits"), grid=lambda net, training, device: b"a picture")
    whole = training.make(recipe, steps=6, folder=tmp_path / "whole", quiet=True)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if where == "save":
            patch.setattr(weights, "save", stop)
        stopped = recipe if where == "save" else replace(recipe, **{where: stop})
        with pytest.raises(training.Interrupted, match=r"recogniser-digits was trained .* kept in .* run this again"):
            training.make(stopped, steps=6, folder=tmp_path / "parts", quiet=True)
    assert len(list((tmp_path / "parts" / "unfinished").glob("*.safetensors"))) == 1

    loss = type(recipe.training).loss

    def no_step(self: object, model: torch.nn.Module, batch: object) -> torch.Tensor:
        assert not model.training, "it trains again"
        return loss(self, model, batch)

    monkeypatch.setattr(type(recipe.training), "loss", no_step)
    assert training.make(recipe, steps=6, folder=tmp_path / "parts", quiet=True)["sha256"] == whole["sha256"]
    assert not list((tmp_path / "parts" / "unfinished").iterdir())
    assert (tmp_path / "parts" / "recogniser-digits.png").read_bytes() == b"a picture"


def test_two_recipes_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from course_utils.lessons.lesson02 import recipes as of_a_slice

    assert "denoiser-flowers" in every_recipe() and slices.has("02", "recipes")
    monkeypatch.setattr(of_a_slice, "RECIPES", (find("ddpm-flowers"),))
    with pytest.raises(CourseError, match=r"Two recipes are called 'ddpm-flowers': rename the one in .*lesson02"):
        every_recipe()


def test_a_card_says_what_is_unusual_of_a_training() -> None:
    usual = DiffusionTraining().describe()
    assert usual["network"] == "U-Net, width 24" and not {"momentum", "hold"} & set(usual)
    flat = DiffusionTraining(multipliers=(1, 2, 3), attention=(False,) * 3, optimiser="muon", momentum=0.9, hold=0.7)
    assert flat.describe()["network"] == "U-Net, width 24, levels 1 2 3, no attention"
    assert (
        (flat.describe()["momentum"], flat.describe()["hold"])
        == (0.9, 0.7)
        == (
            flat.choices()["momentum"],
            flat.choices()["hold"],
        )
    )
    assert DiffusionTraining(attention=(False, True, True)).describe()["network"].endswith("attention on level 2 3")
    assert sum(p.numel() for p in flat.network().parameters()) == 581_067

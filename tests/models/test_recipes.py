"""Recipes run, and the weights that come with the course are those that their cards describe."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from course_tools import recipes
from course_utils import data, pretrained, weights
from course_utils.errors import CourseError
from course_utils.metrics.recogniser_training import PLANS, channels_of, fingerprint, noisy_batches
from course_utils.models import RecogniserNet
from course_utils.pretrained import PLANS as DDPM_PLANS
from course_utils.pretrained import Plan, judging
from course_utils.pretrained.training import JUDGED_ON, batches
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
    assert card["name"] == name and card["recipe"] in recipes.RECIPES
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    assert card["bytes"] == len(content) < 4_000_000
    assert card["seconds"] > 0 and card["metrics"]
    assert card["steps"] == recipes.RECIPES[name].steps["laptop"], "the card is not of the full recipe"
    assert not re.search(r"[/\\]|localhost|\.local\b", text), "a card names no path and no host"


def test_all_weights_together_stay_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.glob("*.safetensors")) < 40_000_000


@pytest.mark.parametrize("name", [n for n in SHIPPED if n.startswith("recogniser-")])
def test_a_recogniser_is_the_network_of_its_card(name: str) -> None:
    card = weights.card(name, folder=FOLDER)
    assert set(card) == CARD_KEYS and card["metrics"]["held_out_images"] >= 300
    net = RecogniserNet(channels_of(name.removeprefix("recogniser-")), len(card["classes"]))
    weights.load(name, net, folder=FOLDER)
    assert card["parameters"] == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", DDPM_PLANS)
def test_a_diffusion_model_is_the_one_of_its_card_and_shows_samples(name: str) -> None:
    plan = DDPM_PLANS[name]
    model = pretrained.guided(plan.dataset, plan.size) if plan.classes else pretrained.ddpm(plan.dataset)
    keys = DDPM_KEYS | {"classes", "p_uncond"} if plan.classes else DDPM_KEYS
    assert set(model.card) == keys and model.card["metrics"]["images"] == JUDGED_ON[plan.size]
    assert model.classes == (data.load(plan.dataset, n=1).classes if plan.classes else ())
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
    assert set(card) >= DDPM_KEYS and card["steps"] == recipes.RECIPES[name].steps["smoke"]
    assert {file.name for file in tmp_path.glob("*.*")} == {f"{name}.{end}" for end in ("json", "png", "safetensors")}


@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize("dataset", ["flowers", "digits"])
def test_the_batches_of_a_diffusion_model_repeat_step_by_step(dataset: str, classes: int) -> None:
    plan = Plan(dataset, 3 if dataset == "flowers" else 1, batch=4, classes=classes, p_uncond=0.5)
    first, again, other = batches(plan, 0), batches(plan, 0), batches(plan, 1)
    for step in (0, 17, 1):  # in any order
        assert all(torch.equal(a, b) for a, b in zip(first(step)[:3], again(step)[:3], strict=True))
        assert not any(torch.equal(a, b) for a, b in zip(first(step)[:3], other(step)[:3], strict=True))
        x0, t, eps, cond = first(step)
        assert x0.shape == eps.shape == (4, plan.channels, 16, 16) and t.min() >= 1 and t.max() <= plan.T
        assert (cond is None) == (classes == 0)
        assert cond is None or (torch.equal(cond, again(step)[3]) and cond.min() >= 0 and cond.max() <= classes)


def test_the_flowers_are_still_those_that_the_recogniser_learnt() -> None:
    then, now = weights.card("recogniser-flowers")["fingerprint"], fingerprint("flowers")
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
    assert set(card) == CARD_KEYS and card["steps"] == recipes.RECIPES["recogniser-digits"].steps["smoke"]
    assert weights.load("recogniser-digits", RecogniserNet(1, 10), folder=tmp_path) == card
    for row in card["metrics"]["accuracy"].values():
        assert "clean" in row and all(0 <= share <= 1 for share in row.values())
    assert {file: file.read_bytes() for file in FOLDER.iterdir()} == before


def test_a_smoke_run_goes_nowhere_near_the_good_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def run(**arguments: object) -> dict[str, object]:
        asked.update(arguments)
        return {}

    recipe = recipes.Recipe("try", "", 0, {"smoke": 1, "laptop": 2, "gpu": 3}, run)
    monkeypatch.setitem(recipes.RECIPES, "try", recipe)
    monkeypatch.setattr(weights, "cache", lambda: tmp_path)
    recipes.train("try", "smoke")
    assert asked == {"steps": 1, "device": "cpu", "folder": tmp_path / "smoke", "quiet": False}
    recipes.train("try", "laptop")
    assert asked["steps"] == 2 and asked["folder"] is None
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    recipes.train("try")
    assert asked["steps"] == 1
    recipes.train("try", "laptop")  # the environment wins, as it does for a lesson
    assert asked["steps"] == 1


def test_lecture_trains_nothing() -> None:
    assert recipes.train("recogniser-digits", "lecture") == weights.card("recogniser-digits")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(CourseError, match="no recipe 'nothing': choose one of recogniser-flowers"):
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
        batches = noisy_batches(dataset, torch.Generator().manual_seed(seed))
        return [batch for batch, _ in zip(batches, PLANS[dataset].sizes, strict=False)]

    first, again, other = draw(0), draw(0), draw(1)
    assert [x.shape[-1] for x, _ in first] == list(PLANS[dataset].sizes)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    assert not torch.equal(first[0][1], first[2][1])  # a new choice of images each time

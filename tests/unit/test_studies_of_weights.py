"""Studies that judge stored weights: stale once these are trained again, and never run without them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from course_utils import slices, studies, weights
from course_utils.errors import CourseError
from course_utils.studies import Study, storage
from course_utils.studies import study as registry


@dataclass(frozen=True)
class Look:
    """Which net is judged, and how."""

    net: str = "net-a"
    steps: int = 5


def judge(look: Look, seed: int) -> dict[str, Any]:
    net = torch.nn.Linear(1, 1)
    weights.load(look.net, net)
    return {"height": net.weight.item() + seed}


def looks(**more: Any) -> Study:
    chosen = {"weights": lambda look: (look.net,), "run": judge, "seeds": (0, 1), **more}
    return Study("looks", "98", "two nets", {"a": Look(), "b": Look("net-b")}, **chosen)


def train(name: str, value: float) -> None:
    net = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(net.weight, value)
    torch.nn.init.zeros_(net.bias)
    weights.save(name, net, {"recipe": "a test"})


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Study]:
    """One study of two nets, and folders of its own for the results and the weights."""
    known = {"looks": looks()}
    monkeypatch.setattr(weights, "_checkout", lambda: tmp_path / "weights")
    monkeypatch.setattr(slices, "HOME", tmp_path)
    for module in (registry, studies, studies.runner):
        monkeypatch.setattr(module, "studies", lambda lesson=None: known)
    train("net-a", 1.0)
    train("net-b", 2.0)
    return known


def run(study: Study | None = None, **more: Any) -> int:
    return studies.run([study or looks()], quiet=True, **more)


def test_the_digests_are_stored_with_the_runs() -> None:
    assert run() == 4 and run() == 0
    stored = json.loads(storage.file_of(looks()).read_text(encoding="utf-8"))["variants"]
    assert stored["a"]["weights"] == {"net-a": weights.card("net-a")["sha256"]}
    assert stored["b"]["weights"] == {"net-b": weights.card("net-b")["sha256"]}


def test_a_study_without_weights_stores_none() -> None:
    plain = looks(weights=())
    run(plain)
    assert "weights" not in json.loads(storage.file_of(looks()).read_text(encoding="utf-8"))["variants"]["a"]
    train("net-a", 3.0)
    assert studies.stale(plain) is None


def test_only_what_was_trained_again_runs_again() -> None:
    run()
    train("net-b", 3.0)
    sentence = r"other settings \(b: the weights 'net-b' were trained again\): run `course claims looks`"
    with pytest.raises(CourseError, match=sentence):
        studies.load("looks", "height")
    assert run() == 2
    assert studies.load("looks", "height").runs["b"].tolist() == [3, 4]


def test_the_same_weights_anew_change_nothing() -> None:
    run()
    train("net-a", 1.0)
    assert studies.stale(looks()) is None


def test_a_list_of_names_counts_for_every_variant() -> None:
    both = looks(weights=("net-a", "net-b"))
    run(both)
    train("net-b", 3.0)
    assert "a: the weights 'net-b' were trained again" in (studies.stale(both) or "")
    assert run(both) == 4


def test_runs_from_before_it_was_asked_are_not_trusted() -> None:
    run(looks(weights=()))
    assert "the weights 'net-a' of then are not known" in (studies.stale(looks()) or "")
    assert run() == 4


def test_equal_runs_of_other_weights_are_not_shared(world: dict[str, Study]) -> None:
    run()
    world["twin"] = twin = replace(looks(), name="twin")
    train("net-a", 5.0)
    assert run(twin) == 2  # those of "b" are copied
    assert studies.load("twin", "height").runs["a"].tolist() == [5, 6]


def test_without_the_weights_nothing_is_loaded_or_run(tmp_path: Path) -> None:
    run()
    (tmp_path / "weights" / "net-b.safetensors").unlink()
    assert "b: the weights 'net-b' are not here" in (studies.stale(looks()) or "")
    with pytest.raises(CourseError, match=r"no weights 'net-b' with their card here: .*`course train net-b`"):
        run()


def test_weights_that_change_during_a_run_are_noticed() -> None:
    def restless(look: Look, seed: int) -> dict[str, Any]:
        train("net-a", 10.0 + seed)
        return judge(look, seed)

    with pytest.raises(CourseError, match="Weights that the study 'looks' judges were trained again while it ran"):
        run(looks(run=restless))

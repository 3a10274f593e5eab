"""What is noted of stored weights and results while a lesson runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from course_utils import record, studies, weights
from course_utils.errors import CourseError
from course_utils.studies import storage


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout and a cache of their own, and a file for the notes."""
    monkeypatch.setattr(weights, "_checkout", lambda: tmp_path / "checkout")
    monkeypatch.setattr(weights, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv(record.VARIABLE, str(tmp_path / "notes"))
    return tmp_path


def store(folder: Path, name: str) -> str:
    weights.save(name, torch.nn.Linear(1, 1), {}, folder=folder)
    return str(weights.card(name, folder=folder)["sha256"])


def noted(places: Path) -> record.Loaded:
    return record.read(places / "notes")


@pytest.mark.parametrize("use", [lambda n: weights.load(n, torch.nn.Linear(1, 1)), weights.card, weights.path])
def test_committed_weights_are_noted_with_their_digest(places, use):
    digest = store(places / "checkout", "net")
    assert noted(places) == {}, "a folder that is named is nobody's checkout"
    assert weights.available("net")
    assert noted(places) == {"weights": {"net": record.THERE}}
    use("net")
    assert noted(places) == {"weights": {"net": digest}}


def test_weights_of_the_cache_are_noted_as_missing_from_the_checkout(places):
    store(places / "cache", "net")
    assert weights.available("net")
    weights.load("net", torch.nn.Linear(1, 1))
    assert noted(places) == {"weights": {"net": None}}


def test_weights_that_are_nowhere_are_noted_as_missing(places):
    assert not weights.available("net")
    with pytest.raises(CourseError):
        weights.load("other", torch.nn.Linear(1, 1))
    assert noted(places) == {"weights": {"net": None, "other": None}}


def test_results_are_noted_with_their_digest(places):
    study = studies.find("ema")
    studies.settings("ema")
    content = storage.file_of(study).read_bytes()
    assert noted(places)["results"] == {"ema": record.digest_of_results(content)}
    assert record.digest_of_results(content.replace(b"\n", b"\r\n")) == record.digest_of_results(content)


def test_nothing_is_noted_unless_somebody_asks(places, monkeypatch):
    monkeypatch.delenv(record.VARIABLE)
    weights.available("net")
    studies.settings("ema")
    assert not (places / "notes").exists()

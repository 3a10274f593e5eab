"""Stored runs carry the digest of the code that made them, and are stale by it where somebody asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from course_tools.editions import Course, adopt
from course_tools.editions.study_code import study_digests
from course_utils import slices, studies
from course_utils.studies import Arm, Study, run_arm, storage


@dataclass(frozen=True)
class Fake:
    slope: int = 1


def quick(settings: Fake, seed: int) -> dict[str, Any]:
    return {"height": settings.slope + seed}


SLOPES = Study("slopes", "98", "how steep", {"one": Fake(), "two": Fake(2)}, run=quick)


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"slopes": SLOPES}
    monkeypatch.setattr(slices, "HOME", tmp_path)
    monkeypatch.setattr(studies.runner, "studies", lambda: listed)
    monkeypatch.setattr(studies, "studies", lambda: listed)
    monkeypatch.setattr(studies, "find", listed.__getitem__)


def run(code: str | None) -> int:
    return studies.run([SLOPES], quiet=True, code=(lambda study: code) if code else None)


def test_runs_of_other_code_are_made_again() -> None:
    assert run("1") == 6 and run("1") == 0
    assert studies.stale(SLOPES, "1") is None
    assert "one: the code that makes them has changed" in (studies.stale(SLOPES, "2") or "")
    assert studies.stale(SLOPES) is None, "a lesson does not ask"
    assert run(None) == 0
    assert run("2") == 6 and studies.stale(SLOPES, "2") is None


def test_runs_of_unknown_code_are_adopted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adopt, "study_digests", lambda course: lambda study: "1")
    run(None)
    assert "the code that makes them of then is not known" in (studies.stale(SLOPES, "1") or "")
    assert adopt.adopt() == ["slopes"] and studies.stale(SLOPES, "1") is None
    assert adopt.adopt() == []
    monkeypatch.setattr(adopt, "study_digests", lambda course: lambda study: "2")
    assert adopt.adopt() == [], "code that has changed is adopted by name alone"
    assert adopt.adopt(["slopes"]) == ["slopes"] and studies.stale(SLOPES, "2") is None


def test_other_words_and_fewer_seeds_take_no_run() -> None:
    run("1")
    fewer = replace(SLOPES, says="how flat", seeds=(0, 1))
    assert studies.run([fewer], quiet=True, code=lambda study: "1") == 0
    stored = storage.read(fewer)
    assert stored["says"] == "how flat" and list(stored["variants"]["one"]["runs"]) == ["0", "1"]


def test_the_code_of_a_study_is_what_its_run_and_its_settings_reach() -> None:
    code = study_digests()
    arms = Study("arms", "04", "", {"a": Arm()})
    assert code(arms) == code(replace(arms, variants={"b": Arm(T=10)})), "settings are compared by themselves"
    assert code(arms) != code(replace(arms, variants={"b": {"T": 10}}))
    assert code(arms) != code(replace(arms, run=quick))
    assert run_arm.__module__.endswith("trial")


def test_the_code_of_a_study_changes_with_what_it_reaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "p" / "__init__.py"
    module.parent.mkdir()
    text = "def go(settings, seed):\n    return deep()\n\ndef deep():\n    return 1\n"
    module.write_text(text, encoding="utf-8")
    monkeypatch.setattr(quick, "__module__", "p")
    monkeypatch.setattr(quick, "__qualname__", "go")
    course = Course(root=tmp_path, package="p")
    before = study_digests(course)(SLOPES)
    module.write_text(text.replace("1", "2"), encoding="utf-8")
    assert study_digests(course)(SLOPES) != before

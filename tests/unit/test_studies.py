"""Studies: run by run, resumable, shared where settings are equal, and refused where they are stale."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from course_tools import claims
from course_tools.cli import app
from course_utils import slices, studies
from course_utils.errors import CourseError
from course_utils.experiments import claim
from course_utils.studies import Arm, Study, storage
from course_utils.studies import study as registry

CALLS: list[tuple[int, int]] = []


@dataclass(frozen=True)
class Fake:
    slope: int = 1
    points: int = 3


def quick(settings: Fake, seed: int) -> dict[str, Any]:
    CALLS.append((settings.slope, seed))
    curve = [settings.slope * (k + seed / 10) for k in range(settings.points)]
    return {"height": curve[-1], "curve": curve}


def slopes(**more: Any) -> Study:
    return Study("slopes", "98", "how steep", {"one": Fake(), "two": Fake(2)}, run=quick, **more)


def others() -> Study:
    return Study("others", "99", "how steep, too", {"three": Fake(3), "two again": Fake(2)}, run=quick)


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Study]:
    """Two fast studies in the place of the real ones, and a folder for their results."""
    known = {study.name: study for study in (slopes(), others())}

    def listed(lesson: str | None = None) -> dict[str, Study]:
        return {n: s for n, s in known.items() if lesson in (None, s.lesson)}

    monkeypatch.setattr(slices, "HOME", tmp_path)
    monkeypatch.setattr(registry, "studies", listed)
    monkeypatch.setattr(studies, "studies", listed)
    monkeypatch.setattr(studies.runner, "studies", listed)
    CALLS.clear()
    return known


def run(*chosen: Study, **more: Any) -> int:
    return studies.run(chosen or [slopes()], quiet=True, **more)


def test_every_variant_runs_with_every_seed_and_loads_as_a_comparison() -> None:
    assert run() == 6
    assert sorted(CALLS) == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    height = studies.load("slopes", "height")
    assert height.figure == "height" and height.seeds == (0, 1, 2) and list(height.runs) == ["one", "two"]
    np.testing.assert_allclose(height.runs["two"], [4, 4.2, 4.4])
    assert studies.load("slopes", "curve").runs["one"].shape == (3, 3)
    assert claim("two is steeper", "a test", height, more="two", less="one").verdict == "holds here"


def test_what_is_stored_is_not_run_again_unless_forced() -> None:
    run()
    assert run() == 0 and len(CALLS) == 6
    assert run(force=True) == 6 and len(CALLS) == 12


def test_an_interrupt_loses_only_the_current_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def tired(settings: Fake, seed: int) -> dict[str, Any]:
        if len(CALLS) == 4:
            raise KeyboardInterrupt
        return quick(settings, seed)

    tired.__name__, tired.__module__ = quick.__name__, quick.__module__
    with pytest.raises(KeyboardInterrupt, match="4 of 6 runs are done and stored; the same command goes on"):
        run(replace(slopes(), run=tired))
    assert run() == 2 and len(CALLS) == 6
    assert len(set(CALLS)) == 6
    assert studies.stale(slopes()) is None


def test_equal_runs_are_shared_between_studies() -> None:
    assert run(slopes(), others()) == 9  # not 12
    assert studies.load("others", "height").runs["two again"].tolist() == [4, 4.2, 4.4]


def test_equal_runs_are_shared_with_what_is_on_disk() -> None:
    run(slopes())
    assert run(others()) == 3 and {slope for slope, _ in CALLS[6:]} == {3}


def test_runs_of_another_function_or_version_are_not_shared(world: dict[str, Study]) -> None:
    run(slopes())
    world["others"] = replace(others(), version=2)
    assert run(world["others"]) == 6


def test_other_settings_make_it_stale_and_only_the_changed_variant_runs_again(world: dict[str, Study]) -> None:
    run()
    world["slopes"] = replace(slopes(), variants={"one": Fake(), "two": Fake(2, points=5)})
    sentence = (
        r"^The study 'slopes' was made under other settings \(two: points was 3 and is 5 now\): run `course claims"
    )
    with pytest.raises(CourseError, match=sentence):
        studies.load("slopes", "height")
    with pytest.raises(CourseError, match=sentence):
        studies.settings("slopes")
    assert run(world["slopes"]) == 3
    assert studies.load("slopes", "curve").runs["one"].shape == (3, 3)


def test_a_new_version_or_function_makes_it_stale(world: dict[str, Study]) -> None:
    run()
    assert "made by" in (studies.stale(replace(slopes(), version=2)) or "")
    assert "made by" in (studies.stale(replace(slopes(), run=lambda *_: {})) or "")


def test_missing_runs_and_variants_are_named(world: dict[str, Study]) -> None:
    with pytest.raises(CourseError, match="'slopes' has not been run yet: run `course claims slopes`"):
        studies.load("slopes", "height")
    run()
    more = replace(slopes(), seeds=(0, 1, 2, 3))
    assert studies.stale(more) == ("The study 'slopes' lacks the run of 'one' with seed 3: run `course claims slopes`.")
    assert run(more) == 2
    assert "has no runs of 'new' yet" in (studies.stale(replace(slopes(), variants={"new": Fake(7)})) or "")


def test_settings_say_what_is_shared_and_what_differs() -> None:
    run()
    told = studies.settings("slopes")
    assert told["shared"] == {"points": 3} and told["variants"] == {"one": {"slope": 1}, "two": {"slope": 2}}
    assert told["seeds"] == [0, 1, 2] and told["study"] == "how steep" and told["torch"] and told["machine"]


def test_the_file_is_the_same_after_a_rerun_and_readable(tmp_path: Path) -> None:
    run()
    stored = json.loads(storage.file_of(slopes()).read_text(encoding="utf-8"))
    assert list(stored["variants"]) == ["one", "two"] and list(stored["variants"]["one"]["runs"]) == ["0", "1", "2"]
    assert '"curve": [0.1, 1.1, 2.1]' in storage.file_of(slopes()).read_text(encoding="utf-8")
    again = tmp_path / "again"
    again.mkdir()
    storage.file_of(slopes()).rename(again / "slopes.json")
    run()
    assert _without_times(storage.file_of(slopes())) == _without_times(again / "slopes.json")


def _without_times(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if "cpu_seconds" not in line]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"variants": 3, "machine": "", "torch": ""}'])
def test_a_damaged_file_gets_a_sentence_and_is_mended_by_a_run(content: str) -> None:
    storage.file_of(slopes()).parent.mkdir(parents=True)
    storage.file_of(slopes()).write_text(content, encoding="utf-8")
    with pytest.raises(CourseError, match="'slopes' cannot be read"):
        studies.load("slopes", "height")
    assert run() == 6 and studies.stale(slopes()) is None


def test_figures_that_are_no_numbers_are_refused() -> None:
    bad = replace(slopes(), run=lambda settings, seed: {"height": float("nan")})
    with pytest.raises(CourseError, match="'one' with seed 0 gave a height that is not finite"):
        run(bad)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: studies.find("nothing"), "no study 'nothing': choose one of slopes, others"),
        (lambda: studies.load("nothing", "height"), "no study 'nothing'"),
        (lambda: Study("Bad name", "04", "", {"a": Fake()}), "cannot name a study"),
        (lambda: Study("empty", "04", "", {}), "at least one variant"),
        (lambda: Study("one", "04", "", {"a": Fake()}, weights="net"), r"a sequence of weights: \('net',\)"),
        (lambda: Arm(kind="epsilon"), "no kind 'epsilon': choose one of eps, x0, v"),
        (lambda: Arm(noise="learned"), "must learn it"),
        (lambda: Arm(variance="learned", kind="v"), "goes with kind='eps'"),
        (lambda: Arm(forward="all at once"), "set kind='x0'"),
    ],
)
def test_bad_names_and_settings_get_a_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(CourseError, match=sentence):
        call()


def test_a_figure_that_there_is_not_is_named_with_those_that_there_are() -> None:
    run()
    with pytest.raises(CourseError, match="no figure 'depth': choose one of height, curve"):
        studies.load("slopes", "depth")


def test_a_setting_that_is_new_in_the_arm_does_not_make_old_runs_stale() -> None:
    study = Study("arms", "98", "two arms", {"as it was": Arm(), "v": Arm(kind="v")})
    old = {"kind": study.kind, "settings": {"width": 16}, "runs": {}}
    assert storage.difference(old, study, "as it was") is None
    assert storage.difference(old, study, "v") == "kind was eps and is v now"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "write", lambda: True)
    invoke = CliRunner().invoke
    listed = invoke(app, ["claims", "--list"], env={"COLUMNS": "200"})
    assert listed.exit_code == 0 and "slopes" in listed.output and "0 of  6 runs" in listed.output
    assert CALLS == []
    done = invoke(app, ["claims", "slopes", "--workers", "1"])
    assert done.exit_code == 0 and "6 runs made" in done.output and "`course build 98`" in done.output
    assert "fresh" in invoke(app, ["claims", "--list", "--lesson", "98"], env={"COLUMNS": "200"}).output
    assert invoke(app, ["claims", "slopes", "--force", "--workers", "1"]).output.count("6 runs made") == 1
    bad = invoke(app, ["claims", "nothing"])
    assert bad.exit_code == 1 and "There is no study 'nothing'" in bad.output

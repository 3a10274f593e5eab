"""Runs in processes of their own: the same figures as one by one, stored run by run, stopped and resumed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from course_tools import claims
from course_tools.cli import app
from course_utils import slices, studies
from course_utils.errors import CourseError
from course_utils.studies import Study, storage
from course_utils.studies import study as registry
from course_utils.studies.runner import Job, _next
from course_utils.studies.workers import Worker

MODULE = '''
import os, time, torch
from pathlib import Path

FOLDER = Path(__file__).parent


def quick(settings, seed):
    """Sums whose last digit depends on the threads, and who made them."""
    (FOLDER / f"ran {settings['slope']} {seed} {os.getpid()}").touch()
    x = torch.rand(300_000, generator=torch.Generator().manual_seed(seed)) * settings["slope"]
    return {"height": (x - 0.4).sum().item(), "threads": torch.get_num_threads()}


def failing(settings, seed):
    raise ZeroDivisionError("no good")


def dying(settings, seed):
    os._exit(3)


def endless(settings, seed):
    if seed:
        (FOLDER / f"waiting {os.getpid()}").touch()
        time.sleep(600)
    return {"height": 1.0}
'''

SCRIPT = """
import sys
from pathlib import Path
from course_utils import slices, studies
from course_utils.studies import Study, runner, study
import some_runs

if __name__ == "__main__":
    one = Study("slopes", "98", "how steep", {"one": {"slope": 1}, "two": {"slope": 2}}, run=some_runs.endless)
    slices.HOME = Path(sys.argv[1])
    study.studies = runner.studies = studies.studies = lambda lesson=None: {"slopes": one}
    studies.run([one], quiet=True, workers=2)
"""


@pytest.fixture
def slopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study whose runs are functions of a module that a new process finds."""
    (tmp_path / "some_runs.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_runs", raising=False)
    import some_runs  # type: ignore[import-not-found]

    study = Study("slopes", "98", "how steep", {"one": {"slope": 1}, "two": {"slope": 2}}, run=some_runs.quick)
    monkeypatch.setattr(slices, "HOME", tmp_path)
    for module in (registry, studies, studies.runner):
        monkeypatch.setattr(module, "studies", lambda lesson=None: {"slopes": study})
    return study


def stored(study: Study) -> dict[str, Any]:
    found = json.loads(storage.file_of(study).read_text(encoding="utf-8"))
    for variant in found["variants"].values():
        for run in variant["runs"].values():
            del run["cpu_seconds"]
    return found


def made_by(folder: Path) -> set[str]:
    return {path.name.split()[-1] for path in folder.glob("ran *")}


def test_the_figures_are_those_of_one_by_one(slopes: Study, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert studies.run([slopes], quiet=True) == 6
        assert torch.get_num_threads() == 2
        assert made_by(tmp_path) == {str(os.getpid())}
        alone = stored(slopes)
        assert "1 of" in alone["machine"] and studies.load("slopes", "threads").runs["one"].tolist() == [1, 1, 1]
        for path in tmp_path.glob("ran *"):
            path.unlink()
        assert studies.run([slopes], quiet=True, force=True, workers=2) == 6
        assert stored(slopes) == alone
        assert len(made_by(tmp_path)) == 2 and str(os.getpid()) not in made_by(tmp_path)
        assert studies.run([slopes], quiet=True, workers=2) == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert not multiprocessing.active_children()


def test_the_command_uses_workers(slopes: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "write", lambda: True)
    done = CliRunner().invoke(app, ["claims", "slopes", "--workers", "2"])
    assert done.exit_code == 0 and "6 runs made" in done.output
    assert str(os.getpid()) not in made_by(tmp_path)
    none = CliRunner().invoke(app, ["claims", "slopes", "--workers", "0"])
    assert none.exit_code == 1 and "1 worker or more" in none.output


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("failing", "ZeroDivisionError: no good"), ("dying", "A process that made a run has died")],
)
def test_a_run_that_fails_ends_it_with_a_sentence(slopes: Study, name: str, sentence: str) -> None:
    import some_runs

    with pytest.raises(CourseError, match=sentence):
        studies.run([replace(slopes, run=getattr(some_runs, name))], quiet=True, workers=2)
    assert not multiprocessing.active_children()


def test_a_run_that_no_other_process_knows_gets_a_sentence(slopes: Study) -> None:
    with pytest.raises(CourseError, match="cannot be given to another process"):
        studies.run([replace(slopes, run=lambda settings, seed: {"height": 1.0})], quiet=True, workers=2)
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a single process")
def test_ctrl_c_stops_all_and_keeps_what_is_done(slopes: Study, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    limit = time.monotonic() + 120
    while len(list(tmp_path.glob("waiting *"))) < 2 and time.monotonic() < limit:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to all processes
    _, error = process.communicate(timeout=60)
    assert "Stopped: 2 of 6 runs are done and stored; the same command goes on from there." in error
    workers = [int(path.name.split()[1]) for path in tmp_path.glob("waiting *")]
    assert len(workers) == 2
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert {label: list(v["runs"]) for label, v in stored(slopes)["variants"].items()} == {"one": ["0"], "two": ["0"]}


class Somebody(Worker[Job]):
    def __init__(self, task: Job | None, group: object) -> None:
        self.task, self.group = task, group


def test_what_shares_a_training_is_one_workers_work() -> None:
    study = Study("arms", "98", "", {"a": studies.Arm(), "b": studies.Arm(sampler="ddpm"), "c": studies.Arm(kind="v")})
    a, b, c = (Job(study, label, 0, {}, None) for label in "abc")
    assert a.order == b.order != c.order
    idle = Somebody(None, None)
    assert _next(idle, [idle], [a, b, c]) is a
    busy = Somebody(a, a.order)
    assert _next(idle, [busy, idle], [b, c]) is c
    assert _next(idle, [busy, idle], [b]) is None  # the other one has the training
    done = Somebody(None, a.order)
    assert _next(done, [done, idle], [c, b]) is b
    assert _next(done, [done, idle], [c]) is c

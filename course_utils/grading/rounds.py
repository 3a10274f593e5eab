"""Running graded notebooks: one pytest process a run, in a private temporary folder, its findings read from a file.

A run ends at the first hang, crash or flood, since nothing after it could be trusted. `grade_rounds` then runs the
lesson again without the culprit until every exercise has a verdict, so that nobody loses the points of the other
exercises. Who is hit by a crash need not have caused it, so a suspect is run once more alone before it is blamed. At
most three runs an exercise are needed, mostly one in all.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil

import course_utils
from course_utils.grading.answers import ANSWERED, Answer
from course_utils.grading.assemble import GUARD_NAME, LIMIT_BYTES, assemble
from course_utils.grading.canonical import Canonical

PLUGIN_NAME = "course_grade_plugin"  # what plugin.py is called in the run's folder
START_SECONDS = 90.0  # for pytest and the kernel to come up on a busy machine


@dataclass(frozen=True)
class Limits:
    """Seconds: for an answer cell and for a check; for a set-up cell; for the whole grade."""

    answer: float = 20.0
    setup: float = 180.0
    total: float = 900.0


@dataclass
class RunResult:
    """What one run reported.

    Attributes:
        records: one dict a cell that ended, in order.
        culprit: the record of the cell in which the run broke off; None if it came to its end.
        spare: what pytest printed, for when there is nothing else to say.
        seconds: wall time.
    """

    records: list[dict[str, Any]]
    culprit: dict[str, Any] | None
    spare: str
    seconds: float
    finished: bool


@dataclass
class Findings:
    """What all runs together found.

    Attributes:
        records: for each exercise, the records of its cells in the run that decided it.
        events: for each exercise that broke its run: "died", "timeout", "flood" or "parent".
        strays: exercises in whose cells a run broke off although they do no harm alone.
        problem: why the grade could not be finished, in a sentence; "" if it was.
        setup_errors: sentences about set-up cells of the course that failed.
        runs: every run.
    """

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    strays: set[str] = field(default_factory=set)
    problem: str = ""
    setup_errors: list[str] = field(default_factory=list)
    runs: list[RunResult] = field(default_factory=list)
    secret: str = field(default_factory=lambda: secrets.token_hex(8))


def grade_rounds(canonical: Canonical, answers: dict[str, Answer], limits: Limits) -> Findings:
    """Run the lesson until every exercise that was answered has a verdict, or an event that explains why not."""
    findings = Findings()
    wanted = [name for name in canonical.exercises if answers[name].state == ANSWERED]
    out: set[str] = set()  # those whose cell must not run again
    unchecked: set[str] = set()  # those whose cell may run, but whose answer must not be called again
    started = time.monotonic()
    while wanted:
        if time.monotonic() - started > limits.total:
            findings.problem = f"The grade was stopped after {limits.total:.0f} s: too many answers hang or crash."
            return findings
        included = [name for name in wanted if name not in out]
        result = _run(canonical, answers, included, limits, findings.secret, unchecked)
        findings.runs.append(result)
        _collect(findings, result, set(included) - unchecked)
        if result.culprit is None:
            if not result.finished or any(name not in findings.records for name in set(included) - unchecked):
                findings.problem = f"The grade broke off before its end. {_tail(result.spare)}".strip()
            return findings
        suspect = _suspect(result)
        if suspect is None or suspect in out:
            findings.problem = (
                f"The lesson's own cells did not run ({_words(result.culprit)}), so nothing after them was graded: "
                f"try `course doctor`. {_tail(result.spare)}"
            ).strip()
            return findings
        if suspect in unchecked or result.culprit.get("role") == "answer":
            out.add(suspect)
        if suspect in unchecked:
            continue  # it has its verdict
        unchecked.add(suspect)
        if _is_plain(result, suspect):
            findings.events[suspect] = result.culprit  # no second opinion is needed
            findings.records.pop(suspect, None)
            continue
        alone = _run(canonical, answers, [suspect], limits, findings.secret)
        findings.runs.append(alone)
        if alone.culprit is None and alone.finished:
            findings.strays.add(suspect)
            _collect(findings, alone, [suspect])
        else:
            findings.events[suspect] = alone.culprit or result.culprit
            findings.records.pop(suspect, None)
    return findings


def _collect(findings: Findings, result: RunResult, included: Collection[str]) -> None:
    """Keep, for each exercise of this run, the records of its cells, if its check came to an end.

    A later run overwrites an earlier one, since it has fewer trouble-makers in it; but not a pass, which may lean on
    what stands in a trouble-maker's cell.
    """
    for name in included:
        own = [record for record in result.records if record["exercise"] == name]
        done = any(record["role"] == "guard" and findings.secret in record["text"] for record in own)
        before = findings.records.get(name, [])
        if done and not any(record["role"] == "check" and record["passed"] for record in before):
            findings.records[name] = own
    findings.setup_errors = [
        f"One of the course's own cells failed ({record['ename']}: {record['evalue'][:200]}): try `course doctor`."
        for record in result.records
        if record["ename"] and not record["exercise"]
    ][:1]


def _suspect(result: RunResult) -> str | None:
    """The exercise in whose cells the run broke off; between exercises, the last one that ran an answer."""
    assert result.culprit is not None
    own = str(result.culprit.get("exercise", ""))
    answered = [record["exercise"] for record in result.records if record["role"] == "answer"]
    if result.culprit.get("role") == "answer" or own in answered:
        return own
    return answered[-1] if answered else None


def _is_plain(result: RunResult, suspect: str) -> bool:
    """Whether the suspect is to blame beyond doubt: its own cell hung, or nobody else's answer had run before it."""
    assert result.culprit is not None
    own = result.culprit.get("exercise") == suspect
    others = {record["exercise"] for record in result.records if record["role"] == "answer"} - {suspect}
    return own and (result.culprit["event"] in ("timeout", "flood") or not others)


def _run(
    canonical: Canonical,
    answers: dict[str, Answer],
    include: list[str],
    limits: Limits,
    secret: str,
    unchecked: Collection[str] = (),
) -> RunResult:
    """One pytest process over the notebook with these answers in it."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="course-grade-"))
    try:
        notebook = assemble(canonical, answers, include, secret, unchecked)
        nbformat.write(notebook, str(folder / "graded.ipynb"))
        shutil.copyfile(Path(__file__).with_name("guard.py"), folder / f"{GUARD_NAME}_{secret}.py")
        shutil.copyfile(Path(__file__).with_name("plugin.py"), folder / f"{PLUGIN_NAME}.py")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        settings = {
            "report": str(folder / "report.jsonl"),
            "limit_bytes": LIMIT_BYTES,
            "timeouts": {
                "answer": limits.answer,
                "check": limits.answer,
                "guard": limits.setup,
                "setup": limits.setup,
            },
        }
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        with (folder / "pytest.log").open("wb") as log:
            process = subprocess.Popen(
                _command(folder), cwd=folder, env=_environment(folder), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(START_SECONDS + limits.setup + limits.answer * (2 * len(include) + 1))
            finally:
                _end(process, folder)
        spare = (folder / "pytest.log").read_text(encoding="utf-8", errors="replace")
        records, culprit, finished = _read(folder / "report.jsonl")
        return RunResult(records, culprit, spare, time.monotonic() - began, finished)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command(folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=no", "--color=no",
        "-p", "no:cacheprovider", "-p", PLUGIN_NAME, "-p", "nbval.plugin",
        "--nbval-lax", "--nbval-current-env", f"--nbval-kernel-startup-timeout={START_SECONDS:.0f}",
        "--rootdir", str(folder), "graded.ipynb",
    ]  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    """The caller's environment, without its pytest, with private Jupyter folders and the preset `smoke`."""
    home = Path(course_utils.__file__).resolve().parent.parent
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    env.update(
        COURSE_PRESET="smoke",
        COURSE_GRADE_CONFIG=str(folder / "settings.json"),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTHONPATH=os.pathsep.join([str(folder), str(home), *filter(None, [os.environ.get("PYTHONPATH", "")])]),
        PYTHONUTF8="1",
        IPYTHONDIR=str(folder / "ipython"),
        JUPYTER_CONFIG_DIR=str(folder / "config"),
        JUPYTER_RUNTIME_DIR=str(folder / "runtime"),
        JUPYTER_PLATFORM_DIRS="1",
    )
    return env


def _read(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any] | None, bool]:
    """The records of the cells that ended, the one at which the run broke off, and whether pytest came to its end."""
    records: list[dict[str, Any]] = []
    begun, finished = None, False
    for line in _lines(path):
        if line.get("kind") == "begin":
            begun = line
        elif line.get("kind") == "end":
            begun = None
            if line["event"]:
                return records, line, True
            records.append(line)
        elif line.get("kind") == "finish":
            finished = True
    if begun is not None:  # pytest itself went away in the middle of a cell
        return records, {**begun, "event": "parent"}, False
    return records, None, finished


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            value = json.loads(text)
        except ValueError:
            continue  # the last line, cut off
        if isinstance(value, dict):
            lines.append(value)
    return lines


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End pytest and what it started: the kernel too, which outlives a pytest that was killed."""
    doomed: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        doomed = psutil.Process(process.pid).children(recursive=True)
    for line in _lines(folder / "report.jsonl"):
        if line.get("kernel"):
            pid, born = line["kernel"]
            with contextlib.suppress(psutil.NoSuchProcess):
                kernel = psutil.Process(pid)
                if abs(kernel.create_time() - born) < 1:  # not another process with a number used again
                    doomed += [kernel, *kernel.children(recursive=True)]
            break
    if process.poll() is None:
        process.kill()
    for child in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def _words(culprit: dict[str, Any]) -> str:
    words = {"timeout": "one hung", "died": "the kernel ended", "flood": "one printed without end"}
    return words.get(culprit["event"], "the run was ended from outside")


def _tail(spare: str) -> str:
    """The last telling line of what pytest printed."""
    lines = [line.strip() for line in spare.splitlines() if line.strip() and not set(line.strip()) <= set("=.FEsx ")]
    return f"The last word was: {lines[-1][:200]}" if lines else ""

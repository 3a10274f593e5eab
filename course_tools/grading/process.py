"""One run of a graded notebook: a pytest process in a private temporary folder, and its findings read from a file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

import course_utils
from course_tools.grading.answers import Answer
from course_tools.grading.assemble import GUARD_NAME, LIMIT_BYTES, assemble
from course_tools.grading.canonical import Canonical
from course_tools.grading.private import environment, python_path
from course_utils.environment import PRESET_VARIABLE, TRAININGS_VARIABLE, without_backend
from course_utils.places import is_unwritable, unwritable

PLUGIN_NAME = "course_grade_plugin"  # what plugin.py is called in the run's folder
_CACHES = shutil.ignore_patterns("__pycache__")
ROOM = 1 << 18  # bytes that a run needs at least for its notebook, its log and the kernel's files
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


def run(
    canonical: Canonical,
    answers: dict[str, Answer],
    include: list[str],
    limits: Limits,
    secret: str,
    unchecked: Collection[str] = (),
) -> RunResult:
    """One pytest process over the notebook with these answers in it.

    Raises:
        UnwritableError: there is no room in the folder of temporary files.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="course-grade-", ignore_cleanup_errors=True) as name:
            return _run_in(
                Path(name), assemble(canonical, answers, include, secret, unchecked), limits, len(include), secret
            )
    except OSError as error:
        if is_unwritable(error):
            raise unwritable(Path(tempfile.gettempdir()), error, "TMPDIR") from error
        raise


def _run_in(folder: Path, notebook: Any, limits: Limits, included: int, secret: str) -> RunResult:
    """The run in its folder."""
    began = time.monotonic()
    nbformat.write(notebook, str(folder / "graded.ipynb"))
    shutil.copytree(Path(__file__).with_name("guard"), folder / f"{GUARD_NAME}_{secret}", ignore=_CACHES)
    shutil.copyfile(Path(__file__).with_name("plugin.py"), folder / f"{PLUGIN_NAME}.py")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    settings = {
        "report": str(folder / "report.jsonl"),
        "limit_bytes": LIMIT_BYTES,
        "secret": secret,
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
                process.wait(START_SECONDS + limits.setup + limits.answer * (2 * included + 1))
        finally:
            _end(process, folder)
    spare = (folder / "pytest.log").read_text(encoding="utf-8", errors="replace")
    records, culprit, finished = _read(folder / "report.jsonl")
    if not finished:  # was it for want of room? Then this fails too, and says so
        (folder / "room").write_bytes(bytes(ROOM))
    return RunResult(records, culprit, spare, time.monotonic() - began, finished)


def _command(folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=no", "--color=no",
        "-p", "no:cacheprovider", "-p", PLUGIN_NAME, "-p", "nbval.plugin",
        "--nbval-lax", "--nbval-current-env", f"--nbval-kernel-startup-timeout={START_SECONDS:.0f}",
        "--rootdir", str(folder), "graded.ipynb",
    ]  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    """The caller's environment, without its pytest, with private folders and the preset `smoke`."""
    home = Path(course_utils.__file__).resolve().parent.parent
    own = without_backend(environment(folder))
    env = {key: value for key, value in own.items() if not key.startswith(("PYTEST_", "COV_"))}
    paths = [python_path(folder), str(folder), str(home), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    env.update(
        **{PRESET_VARIABLE: "smoke", TRAININGS_VARIABLE: str(folder / "trainings")},
        COURSE_GRADE_CONFIG=str(folder / "settings.json"),
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        PYTHONPATH=os.pathsep.join(paths),
        PYTHONUTF8="1",
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

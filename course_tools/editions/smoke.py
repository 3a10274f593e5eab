"""The gate that runs a notebook through nbval under the preset `smoke`, as a person would on the command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from course_tools.editions import kept
from course_tools.editions.engine import kernel_environment
from course_tools.editions.notebooks import read_notebook
from course_tools.editions.solution import tidy
from course_utils.environment import TRAININGS_VARIABLE

_FAILED = re.compile(r"^FAILED .*?::(?P<cell>[^:]*Cell \d+)(?P<rest>.*)$", re.MULTILINE)
_PASSED = re.compile(r"(\d+) passed")
_PLUGIN = "course_kept_plugin"  # what kept.py is called in the run's folder


@dataclass(frozen=True)
class Validation:
    """What nbval says of a notebook.

    Attributes:
        complaints: one sentence for each cell that fails.
        notebook: a tidied copy with the outputs of this run; None if it did not get so far.
    """

    complaints: list[str]
    notebook: NotebookNode | None


def through_nbval(notebook: Path, root: Path, preset: str = "smoke", cell_timeout: int = 240) -> Validation:
    """Run `pytest --nbval-lax` on a notebook in a process of its own.

    Lax means that a cell must run, and that the outputs of cells tagged `nbval-check-output` must be as recorded:
    these are the checks, and their line is the same under every preset.

    Args:
        notebook: an executed notebook.
        root: put on PYTHONPATH.
        preset: what COURSE_PRESET says to the lesson.
        cell_timeout: seconds a cell may take.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = folder / "pytest.ini"  # so that no other configuration or conftest has a say
        settings.write_text("[pytest]\n", encoding="utf-8")
        shutil.copyfile(kept.__file__, folder / f"{_PLUGIN}.py")
        command = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", _PLUGIN, "-p", "no:cacheprovider"]
        command += ["-q", "-rf", "--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={cell_timeout}"]
        command += ["-c", str(settings), "--rootdir", str(notebook.parent), "--color=no"]
        command += [notebook.name]  # from its folder: in a whole path pytest would take a [ for parameters of a test
        done = subprocess.run(
            command,
            env=_environment(root, preset, folder),
            cwd=notebook.parent,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        ran = folder / "kept.ipynb"
        executed = tidy(read_notebook(ran), like=read_notebook(notebook)) if ran.is_file() else None
    return Validation(_complaints(notebook.name, done), executed)


def _complaints(name: str, done: subprocess.CompletedProcess[str]) -> list[str]:
    passed = _PASSED.search(done.stdout)
    if done.returncode == 0 and passed and int(passed[1]) > 0:
        return []
    failed = [f"{name}: nbval fails {hit['cell']}{hit['rest'][:200]}." for hit in _FAILED.finditer(done.stdout)]
    if failed:
        return failed
    tail = " ".join((done.stdout + done.stderr).split())[-500:]
    return [f"{name}: nbval did not finish (exit status {done.returncode}): {tail}"]


def _environment(root: Path, preset: str, folder: Path) -> dict[str, str]:
    """A kernel's environment, without what an outer pytest put there; the plugin lies in `folder`."""
    env = {key: value for key, value in kernel_environment(root, preset).items() if not key.startswith("PYTEST_")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    env["PYTHONPATH"] = os.pathsep.join([env["PYTHONPATH"], str(folder)])
    env[kept.KEPT_VARIABLE] = str(folder / "kept.ipynb")
    env[TRAININGS_VARIABLE] = str(folder / "trainings")
    return env

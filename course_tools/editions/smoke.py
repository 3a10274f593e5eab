"""The gate that runs a notebook through nbval under the preset `smoke`, as a person would on the command line."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from course_tools.editions.engine import kernel_environment

_FAILED = re.compile(r"^FAILED .*?::(?P<cell>[^:]*Cell \d+)(?P<rest>.*)$", re.MULTILINE)
_PASSED = re.compile(r"(\d+) passed")


def passes_nbval(notebook: Path, root: Path, preset: str = "smoke", cell_timeout: int = 240) -> list[str]:
    """Run `pytest --nbval-lax` on a notebook in a process of its own; complaints for the cells that fail.

    Lax means that a cell must run, and that the outputs of cells tagged `nbval-check-output` must be as recorded:
    these are the checks, and their line is the same under every preset.

    Args:
        notebook: an executed notebook.
        root: put on PYTHONPATH.
        preset: what COURSE_PRESET says to the lesson.
        cell_timeout: seconds a cell may take.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "pytest.ini"  # so that no other configuration or conftest has a say
        settings.write_text("[pytest]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "-p", "no:cacheprovider", "-q", "-rf"]
        command += ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={cell_timeout}"]
        command += ["-c", str(settings), "--rootdir", str(notebook.parent), "--color=no", str(notebook)]
        done = subprocess.run(
            command,
            env=_environment(root, preset),
            cwd=notebook.parent,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    passed = _PASSED.search(done.stdout)
    if done.returncode == 0 and passed and int(passed[1]) > 0:
        return []
    failed = [
        f"{notebook.name}: nbval fails {hit['cell']}{hit['rest'][:200]}." for hit in _FAILED.finditer(done.stdout)
    ]
    if failed:
        return failed
    tail = " ".join((done.stdout + done.stderr).split())[-500:]
    return [f"{notebook.name}: nbval did not finish (exit status {done.returncode}): {tail}"]


def _environment(root: Path, preset: str) -> dict[str, str]:
    """A kernel's environment, without what an outer pytest put there."""
    env = {key: value for key, value in kernel_environment(root, preset).items() if not key.startswith("PYTEST_")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return env

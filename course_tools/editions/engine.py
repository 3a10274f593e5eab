"""The one engine that runs a notebook: parameters put in, a fresh kernel, and a sentence about a cell that fails."""

from __future__ import annotations

import copy
import os
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, from_dict

from course_tools.editions.notebooks import label, tags, write_notebook
from course_tools.editions.solution import tidy
from course_utils import record
from course_utils.environment import PRESET_VARIABLE, QUIET_VARIABLE, TRAININGS_VARIABLE, without_backend
from course_utils.errors import CourseError

DEFAULT_PRESET = "laptop"
WORDS = {"dataset": "data set"}

Progress = Callable[[int, int], None]


class ExecutionError(CourseError):
    """A cell failed. The message names lesson, cell and the error's last line."""


def takes(nb: NotebookNode, parameter: str) -> bool:
    """Whether a lesson has a parameter: its cell tagged `parameters` sets a name so called."""
    pattern = re.compile(rf"^{parameter}\s*=", re.MULTILINE)
    return any("parameters" in tags(cell) and pattern.search(cell.source) for cell in nb.cells)


def inject(nb: NotebookNode, **parameters: str) -> NotebookNode:
    """A copy with parameters set, in the cell that papermill adds after the one tagged `parameters`.

    Raises:
        CourseError: the lesson has no such parameter.
    """
    for name in parameters:
        if not takes(nb, name):
            word, lesson = WORDS.get(name, name), nb.metadata.get("course", {}).get("lesson", "?")
            raise CourseError(f"Lesson {lesson} takes no {word}: its parameters cell sets no `{name}`.")
    run = copy.deepcopy(nb)
    if not parameters:
        return run
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of papermill and its libraries, about themselves
        from papermill.parameterize import parameterize_notebook  # here: it takes a second to load

        run.metadata["papermill"] = {}  # where papermill notes what it has put in; it wants tags in every cell
        bare = [cell for cell in run.cells if "tags" not in cell.metadata]
        for cell in bare:
            cell.metadata["tags"] = []
        run = parameterize_notebook(run, parameters)
    for cell in bare:
        del cell.metadata["tags"]
    del run.metadata["papermill"]
    next(cell for cell in run.cells if "injected-parameters" in tags(cell)).id = "injected-parameters"
    return run


def execute(
    nb: NotebookNode,
    preset: str | None = DEFAULT_PRESET,
    dataset: str | None = None,
    *,
    folder: Path,
    root: Path | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
    store: Path | None = None,
) -> NotebookNode:
    """Run every cell in a fresh kernel and return an executed copy, tidied. The argument stays as it is.

    The copy's metadata say, under `course.loaded`, which stored weights and results were loaded.

    Args:
        nb: a notebook in either edition.
        preset: what COURSE_PRESET says to the lesson; None leaves it as it is here.
        dataset: if given, set as a parameter (see `inject`).
        folder: the kernel's working directory, `solutions/` or `notebooks/`.
        root: put on the kernel's PYTHONPATH; the folder above `folder` if None.
        timeout: seconds a cell may take; None sets no limit.
        progress: called with (cells done, cells in all).
        store: a file in which the notebook is kept as it goes, untidied; it holds what there is if a cell fails.

    Raises:
        ExecutionError: a cell raised, took too long or ended the kernel.
    """
    before = inject(nb, dataset=dataset) if dataset else nb
    run = copy.deepcopy(before)
    total = len(run.cells)

    def report(cell_index: int, **_: Any) -> None:
        if store:
            write_notebook(store, run)
        if progress:
            progress(cell_index + 1, total)

    client = NotebookClient(
        run,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # the kernel warns of its own unencrypted loopback socket
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=report,
    )
    environment = {**kernel_environment(root or Path(folder).parent, preset), "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch) / "loaded"
        try:
            own = {record.VARIABLE: str(notes), TRAININGS_VARIABLE: scratch}  # what runs here is really trained
            client.execute(env={**environment, **own})
        except Exception as error:
            known = _known(error)
            if known is None:
                raise
            raise ExecutionError(_failure(run, known)) from None
        finally:
            if store:
                write_notebook(store, run)
        loaded = record.read(notes)
    if progress:
        progress(total, total)
    executed = tidy(run, like=before)
    executed.metadata.setdefault("course", from_dict({}))["loaded"] = from_dict(loaded)
    return executed


def kernel_environment(root: Path, preset: str | None = None) -> dict[str, str]:
    """What a kernel inherits: this process's environment, the package's folder, the preset if one is asked for."""
    env = without_backend(os.environ)
    if preset:
        env[PRESET_VARIABLE] = preset
    env[QUIET_VARIABLE] = "1"  # nobody watches: a bar or a growing curve would be recorded
    env["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, [env.get("PYTHONPATH")])])
    return env


def _known(error: BaseException | None) -> Exception | None:
    """The failure of a cell behind an exception: nbclient may stumble again while it cleans up after a dead kernel."""
    while error is not None and not isinstance(error, (CellExecutionError, CellTimeoutError, DeadKernelError)):
        error = error.__context__
    return error


def _failure(run: NotebookNode, error: Exception) -> str:
    lesson = run.metadata.get("course", {}).get("lesson", "?")
    index = _last_started(run)
    if isinstance(error, CellExecutionError):
        reason = (f"{error.ename}: {error.evalue}".strip().splitlines() or [error.ename])[-1]
        # a message of several lines: name the kind of error as well as its last line
        reason = reason if reason.startswith(error.ename) else f"{error.ename}: {reason}"
    elif isinstance(error, CellTimeoutError):
        reason = "it took longer than it may"
    else:
        reason = "the kernel died"
    return f"Lesson {lesson} failed in {label(run, index)}: {reason[:400]}"


def _last_started(run: NotebookNode) -> int:
    """The cell that was running: the one that shows an error, else the first code cell without a count."""
    code = [i for i, cell in enumerate(run.cells) if cell.cell_type == "code" and cell.source.strip()]
    for i in code:
        if any(output.output_type == "error" for output in run.cells[i].outputs):
            return i
    return next((i for i in code if run.cells[i].execution_count is None), code[-1] if code else 0)

"""The solution edition: the source executed, with outputs that do not depend on who executed it."""

from __future__ import annotations

import copy
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course_tools.editions.notebooks import label, notebook_metadata, tags, to_bytes
from course_utils import record
from course_utils.errors import CourseError

DEFAULT_PRESET = "laptop"
PRESET_VARIABLE, QUIET_VARIABLE = "COURSE_PRESET", "COURSE_QUIET"
CHECK_OUTPUT = "nbval-check-output"
MAX_BYTES = 1_500_000

Progress = Callable[[int, int], None]


class ExecutionError(CourseError):
    """A cell failed. The message names lesson, cell and the error's last line."""


def solution_cells(nb: NotebookNode) -> list[NotebookNode]:
    """The source's cells as they stand in the solution edition: check cells also tagged for nbval."""
    cells = copy.deepcopy(nb.cells)
    for cell in cells:
        if "check" in tags(cell):
            cell.metadata["tags"] = [*tags(cell), CHECK_OUTPUT]
    return cells


def solution(nb: NotebookNode, preset: str, digest: str) -> NotebookNode:
    """The solution edition before it is executed."""
    edition = copy.deepcopy(nb)
    edition.cells = solution_cells(nb)
    edition.metadata = notebook_metadata(
        lesson=nb.metadata.course.lesson, edition="solution", preset=preset, digest=digest
    )
    return edition


def execute(
    nb: NotebookNode,
    preset: str = DEFAULT_PRESET,
    dataset: str | None = None,
    *,
    folder: Path,
    root: Path | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> NotebookNode:
    """Run every cell in a fresh kernel and return an executed copy, tidied. The argument stays as it is.

    The copy's metadata say, under `course.loaded`, which stored weights and results were loaded.

    Args:
        nb: a notebook in either edition.
        preset: what COURSE_PRESET says to the lesson.
        dataset: if given, set as a papermill parameter (which adds a cell after the one tagged parameters).
        folder: the kernel's working directory, `solutions/` or `notebooks/`.
        root: put on the kernel's PYTHONPATH; the folder above `folder` if None.
        timeout: seconds a cell may take; None sets no limit.
        progress: called with (cells done, cells in all).

    Raises:
        ExecutionError: a cell raised, took too long or ended the kernel.
    """
    before = _with_dataset(nb, dataset) if dataset else copy.deepcopy(nb)
    run = copy.deepcopy(before)
    total = len(run.cells)

    def report(cell: NotebookNode, cell_index: int, **_: Any) -> None:
        if progress:
            progress(cell_index + 1, total)

    environment = {**kernel_environment(root or Path(folder).parent, preset), "PYTHONHASHSEED": "0"}
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
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch) / "loaded"
        try:
            client.execute(env={**environment, record.VARIABLE: str(notes)})
        except Exception as error:
            known = _known(error)
            if known is None:
                raise
            raise ExecutionError(_failure(run, known)) from None
        loaded = record.read(notes)
    if progress:
        progress(total, total)
    executed = tidy(run, like=before)
    executed.metadata.setdefault("course", nbformat.from_dict({}))["loaded"] = nbformat.from_dict(loaded)
    return executed


def sets_dataset(cell: NotebookNode) -> bool:
    """Whether a cell is the parameters cell of a lesson that takes a data set."""
    return "parameters" in tags(cell) and re.search(r"^dataset\s*=", cell.source, re.MULTILINE) is not None


def tidy(executed: NotebookNode, like: NotebookNode) -> NotebookNode:
    """Executed cells with the metadata of `like`: no times, no versions, no live widgets, no empty output."""
    from course_utils.plots.still import without_live_widgets  # here: it loads matplotlib

    clean = without_live_widgets(executed)
    clean.metadata = copy.deepcopy(like.metadata)
    for cell, original in zip(clean.cells, like.cells, strict=True):
        cell.metadata = copy.deepcopy(original.metadata)
        if cell.cell_type == "code":
            # What a cell tagged `machine` says is true of one machine alone, so it is not recorded.
            cell.outputs = [] if "machine" in tags(cell) else _merged_streams(cell.outputs)
    return clean


def _merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Neighbouring pieces of one stream as one output, and of a line that was overwritten only its last state.

    How a stream is cut into pieces is an accident of timing. nbclient can do this too (`coalesce_streams`), but
    its patterns take for ever on a line of megabytes.
    """
    merged: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and merged and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    for output in merged:
        if output.output_type == "stream":
            lines = output.text.replace("\r\n", "\n").split("\n")
            output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return [output for output in merged if output.output_type != "stream" or output.text.strip()]


def recorded_size(nb: NotebookNode) -> tuple[int, str | None]:
    """Bytes of the notebook on disk, and a sentence naming the biggest cells if they are too many."""
    size = len(to_bytes(nb))
    if size <= MAX_BYTES:
        return size, None
    weights = {i: len(nbformat.from_dict(c).__repr__()) for i, c in enumerate(nb.cells) if c.get("outputs")}
    biggest = sorted(weights, key=lambda i: weights[i], reverse=True)[:3]
    named = ", ".join(f"{label(nb, i)} with {weights[i] / 1e6:.2f} MB" for i in biggest)
    return size, (
        f"Lesson {nb.metadata.get('course', {}).get('lesson', '?')} would take {size / 1e6:.2f} MB, "
        f"{MAX_BYTES / 1e6:.1f} MB are allowed: make smaller figures in {named}."
    )


def kernel_environment(root: Path, preset: str | None = None) -> dict[str, str]:
    """What a kernel inherits: this process's environment, the package's folder, the preset if one is asked for."""
    env = dict(os.environ)
    if preset:
        env[PRESET_VARIABLE] = preset
    env[QUIET_VARIABLE] = "1"  # nobody watches: a bar or a growing curve would be recorded
    env["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, [env.get("PYTHONPATH")])])
    env.pop("MPLBACKEND", None)  # a backend chosen for scripts would hide every figure
    return env


def _with_dataset(nb: NotebookNode, dataset: str) -> NotebookNode:
    """The notebook with the cell that papermill would add; papermill itself wants notebooks that it has loaded."""
    run = copy.deepcopy(nb)
    where = next((i for i, cell in enumerate(run.cells) if sets_dataset(cell)), None)
    if where is None:
        lesson = nb.metadata.get("course", {}).get("lesson", "?")
        raise CourseError(f"Lesson {lesson} takes no data set: its parameters cell sets no `dataset`.")
    cell = new_code_cell(f"# Parameters\ndataset = {dataset!r}\n", metadata={"tags": ["injected-parameters"]})
    cell.id = "injected-parameters"
    run.cells.insert(where + 1, cell)
    return run


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

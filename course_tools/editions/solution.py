"""The solution edition: the source's cells, and outputs that do not depend on who executed them."""

from __future__ import annotations

import copy

import nbformat
from nbformat import NotebookNode

from course_tools.editions.notebooks import label, notebook_metadata, tags, to_bytes

CHECK_OUTPUT = "nbval-check-output"
MAX_BYTES = 1_500_000


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

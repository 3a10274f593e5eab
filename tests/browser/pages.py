"""What must be true of the notebook behind `course lecture NN` once it has run."""

from __future__ import annotations

from typing import Any

from course_tools.lecture.page import QUIET

VIEW = "application/vnd.jupyter.widget-view+json"


def page_complaints(notebook: Any) -> list[str]:
    """What a page would show beside its explorers, and the explorers that it would not show; in sentences.

    Args:
        notebook: as its file or JupyterLab's model gives it, executed.
    """
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    quiet = [cell for cell in code if _source(cell).startswith(QUIET)]
    loud = [cell for cell in quiet if cell["outputs"]]
    found = [f"A cell that should be quiet has an output: {_source(cell)[:80]!r}." for cell in loud]
    shown = [cell for cell in code if cell not in quiet]
    for cell in shown:
        if not any(VIEW in output.get("data", {}) for output in cell["outputs"]):
            found.append(f"No widget stands below {_source(cell)[:80]!r}.")
    return found or ([] if shown else ["There is no explorer on the page."])


def _source(cell: Any) -> str:
    return "".join(cell["source"])

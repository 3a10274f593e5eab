"""What must be true of the notebook behind `course lecture NN` once it has run."""

from __future__ import annotations

from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"


def page_complaints(notebook: Any) -> list[str]:
    """What a page would show beside its explorers, and the explorers that it would not show; in sentences.

    Args:
        notebook: as its file or JupyterLab's model gives it, executed.
    """
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = [cell for cell in code if "explorer" in cell["metadata"].get("tags", [])]
    if not shown:
        return ["There is no explorer on the page."]
    loud = [cell for cell in code if cell not in shown and cell["outputs"]]
    empty = [cell for cell in shown if not any(VIEW in output.get("data", {}) for output in cell["outputs"])]
    found = [f"A cell that should be quiet has an output: {_source(cell)[:80]!r}." for cell in loud]
    return found + [f"No widget stands below {_source(cell)[:80]!r}." for cell in empty]


def _source(cell: Any) -> str:
    return "".join(cell["source"])

"""A notebook made ready for places without a kernel: exported pages, and files that one only looks at.

Both functions take a notebook as nbformat reads it and return a changed copy.
"""

from __future__ import annotations

import copy
import html
from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg")
NO_ALT = "A figure without a description"


def _bundles(notebook: Any) -> list[Any]:
    """All outputs that carry a bundle of data."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [output for output in outputs if "data" in output]


def without_live_widgets(notebook: Any) -> Any:
    """The notebook with each explorer replaced by its still picture, and without stored widget state.

    Widgets stored in a notebook make nbconvert's pages load scripts from the network, and JupyterLab shows
    "model not found" where the state is missing. An output that has nothing but a widget (a progress bar) goes.
    """
    notebook = copy.deepcopy(notebook)
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [output for output in cell["outputs"] if not _only_a_widget(output)]
    for output in _bundles(notebook):
        output["data"].pop(WIDGET_VIEW, None)
    return notebook


def _only_a_widget(output: Any) -> bool:
    """Whether nothing remains to be seen without a kernel: a widget's text form is only its class and settings."""
    data = output.get("data", {})
    return WIDGET_VIEW in data and not set(data) - {WIDGET_VIEW, "text/plain"}


def with_alt_text(notebook: Any) -> Any:
    """The notebook with each picture as an HTML `img` that has alt text, for nbconvert's HTML pages.

    nbconvert's default template writes pictures without alt text. Do this on the way to a page and not in a stored
    notebook: JupyterLab removes inline pictures from the HTML of notebooks that it does not trust.
    """
    notebook = copy.deepcopy(notebook)
    for output in _bundles(notebook):
        kind = next((k for k in PICTURES if k in output["data"]), None)
        if kind is None or WIDGET_VIEW in output["data"] or "text/html" in output["data"]:
            continue
        metadata = output.get("metadata", {})
        of_picture = metadata.get(kind, {}) if isinstance(metadata.get(kind), dict) else {}
        alt = of_picture.get("alt") or metadata.get("alt") or NO_ALT
        size = "".join(f' {side}="{int(of_picture[side])}"' for side in ("width", "height") if side in of_picture)
        picture = "".join(output["data"].pop(kind)).replace("\n", "")
        output["data"]["text/html"] = (
            f'<img src="data:{kind};base64,{picture}" alt="{html.escape(alt)}"{size} style="max-width: 100%">'
        )
    return notebook

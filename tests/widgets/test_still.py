"""Pages without a kernel: each picture has alt text, no live widget is left, nothing is fetched."""

from __future__ import annotations

import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from course_utils import plots

CELL = """
import torch
from course_utils import plots
plots.grid(torch.zeros(2, 3, 8, 8), alt='Two grey "squares" & no more')
"""
EXPLORER = """
from course_utils.lessons.lesson01.explorer import NoisingExplorer
alpha_bar = torch.linspace(1, 0, 11)
NoisingExplorer(torch.zeros(2, 3, 8, 8), schedules={"linear": alpha_bar})
"""


@pytest.fixture(scope="module")
def executed():
    """A notebook with a figure, an explorer and a bare widget, run by nbclient, widget state stored."""
    from nbclient import NotebookClient

    cells = [CELL, EXPLORER, "import ipywidgets\nipywidgets.IntProgress()", "1 + 1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3", store_widget_state=True).execute()
    return notebook


def page(notebook) -> str:
    from nbconvert import HTMLExporter

    return HTMLExporter().from_notebook_node(notebook)[0]


def fetched(html: str) -> list[str]:
    """Addresses that a browser loads for the body's sake (nbconvert's own head is its own affair)."""
    return re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"']((?:https?:)?//[^\"']+)", html)


def test_the_cells_made_one_output_each(executed):
    assert [len(cell.outputs) for cell in executed.cells] == [1, 1, 1, 1]


def test_a_still_notebook_has_pictures_and_no_widgets(executed):
    still = plots.without_live_widgets(executed)
    assert "widgets" not in still.metadata
    figure, explorer, progress, plain = still.cells
    assert "image/png" in figure.outputs[0].data and "image/png" in explorer.outputs[0].data
    assert not any("widget-view" in kind for cell in still.cells for o in cell.outputs for kind in o.data)
    assert progress.outputs == [] and plain.outputs[0].data["text/plain"] == "2"
    nbformat.validate(still)


def test_the_original_is_left_alone(executed):
    plots.without_live_widgets(executed)
    plots.with_alt_text(executed)
    assert "widgets" in executed.metadata
    assert any("widget-view" in kind for kind in executed.cells[1].outputs[0].data)


def test_a_page_shows_every_picture_with_alt_text(executed):
    html = page(plots.with_alt_text(plots.without_live_widgets(executed)))
    alts = [picture["alt"] for picture in BeautifulSoup(html, "html.parser").find_all("img")]
    assert len(alts) == 2
    assert alts[0] == 'Two grey "squares" & no more'
    assert "Step 3 of 10" in alts[1]
    assert "No description has been provided" not in html
    assert "widget-view" not in html and "widget-state" not in html and "html-manager" not in html


def test_nothing_that_a_page_fetches_comes_from_our_outputs(executed):
    bare = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    ours = fetched(page(plots.with_alt_text(plots.without_live_widgets(executed))))
    assert set(ours) <= set(fetched(page(bare)))


def test_without_stored_state_nbconvert_falls_back_to_the_picture_by_itself(executed):
    stateless = nbformat.from_dict(executed)
    stateless.metadata.pop("widgets", None)
    html = page(stateless)
    assert html.count('src="data:image/png;base64') == 2 and "widget-view" not in html


def test_a_picture_without_alt_text_is_named_as_such():
    output = nbformat.v4.new_output("display_data", data={"image/png": "aGVsbG8="})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    assert 'alt="A figure without a description"' in plots.with_alt_text(notebook).cells[0].outputs[0].data["text/html"]

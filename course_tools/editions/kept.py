"""A pytest plugin: what a notebook printed and drew while nbval ran it is kept, so that more can be asked of that run.

`smoke` copies this file next to the run's settings, so that the kernel's process need not import the course for it.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbCell

KEPT_VARIABLE = "COURSE_KEPT_NOTEBOOK"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the notebook with this run's outputs; of a cell that did not run there are none."""
    cells = [item for item in session.items if isinstance(item, IPyNbCell)]
    for item in cells:
        item.cell.outputs = item.test_outputs or []
    if cells:
        nbformat.write(cells[0].parent.nb, Path(os.environ[KEPT_VARIABLE]))

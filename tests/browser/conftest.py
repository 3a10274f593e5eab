"""One JupyterLab and one Chromium for all browser tests of a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import lab

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium. Without it the tests are skipped with a line that says how to get it; under CI they fail."""
    path = lab.find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(lab.HOW_TO_INSTALL)
        pytest.skip(lab.HOW_TO_INSTALL)
    with lab.chromium(path) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that JupyterLab shows: tests put copies of notebooks there."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="session")
def lab_address(browser: Any, lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running JupyterLab (asked for after the browser, so that nothing starts where there is none)."""
    environment = {
        "COURSE_PRESET": "smoke",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }
    with lab.lab_server(lab_folder, tmp_path_factory.mktemp("home"), environment) as address:
        yield address


@pytest.fixture
def lab_page(browser: Any, lab_address: str) -> Iterator[lab.LabPage]:
    """A fresh page, light theme, wide enough for a figure."""
    context = browser.new_context(viewport={"width": 1300, "height": 1000})
    page = context.new_page()
    yield lab.LabPage(page, lab_address)
    context.close()

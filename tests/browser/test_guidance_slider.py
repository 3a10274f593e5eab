"""The guidance slider in a real Chromium: in JupyterLab, and full screen as `course lecture` shows it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from tests.browser import guided, lab
from tests.browser.test_explorer_in_lab import move_every_slider, write

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def in_lab(browser: Any, lab_address: str, lab_folder: Path) -> Iterator[tuple[lab.LabPage, float]]:
    """The slider in a notebook in JupyterLab, and its device pixels for a CSS pixel."""
    page = lab.LabPage(browser.new_page(viewport={"width": 1300, "height": 1100}), lab_address)
    page.open(write(lab_folder, "guided.ipynb", guided.SETUP, guided.EXPLORER))
    page.run_all()
    assert page.cell_errors() == []
    yield page, 1.5
    page.page.close()


@pytest.fixture(scope="module")
def in_lecture(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[lab.LabPage, float]]:
    """The same lesson, served by `course lecture`."""
    root = tmp_path_factory.mktemp("course")
    (root / "notebooks").mkdir()
    cells = [
        nbformat.v4.new_markdown_cell("# 12 · A small slider"),
        nbformat.v4.new_code_cell(guided.SETUP),
        nbformat.v4.new_code_cell("print('not for the wall')"),
        nbformat.v4.new_code_cell(guided.EXPLORER, metadata={"tags": ["explorer"]}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "notebooks" / "12_small.ipynb")
    port = lab.free_port()
    program = (
        "from pathlib import Path; from course_tools.lecture import open_lecture\n"
        f"open_lecture('12', {port}, False, Path({str(root)!r}))"
    )
    log = root / "lecture.log"
    with log.open("w") as output:
        server = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(server, address, log)
            page = lab.LabPage(browser.new_page(viewport={"width": 1600, "height": 900}), address)
            page.page.goto(address, timeout=180_000)
            page.page.wait_for_selector(".course-explorer img.course-picture", timeout=120_000)
            yield page, 2.0
            page.page.close()
        finally:
            server.terminate()
            try:
                server.wait(timeout=60)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_for(server: subprocess.Popen[bytes], address: str, log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/voila/static/voila-style.js", timeout=2)
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the lecture page did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


@pytest.fixture(params=["in_lab", "in_lecture"])
def shown(request: pytest.FixtureRequest) -> tuple[lab.LabPage, guided.Expected]:
    page, scale = request.getfixturevalue(request.param)
    return page, guided.Expected(scale)


def go_to(page: lab.LabPage, words: str, key: str, most: int = 60) -> None:
    """Press a key on w's slider until the sentence begins so, and wait for the picture."""
    slider = page.explorer.get_by_role("slider", name="weight w")
    for _ in range(most):
        if page.explorer.get_by_role("status").inner_text().startswith(words):
            break
        old = page.picture()
        page.press(slider, key)
        page.wait_for_new_picture(old)
        page.page.wait_for_timeout(30)
    assert page.explorer.get_by_role("status").inner_text().startswith(words)
    page.settle()


def test_a_screen_reader_finds_every_control_and_its_value(shown):
    page, _ = shown
    explorer = page.explorer
    for name in ("weight w", "steps", "guided from t, low end", "guided from t, high end"):
        explorer.get_by_role("slider", name=name).wait_for()
    explorer.get_by_role("img", name="A grid of pictures, one row for each class").wait_for()
    assert explorer.get_by_role("status").get_attribute("aria-live") == "polite"
    assert explorer.get_attribute("aria-label") == "Guidance explorer"


@pytest.mark.parametrize(("w", "conditional", "meaning"), [("0", True, "conditional"), ("−1", False, "unconditional")])
def test_at_0_and_minus_1_the_browser_shows_plain_sampling_pixel_for_pixel(shown, w, conditional, meaning):
    page, expected = shown
    go_to(page, f"w = {w}, {meaning}", "ArrowLeft")
    assert "3 steps are guided" in page.explorer.get_by_role("status").inner_text()
    assert np.array_equal(expected.on(page), expected.plain(conditional, steps=3))
    page.press(page.explorer.get_by_role("slider", name="weight w"), "ArrowRight")
    page.settle()
    assert not np.array_equal(expected.on(page), expected.plain(conditional, steps=3))


def test_every_slider_works_by_keyboard_and_nothing_is_fetched(shown):
    page, _ = shown
    assert move_every_slider(page) == 4
    assert page.errors == []
    assert page.requests == [], "something was fetched from the network"


def test_the_lecture_page_shows_the_explorer_alone_and_large(in_lecture):
    page, _ = in_lecture
    assert page.page.title() == "12 · A small slider"
    assert page.page.get_by_text("not for the wall").count() == 0
    box = page.explorer.locator("img.course-picture").bounding_box()
    assert box["height"] > 0.7 * 900 and box["width"] > 900
    assert page.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")

"""Explorers in a real JupyterLab in a real browser: every slider moves by keyboard and the picture follows."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest

from course_tools import editions, lecture
from course_tools.editions.links import parse
from tests.browser.lab import LabPage
from tests.browser.pages import page_complaints

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]

TINY = """
import torch
from course_utils.lessons.lesson01.explorer import NoisingExplorer
s = torch.linspace(0, 1, 101, dtype=torch.float64)
schedules = {"cosine": torch.cos(s * torch.pi / 2) ** 2, "linear": torch.exp(-6 * s**2)}
images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
NoisingExplorer(images, schedules=schedules)
"""
FAILING = """
import numpy as np
from course_utils import widgets
def draw(state):
    if state.t == 13:
        raise ValueError("thirteen is not drawn")
    return np.full((40, 60, 3), state.t, dtype=np.uint8)
widgets.Explorer(draw, alt="A grey sheet.", name="Grey", t=widgets.whole(0, 100, start=12, label="step t"))
"""


def write(folder: Path, name: str, *sources: str) -> str:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / name)
    return name


def move_every_slider(lab: LabPage) -> int:
    """An arrow, Home and End on each slider: its value changes and the picture follows. Gives their number."""
    sliders = lab.sliders()
    for slider in sliders:
        at_the_end = lab.value(slider) == slider.get_attribute("aria-valuemax")  # as the upper one of two handles
        for key in ("ArrowLeft" if at_the_end else "ArrowRight", "Home", "End"):
            value, picture = lab.value(slider), lab.picture()
            lab.press(slider, key)
            assert lab.value(slider) != value, f"{key} did not move the slider"
            lab.wait_for_new_picture(picture)
        assert float(lab.value(slider)) == float(slider.get_attribute("aria-valuemax"))
        lab.press(slider, "Home")
        assert float(lab.value(slider)) == float(slider.get_attribute("aria-valuemin"))
        lab.settle()
    return len(sliders)


@pytest.fixture(scope="module")
def tiny(browser, lab_address, lab_folder):
    """A tiny notebook with the explorer, open and run, for the tests that only look and move."""
    page = LabPage(browser.new_page(viewport={"width": 1300, "height": 1000}), lab_address)
    page.open(write(lab_folder, "tiny.ipynb", TINY))
    page.run_all()
    yield page
    page.page.close()


def test_a_screen_reader_finds_names_and_values(tiny):
    explorer = tiny.explorer
    slider = explorer.get_by_role("slider", name="step t")
    slider.wait_for()
    explorer.get_by_role("slider", name="image").wait_for()
    explorer.get_by_role("combobox", name="schedule").wait_for()
    explorer.get_by_role("img", name="An image, noise, and their mixture").wait_for()
    status = explorer.get_by_role("status")
    assert status.get_attribute("aria-live") == "polite"
    assert "Step 30 of 100" in status.inner_text()
    tiny.press(slider, "ArrowRight")
    explorer.get_by_text("Step 31 of 100").wait_for()


def test_the_picture_keeps_its_place_while_it_changes(tiny):
    slider, old = tiny.sliders()[0], tiny.picture()
    picture = tiny.explorer.locator("img.course-picture")
    box = picture.bounding_box()
    for _ in range(3):
        tiny.press(slider, "ArrowRight")
        old = tiny.wait_for_new_picture(old)
        assert picture.bounding_box() == box
    assert box["width"] > 600


def test_every_control_works_by_keyboard(tiny):
    assert tiny.cell_errors() == []
    assert move_every_slider(tiny) == 2
    tiny.press(tiny.sliders()[0], "PageUp")
    tiny.settle()
    # JupyterLab would take ArrowDown, to go to the next cell.
    picture, menu = tiny.picture(), tiny.explorer.get_by_label("schedule")
    tiny.press(menu, "ArrowDown")
    tiny.wait_for_new_picture(picture)
    assert menu.input_value() == "linear"
    assert tiny.errors == []
    assert tiny.requests == [], "something was fetched from the network"


def test_an_error_is_said_and_the_last_good_picture_stays(lab_page, lab_folder):
    lab_page.open(write(lab_folder, "failing.ipynb", FAILING))
    lab_page.run_all()
    slider = lab_page.sliders()[0]
    before = lab_page.picture()
    lab_page.press(slider, "ArrowRight")
    alert = lab_page.explorer.get_by_role("alert")
    alert.wait_for()
    assert "thirteen is not drawn" in alert.inner_text() and "Traceback" not in alert.inner_text()
    assert lab_page.picture() == before
    lab_page.press(slider, "ArrowRight")
    lab_page.wait_for_new_picture(before)
    alert.wait_for(state="hidden")
    assert lab_page.errors == []


def test_a_notebook_that_is_only_looked_at_shows_the_still_picture(lab_page, lab_folder):
    """Opened from a download: no kernel has run, and JupyterLab does not trust the file."""
    from nbclient import NotebookClient

    from course_utils import plots

    name = write(lab_folder, "still.ipynb", TINY)
    executed = nbformat.read(lab_folder / name, as_version=4)
    NotebookClient(executed, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    nbformat.write(plots.without_live_widgets(executed), lab_folder / name)
    lab_page.open(name)
    image = lab_page.page.locator(".jp-OutputArea-output img").first
    image.scroll_into_view_if_needed()
    assert image.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") == 1350
    assert lab_page.page.get_by_text("model not found").count() == 0
    assert lab_page.errors == []


@pytest.mark.parametrize("number", lecture.lessons_with_explorer())
def test_the_page_of_an_explorer_is_quiet_and_follows_the_keyboard(number, lab_page, lab_folder):
    """The cells that `course lecture` keeps suffice in every lesson, and its explorer works in a browser."""
    nbformat.write(lecture.lecture_notebook(number), lab_folder / f"lecture_{number}.ipynb")
    lab_page.open(f"lecture_{number}.ipynb")
    lab_page.run_all(seconds=400)
    assert lab_page.cell_errors() == []
    assert page_complaints(lab_page.notebook()) == []
    assert move_every_slider(lab_page) >= 1
    assert lab_page.errors == []


def test_a_whole_lesson_runs_and_its_explorer_follows_the_keyboard(lab_page, lab_folder):
    lesson = editions.lessons()[0]  # the shortest
    assert lesson.solution.exists(), f"{lesson.name} is not built: `course build {lesson.number}`"
    prose = [cell.source for cell in editions.read_notebook(lesson.solution).cells if cell.cell_type == "markdown"]
    pictures = [lesson.solution.parent / path for path, _ in parse("\n\n".join(prose)).pictures]
    for file in (lesson.solution, *(path.resolve() for path in pictures)):
        there = lab_folder / file.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, there)
    lab_page.open(f"solutions/{lesson.solution.name}")
    lab_page.run_all(seconds=400)
    assert lab_page.cell_errors() == []
    assert move_every_slider(lab_page) >= 1
    assert lab_page.errors == []

"""`course run` on a small course: what runs, what is written, and what is said when a lesson fails."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from rich.console import Console

from course_tools import editions, gallery
from course_tools.gallery.pages import write_page
from course_utils.errors import CourseError

FIXTURE = Path(__file__).parents[1] / "fixtures" / "lessons"
NAMES = {"01": ["add", "Doubler"], "02": ["negate"]}
BROKEN = """\
# %% [markdown]
# # 03 · A broken lesson
#
# See [the first](01_tiny.ipynb#more), [its source](01_tiny.py), $x_t$.

# %% tags=["parameters"]
preset = "auto"
dataset = "flowers"

# %%
print(preset, dataset)

# %%
raise ValueError("first line\\nthe petals fell off")

# %%
print("never reached")
"""


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[gallery.LessonRun], str]:
    """A small course, run once: two good lessons around a broken one."""
    root = tmp_path_factory.mktemp("run") / "small"
    shutil.copytree(FIXTURE, root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "solutions" / "03_broken.py").write_text(BROKEN, encoding="utf-8")
    course = editions.Course(root=root, package="tiny_course", exercise_names=lambda n: NAMES.get(n, []))
    console = quiet()
    before = dict(os.environ)
    results = gallery.run_lessons(["01", "03", "02"], "smoke", course=course, console=console)
    assert dict(os.environ) == before
    return root, results, console.file.getvalue()  # type: ignore[attr-defined]


def soup(path: Path | None) -> BeautifulSoup:
    assert path is not None
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_good_lessons_run_to_their_end(ran: tuple[Path, list[gallery.LessonRun], str]) -> None:
    first, _, second = ran[1]
    assert (first.ok, first.passed, first.exercises, first.figures) == (True, 2, 2, 1)
    assert (second.ok, second.passed, second.exercises) == (True, 1, 1)
    assert first.seconds > 0
    assert first.notebook is not None
    executed = nbformat.read(first.notebook, as_version=4)
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code" and cell.source)


def test_a_failing_lesson_stops_itself_only(ran: tuple[Path, list[gallery.LessonRun], str]) -> None:
    _, broken, after = ran[1]
    assert after.ok
    assert broken.error is not None
    assert re.fullmatch(
        r"Lesson 03 failed in cell 5 \(raise ValueError.*\): ValueError: the petals fell off", broken.error
    )
    text = soup(broken.page).get_text()
    assert "the petals fell off" in text
    assert "smoke flowers" in text  # the parameter arrived, and what was not asked for kept its default


def test_progress_is_told_lesson_by_lesson(ran: tuple[Path, list[gallery.LessonRun], str]) -> None:
    said = ran[2]
    assert said.index("01_tiny") < said.index("03_broken") < said.index("02_small")


def test_the_index_has_a_card_for_each_lesson(ran: tuple[Path, list[gallery.LessonRun], str]) -> None:
    root, results, _ = ran
    index = soup(root / "build" / "gallery" / "index.html")
    cards = index.select(".card")
    assert len(cards) == 3
    assert [str(card.a["href"]) for card in cards if card.a] == [r.page.name for r in results if r.page]
    picture = cards[0].img
    assert picture is not None
    assert str(picture["src"]).startswith("data:image/png;base64,")
    assert "2 of 2 exercises passed" in cards[0].get_text()
    assert "the petals fell off" in cards[1].get_text()


def test_pages_need_no_network_and_no_other_file(ran: tuple[Path, list[gallery.LessonRun], str]) -> None:
    root, results, _ = ran
    for path in [*(result.page for result in results), root / "build" / "gallery" / "index.html"]:
        page = soup(path)
        for element in page.select("script[src], link[href], img[src], iframe, source, video"):
            address = str(element.get("src") or element.get("href") or "")
            assert address.startswith("data:"), f"{path}: {element.name} {address[:80]}"
        loaded = re.findall(r"(?:@import|url\()\s*[\"']?(https?:[^\"')]+)", str(page))
        loaded += re.findall(r"import[^\n;]*[\"'](https?:[^\"']+)", str(page))
        assert loaded == []


def test_links_lead_somewhere(ran: tuple[Path, list[gallery.LessonRun], str]) -> None:
    root, results, _ = ran
    folder = root / "build" / "gallery"
    for result in results:
        page = soup(result.page)
        for link in page.select("a[href]"):
            path = str(link["href"]).partition("#")[0]
            if path and ":" not in path:
                assert (folder / path).exists(), f"{result.lesson.name}: {path}"
    broken = soup(results[1].page)
    assert broken.select('a[href="01_tiny.html#more"]')
    assert broken.select('a[href="../../solutions/01_tiny.py"]')
    assert broken.select_one("math") is not None


def test_the_table_sums_up(ran: tuple[Path, list[gallery.LessonRun], str]) -> None:
    console = quiet()
    console.print(gallery.summary(ran[1]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "3 of 3" in text
    assert "2 of 3" in text
    assert "stopped" in text


def test_a_lesson_with_a_faulty_source_is_said_and_the_gallery_is_still_made(tmp_path: Path) -> None:
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "01_x.py").write_text("# %%\ndef (:\n", encoding="utf-8")
    course = editions.Course(root=tmp_path, package="tiny_course", exercise_names=lambda _: [])
    (result,) = gallery.run_lessons(course=course, console=quiet())
    assert result.error is not None
    assert "not valid Python" in result.error
    assert result.page is None
    assert "not valid Python" in (tmp_path / "build" / "gallery" / "index.html").read_text(encoding="utf-8")


def test_choices_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"no lesson '77': choose one of 00_welcome"):
        gallery.run_lessons(["77"], console=quiet())
    with pytest.raises(CourseError, match="no preset 'turbo'"):
        gallery.run_lessons(preset="turbo", console=quiet())
    with pytest.raises(CourseError, match="roses"):
        gallery.run_lessons(dataset="roses", console=quiet())
    with pytest.raises(CourseError, match="no lessons in"):
        gallery.run_lessons(course=editions.Course(root=tmp_path), console=quiet())


def test_a_widget_leaves_its_still_picture_with_its_alt_text(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (900, 600), "white").save(buffer, format="PNG")
    bundle = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "x", "version_major": 2, "version_minor": 0},
        "image/png": base64.b64encode(buffer.getvalue()).decode("ascii"),
        "text/plain": "Explorer",
    }
    output = new_output("display_data", data=bundle, metadata={"image/png": {"alt": "a slider at t = 300"}})
    nb = new_notebook(cells=[new_markdown_cell("# 01 · X"), new_code_cell("explorer.show()", outputs=[output])])
    nb.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    lesson = editions.Lesson("01", "x", "X", tmp_path / "s.py", tmp_path / "n.ipynb", tmp_path / "s.ipynb")
    page = soup(write_page(nb, lesson, tmp_path / "gallery", [lesson]))
    images = page.select(".jp-OutputArea-output img")
    assert [image["alt"] for image in images] == ["a slider at t = 300"]
    assert "widget-view" not in str(page)
    assert page.select("script[src]") == []

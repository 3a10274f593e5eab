"""`course lecture`: which cells an explorer needs, the notebook behind the page, how the server starts and stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_tools import lecture
from course_tools.lecture import server
from course_utils.errors import CourseError
from tests.browser.pages import page_complaints

ROOT = Path(__file__).parents[2]
EXPLORER = """
import numpy as np
from course_utils import widgets
widgets.Explorer(lambda s: np.full((40, 60, 3), shade * s.t, np.uint8), alt="Grey.", t=widgets.whole(1, 3, label="t"))
"""


def write(root: Path, name: str, *cells: Any) -> None:
    (root / "notebooks").mkdir(exist_ok=True)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), root / "notebooks" / f"{name}.ipynb")


def explorer_cell(source: str = EXPLORER) -> Any:
    return new_code_cell(source, metadata={"tags": ["explorer"]})


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """Two lessons: one with an explorer and cells that it does not need, one without."""
    write(
        tmp_path,
        "01_grey",
        new_markdown_cell("# 01 · Grey\n\nWords."),
        new_code_cell("print('not for the wall')\nshade = 10"),
        new_code_cell("raise RuntimeError('not needed')"),
        explorer_cell(),
        new_code_cell("raise RuntimeError('comes later')"),
    )
    write(tmp_path, "02_words", new_markdown_cell("# 02 · Words"), new_code_cell("x = 1"))
    return tmp_path


# ---- the notebook


def test_the_page_has_the_heading_and_the_explorer_and_is_quiet_else(course: Path) -> None:
    notebook = lecture.lecture_notebook("1", course)
    assert [cell.source.splitlines()[0] for cell in notebook.cells] == ["# 01 · Grey", "%%capture", ""]
    assert notebook.metadata.title == "01 · Grey"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert notebook.cells[1].outputs == []
    assert "image/png" in notebook.cells[2].outputs[-1].data
    assert page_complaints(notebook) == []


def test_a_page_that_is_loud_or_shows_no_explorer_is_noticed(course: Path) -> None:
    """What the browser tests ask of every lesson's page can be answered with no."""
    notebook = lecture.lecture_notebook("1", course)
    loud, explorer = notebook.cells[1:]
    loud.outputs = [new_output("stream", text="not for the wall")]
    explorer.outputs = [new_output("display_data", data={"image/png": "", "text/plain": "a still picture"})]
    assert [words.split(":")[0] for words in page_complaints(notebook)[:1]] == [
        "A cell that should be quiet has an output"
    ]
    assert "No widget stands below" in page_complaints(notebook)[1]
    notebook.cells.remove(explorer)
    loud.outputs = []
    assert page_complaints(notebook) == ["There is no explorer on the page."]


def test_answers_come_from_the_solution_edition_where_there_is_one(course: Path) -> None:
    (course / "solutions").mkdir()
    answered = nbformat.read(course / "notebooks" / "01_grey.ipynb", as_version=4)
    answered.cells[1].source = "shade = 20  # answered"
    nbformat.write(answered, course / "solutions" / "01_grey.ipynb")
    assert "answered" in lecture.lecture_notebook("01", course).cells[1].source


def test_a_lesson_without_an_explorer_is_refused_with_those_that_have_one(course: Path) -> None:
    assert lecture.lessons_with_explorer(course) == ["01"]
    with pytest.raises(CourseError, match=r"Lesson 02 has no explorer to show: those that have one are 01\."):
        lecture.open_lecture("02", root=course)
    with pytest.raises(CourseError, match="no notebook of lesson '77'"):
        lecture.open_lecture("77", root=course)


# ---- the server


def test_it_serves_this_machine_only_and_fetches_nothing(tmp_path: Path) -> None:
    arguments = server.server_arguments(tmp_path / "x.ipynb", 8870, browser=False)
    assert "--Voila.ip=127.0.0.1" in arguments and "--port=8870" in arguments
    page = (server.HERE / "index.html.j2").read_text(encoding="utf-8") + (server.HERE / "page.css").read_text(
        encoding="utf-8"
    )
    assert "http" not in page


def test_the_page_asks_for_models_trained_ahead(course: Path) -> None:
    parameters = new_code_cell('preset = "auto"', metadata={"tags": ["parameters"]})
    write(course, "03_asks", parameters, new_code_cell("shade = len(preset)"), explorer_cell())
    sources = [cell.source for cell in lecture.lecture_notebook("03", course).cells]
    assert sources[1] == '%%capture\npreset = "auto"' and 'preset = "lecture"' in sources[2]


def test_a_taken_port_is_said_before_the_server_starts(course: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CourseError, match=f"Port {port} is taken"):
            lecture.open_lecture("01", port=port, root=course)


def test_without_voila_it_says_what_to_install(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "voila.app", None)
    with pytest.raises(CourseError, match="Voilà is not installed: run `pip install"):
        lecture.open_lecture("01", root=course)


def test_it_does_not_load_pytorch_before_the_kernel_does() -> None:
    program = "import sys; import course_tools.lecture; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_it_shows_the_page_and_ctrl_c_leaves_nothing_behind(course: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    port = server.free_port()
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell in CI may ignore it
        "from pathlib import Path; from course_tools.lecture import open_lecture\n"
        f"open_lecture('01', {port}, False, Path({json.dumps(str(course))}))"
    )
    env = {**os.environ, "TMPDIR": str(scratch), "COURSE_PRESET": "smoke"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        page = _fetch(f"http://127.0.0.1:{port}/", seconds=120)
        assert "01 · Grey" in page and "application/vnd.jupyter.widget-view+json" in page
        assert "cdn." not in page and "cdnjs" not in page
    finally:
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0 and "Traceback" not in err
    assert out.startswith(f"01 · Grey: http://127.0.0.1:{port}/")
    assert [path.name for path in scratch.iterdir() if path.name.startswith(("lecture_", "voila_"))] == []


def _fetch(address: str, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=seconds) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)

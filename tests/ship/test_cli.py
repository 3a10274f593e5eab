"""The `course` command: what it calls, what it prints, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from course_tools import cli, editions, gallery, grading, lab, recipes
from course_utils.errors import CourseError

COMMANDS = ("lab", "lecture", "run", "build", "check", "grade", "train", "data", "doctor")


def call(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments))


def lesson_run(number: str, **facts: Any) -> gallery.LessonRun:
    lesson = editions.Lesson(number, "x", "X", Path("s.py"), Path("n.ipynb"), Path("s.ipynb"))
    return gallery.LessonRun(lesson, **facts)


def test_help_lists_every_command() -> None:
    result = call("--help")
    assert result.exit_code == 0
    assert [name for name in COMMANDS if name not in result.output] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_command_starts_without_loading_pytorch() -> None:
    """Half a second rather than three for `course --help`."""
    program = "import sys; import course_tools.cli; sys.exit('torch' in sys.modules or 'nbformat' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_course_error_is_one_sentence_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise CourseError("There is no lesson '77': choose one of 00_welcome.")

    monkeypatch.setattr(grading, "check", fail)
    result = call("check", "77")
    assert result.exit_code == 1
    assert result.output.strip() == "There is no lesson '77': choose one of 00_welcome."


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipes, "train", interrupt)
    result = call("train", "recogniser-flowers")
    assert result.exit_code == 130
    assert result.output.strip() == "Stopped."


def test_an_unforeseen_error_still_shows_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("a defect of ours")

    monkeypatch.setattr(recipes, "train", fail)
    assert isinstance(call("train", "x").exception, ValueError)


def test_run_passes_on_what_was_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[Any] = []

    def fake(numbers: list[str], preset: str | None, dataset: str | None, out: Path | None) -> list[gallery.LessonRun]:
        calls.append((numbers, preset, dataset, out))
        return [lesson_run("01", passed=2, exercises=2, page=tmp_path / "01_x.html")]

    monkeypatch.setattr(gallery, "run_lessons", fake)
    result = call("run", "--preset", "smoke", "--lessons", "00, 01", "--dataset", "mnist", "--out", str(tmp_path))
    assert calls == [(["00", "01"], "smoke", "mnist", tmp_path)]
    assert result.exit_code == 0, result.output
    assert "2 of 2" in result.output
    assert "index.html" in result.output


@pytest.mark.parametrize(
    "facts",
    [{"error": "Lesson 01 stopped in cell 3: ValueError"}, {"passed": 1, "exercises": 2}],
    ids=["stopped", "exercise not passed"],
)
def test_run_ends_with_status_1_if_a_lesson_did_not_go_through(
    monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]
) -> None:
    results = [lesson_run("00"), lesson_run("01", **facts)]
    monkeypatch.setattr(gallery, "run_lessons", lambda *_, **__: results)
    result = call("run")
    assert result.exit_code == 1
    assert "lesson 01" in result.output


@pytest.mark.parametrize(("passed_all", "status"), [(True, 0), (False, 1)])
def test_check_ends_with_0_only_if_all_passed(monkeypatch: pytest.MonkeyPatch, passed_all: bool, status: int) -> None:
    asked: list[Any] = []

    def fake(lesson: str, notebook: Path | None, *, timeout: float) -> Any:
        asked.append((lesson, notebook))
        return SimpleNamespace(show=lambda: None, passed_all=passed_all)

    monkeypatch.setattr(grading, "check", fake)
    assert call("check", "01", "--notebook", "mine.ipynb").exit_code == status
    assert asked == [("01", Path("mine.ipynb"))]


@pytest.mark.parametrize(("ok", "status"), [(True, 0), (False, 1)])
def test_build_ends_with_0_only_if_every_lesson_was_built(
    monkeypatch: pytest.MonkeyPatch, ok: bool, status: int
) -> None:
    asked: list[Any] = []

    def fake(numbers: Any, force: bool, preset: str) -> list[Any]:
        asked.append((numbers, force, preset))
        return [SimpleNamespace(ok=ok)]

    monkeypatch.setattr(editions, "build", fake)
    assert call("build", "01", "--force").exit_code == status
    assert asked == [(["01"], True, "laptop")]


def test_grade_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "grade_folder", lambda *_, **__: [{"of": "3"}, {}, {}])
    result = call("grade", "01", "handed_in", "--out", "marks.csv")
    assert result.exit_code == 0
    assert "marks.csv: 1 notebooks graded, 2 files or folders not" in result.output


def test_train_without_a_name_lists_the_recipes() -> None:
    result = call("train")
    assert result.exit_code == 0
    assert [line for line in recipes.listing() if line not in result.output] == []


def test_data_lists_and_fetches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path))
    assert "course data mnist" in call("data").output
    fetched = call("data", "digits")
    assert fetched.exit_code == 0
    assert "digits: " in fetched.output
    unknown = call("data", "roses")
    assert unknown.exit_code == 1
    assert "roses" in unknown.output


def test_data_sees_what_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / ".lock").write_text("", encoding="utf-8")
    assert "course data mnist" in call("data").output  # a lock is no data
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"x")
    assert "course data mnist" not in call("data").output


def test_lab_asks_for_a_lesson_that_is_there() -> None:
    result = call("lab", "--lesson", "77")
    assert result.exit_code == 1
    assert "no notebook of lesson '77'" in result.output


def test_lab_needs_the_notebooks_only(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="none yet"):
        lab.find_notebook("00", tmp_path)
    (tmp_path / "notebooks").mkdir()
    for name in ("00_welcome", "01_forward_noising"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("{}", encoding="utf-8")
    for asked in ("1", "01", "01_forward_noising", "01_forward_noising.ipynb"):
        assert lab.find_notebook(asked, tmp_path).stem == "01_forward_noising"
    with pytest.raises(CourseError, match="there are 00_welcome, 01_forward_noising"):
        lab.find_notebook("7", tmp_path)


def test_lab_opens_the_lesson_from_the_folder_that_holds_the_pictures(tmp_path: Path) -> None:
    notebook = tmp_path / "notebooks" / "00_welcome.ipynb"
    arguments = lab.lab_arguments(tmp_path, notebook, 8890, browser=False)
    assert "--LabApp.default_url=/lab/tree/notebooks/00_welcome.ipynb" in arguments
    assert f"--ServerApp.root_dir={tmp_path}" in arguments
    assert "--ServerApp.port=8890" in arguments
    assert "--ServerApp.open_browser=False" in arguments
    assert not any("port" in a for a in lab.lab_arguments(tmp_path, notebook, None, browser=True))


@pytest.mark.parametrize(
    ("environment", "system", "screen"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "x"}, "darwin", False),
        ({}, "win32", True),
        ({"CI": "true", "DISPLAY": ":0"}, "linux", False),
    ],
)
def test_a_browser_opens_only_where_there_is_a_screen(environment: dict[str, str], system: str, screen: bool) -> None:
    assert lab.has_screen(environment, system) is screen


def test_a_taken_port_is_said_before_jupyter_starts() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CourseError, match=f"Port {port} is taken"):
            lab.open_lab("00", port=port)

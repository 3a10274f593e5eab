"""What the commands and the doctor tell a person to do, done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from course_tools.doctor import chromium, examination, software
from course_utils import runtime
from course_utils.errors import CourseError
from tests.remedies.table import remedy

ROOT = Path(__file__).parents[2]


def python(code: str, *, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a process of its own says."""
    names = {"PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", code]
    env = {**os.environ, **names}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


@remedy("take the environment variable … away.")
def test_a_backend_that_matplotlib_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    said = python("from course_utils import plots", MPLBACKEND="nonsense").stderr.splitlines()[-1]
    assert said.endswith("matplotlib knows no backend 'nonsense': take the environment variable MPLBACKEND away.")
    assert python("from course_utils import plots", MPLBACKEND="").returncode == 0
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    monkeypatch.delitem(sys.modules, "matplotlib")
    assert [found.remedy for found in software.figures()] == ["take the environment variable MPLBACKEND away."]
    monkeypatch.delenv("MPLBACKEND")
    assert software.figures() == []


@remedy("There is no preset …: set … to auto, ….")
def test_a_preset_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PRESET", "turbo")
    with pytest.raises(CourseError, match="set the environment variable COURSE_PRESET to auto, smoke"):
        runtime.choose_preset()
    for name in ("auto", "smoke"):
        monkeypatch.setenv("COURSE_PRESET", name)
        assert runtime.choose_preset()[0] in runtime.PRESETS


@remedy("install Chromium (Debian and Ubuntu: `apt-get install chromium`), or set … to the program.")
def test_a_chromium_that_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "nowhere"))
    assert f"set {chromium.VARIABLE} to the program" in chromium.finding().remedy
    (tmp_path / "chromium").write_text("", encoding="utf-8")
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "chromium"))
    assert chromium.finding().remedy == ""


@remedy("run the command in a whole checkout of the course.", "`course check` also needs solutions/.")
def test_lessons_that_are_not_all_here(tmp_path: Path) -> None:
    assert "whole checkout" in examination._lessons(tmp_path).remedy
    for folder, name in (("notebooks", "00_welcome.ipynb"), ("solutions", "00_welcome.py")):
        (tmp_path / folder).mkdir()
        shutil.copy(ROOT / folder / name, tmp_path / folder)
        if folder == "notebooks":
            assert examination._lessons(tmp_path).remedy == "`course check` also needs solutions/."
    assert examination._lessons(tmp_path).remedy == ""


def test_a_checkout_that_can_only_be_read(tmp_path: Path, seal: Callable[..., None]) -> None:
    for folder, name in (("notebooks", "00_welcome.ipynb"), ("solutions", "00_welcome.py")):
        (tmp_path / "course" / folder).mkdir(parents=True)
        shutil.copy(ROOT / folder / name, tmp_path / "course" / folder)
    seal(tmp_path / "course")
    assert "copy the course to a folder that you may write to" in examination._lessons(tmp_path / "course").remedy
    copy = Path(shutil.copytree(tmp_path / "course", tmp_path / "copy"))
    assert examination._lessons(copy).remedy == ""

"""Lessons that train on the spot run where the shared folder of images is read-only, as docs/instructors.md advises."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from course_tools import editions
from tests import sealed

pytestmark = [pytest.mark.notebooks, pytest.mark.slow]
# As in a person's JupyterLab, where nobody gives a lesson an empty folder for its trainings.
KERNELS = """
import os
os.environ.pop("COURSE_TRAININGS", None)
for folder in os.environ["COURSE_TESTS_SEALED"].split(os.pathsep):
    seal(folder)
"""


def run(number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """A lesson under `smoke`, in a kernel that can write into none of these folders."""
    (tmp_path / "site").mkdir()
    text = Path(sealed.__file__).read_text(encoding="utf-8")
    (tmp_path / "site" / "sitecustomize.py").write_text(f"{text}\n{KERNELS}", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("COURSE_TESTS_SEALED", os.pathsep.join(map(str, folders)))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "shared"))
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path / "own"))
    (tmp_path / "shared").mkdir()
    lesson = editions.find(number)
    editions.execute(editions.read_source(lesson.source), "smoke", folder=lesson.source.parent, timeout=300)


@pytest.mark.parametrize("number", ["04", "12"])
def test_a_lesson_trains_beside_read_only_data(number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(number, tmp_path, monkeypatch, tmp_path / "shared")
    assert list((tmp_path / "shared").iterdir()) == []
    assert (tmp_path / "own" / "weights" / "trainings").is_dir()


def test_without_a_place_of_ones_own_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failing twin."""
    with pytest.raises(editions.ExecutionError, match="set COURSE_OWN_DIR to a folder that you may write to"):
        run("12", tmp_path, monkeypatch, tmp_path / "shared", tmp_path / "own")

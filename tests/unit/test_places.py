"""The two folders: what is read, which may be shared, and what a person makes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from course_utils import data, places, weights
from course_utils.errors import CourseError
from course_utils.files import check_writable, write_together

ROOT = Path(__file__).parents[2]
BOTH = [(places.data_folder, "COURSE_DATA_DIR"), (places.own_folder, "COURSE_OWN_DIR")]


@pytest.mark.parametrize(("folder", "variable"), BOTH)
def test_each_variable_names_its_own_folder(folder: Callable[..., Path], variable: str, tmp_path: Path) -> None:
    assert folder({variable: str(tmp_path)}) == tmp_path
    assert folder({variable: "~/flowers"}) == Path.home() / "flowers"
    for nothing in ({}, {variable: ""}, {variable: "  "}, {"COURSE_OTHER_DIR": str(tmp_path)}):
        assert places.APP_NAME in str(folder(nothing))
    others = {"COURSE_DATA_DIR", "COURSE_OWN_DIR"} - {variable}
    assert folder(dict.fromkeys(others, str(tmp_path))) == folder({})


@pytest.mark.parametrize(("folder", "variable"), BOTH)
def test_a_relative_path_starts_at_the_courses_folder(
    folder: Callable[..., Path], variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder({variable: "daten"}) == ROOT / "daten"
    monkeypatch.setattr(places, "checkout", lambda: None)
    with pytest.raises(CourseError, match=f"{variable} is 'daten', .* set {variable} to a whole path"):
        folder({variable: "daten"})


def test_a_relative_path_means_the_same_in_every_process(tmp_path: Path) -> None:
    code = "from course_utils import places; print(places.data_folder(), places.own_folder())"
    names = {"COURSE_DATA_DIR": "daten", "COURSE_OWN_DIR": "eigenes", "PYTHONPATH": str(ROOT)}
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=cwd,
            env={**os.environ, **names},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for cwd in (ROOT, ROOT / "notebooks", tmp_path)
    }
    assert said == {f"{ROOT / 'daten'} {ROOT / 'eigenes'}\n"}


def test_what_a_person_makes_is_not_put_into_the_folder_that_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "shared"))
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path / "own"))
    assert data.cache_dir() == tmp_path / "shared"
    assert data.folders("mnist") == [tmp_path / "shared" / "mnist", tmp_path / "own" / "mnist"]
    assert weights.cache() == tmp_path / "own" / "weights"
    monkeypatch.setenv("COURSE_OWN_DIR", str(tmp_path / "shared"))
    assert data.folders("mnist") == [tmp_path / "shared" / "mnist"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC])
def test_a_sealed_folder_refuses_whoever_writes(tmp_path: Path, seal: Callable[..., None], number: int) -> None:
    """The twin of the tests that use it: in a folder that is not sealed, each of these works."""
    (tmp_path / "there").write_text("before", encoding="utf-8")
    tries: list[Callable[[], object]] = [
        lambda: (tmp_path / "new").write_text("x", encoding="utf-8"),
        lambda: (tmp_path / "folder").mkdir(),
        lambda: (tmp_path / "there").rename(tmp_path / "elsewhere"),
        lambda: (tmp_path / "elsewhere").unlink(),
    ]
    check_writable(tmp_path)
    seal(tmp_path, number)
    for attempt in tries:
        with pytest.raises(OSError) as caught:
            attempt()
        assert caught.value.errno == number
    with pytest.raises(CourseError, match=r"cannot be written|The disk is full"):
        check_writable(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_files_that_belong_together_change_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_together({one: b"1", two: b"2"})
    real, opened = os.fdopen, []

    def full_at_the_second(*arguments: object, **choices: object) -> object:
        opened.append(arguments)
        if len(opened) == 2:
            os.close(arguments[0])  # type: ignore[arg-type]
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **choices)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "fdopen", full_at_the_second)
    with pytest.raises(CourseError, match=r"The disk is full, so .*two was not written"):
        write_together({one: b"1 anew", two: b"2 anew"})
    assert (one.read_bytes(), two.read_bytes()) == (b"1", b"2")
    assert len(list(tmp_path.iterdir())) == 2

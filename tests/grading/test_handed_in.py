"""What instructors receive: every file and folder has a row, and nothing can reach out, block or end the class."""

from __future__ import annotations

import os
import socket
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from course_tools.grading import reader, submissions, zips
from course_tools.grading.reader import parse, read_file
from course_tools.grading.submissions import Submission, handed_in
from course_utils.errors import CourseError
from tests.grading import mini_lesson
from tests.grading.mini_lesson import RIGHT, student

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such file")


def lines(folder: Path) -> dict[str, Submission]:
    found = handed_in(folder, folder / "grades.csv")
    assert len({one.file for one in found}) == len(found)
    return {one.file: one for one in found}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(path: Path, text: str = "{}") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def zipped(path: Path, **contents: str) -> Path:
    """A zip; a keyword's `__` stands for a `/`, its `_ipynb` for the ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            archive.writestr(name.replace("__", "/").replace("_ipynb", ".ipynb"), text)
    return path


def test_notebooks_of_every_spelling_are_found_with_their_students(folder: Path) -> None:
    for name in ("ada.ipynb", "x (1).ipynb", "BO.IPYNB", "cy_late_123_x.ipynb", ".hidden.ipynb", "=cmd|x.ipynb"):
        put(folder / name)
    put(folder / "Dora_1_assignsubmission_file_" / "x.ipynb")
    put(folder / "Dora_1_assignsubmission_file_" / "deep" / "y.ipynb")
    put(folder / "eve.ipynb" / "x.ipynb")
    found = lines(folder)
    assert not any(one.refusal for one in found.values())
    assert {file: one.student for file, one in found.items()} == {
        "ada.ipynb": "ada",
        "x (1).ipynb": "x (1)",
        "BO.IPYNB": "BO",
        "cy_late_123_x.ipynb": "cy_late_123_x",
        ".hidden.ipynb": ".hidden",
        "=cmd|x.ipynb": "=cmd|x",
        "Dora_1_assignsubmission_file_/x.ipynb": "Dora_1_assignsubmission_file_",
        "Dora_1_assignsubmission_file_/deep/y.ipynb": "Dora_1_assignsubmission_file_",
        "eve.ipynb/x.ipynb": "eve",
    }


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ada.py", "is no notebook"),
        ("ada.txt", "is no notebook"),
        ("ada", "is no notebook"),
        ("ada.ipynb.txt", "rename it to end in .ipynb"),
        ("ada.rar", "an archive of a kind that is not opened"),
        ("ada.tar.gz", "an archive of a kind that is not opened"),
        ("ada.zip", "ada.zip cannot be unpacked"),
    ],
)
def test_what_is_no_notebook_has_a_row_that_says_why(folder: Path, name: str, sentence: str) -> None:
    put(folder / name, "text")
    put(folder / "bo" / name, "text")
    alone, below = lines(folder).values()
    assert sentence in alone.refusal and sentence in below.refusal
    assert (alone.student, below.student) == ("ada", "bo")


def test_folders_with_nothing_in_them_have_a_row_and_traces_have_none(folder: Path) -> None:
    (folder / "ada").mkdir()
    (folder / "bo" / "deep" / "deeper").mkdir(parents=True)
    put(folder / "cy" / ".ipynb_checkpoints" / "x-checkpoint.ipynb")
    (folder / "dee.ipynb").mkdir()
    put(folder / "eve" / "x.ipynb")
    for trace in (".DS_Store", "Thumbs.db", "__MACOSX/._x.ipynb", "._x.ipynb", ".ipynb_checkpoints/x.ipynb"):
        put(folder / "eve" / trace)
        put(folder / trace)
    put(folder / "grades.csv", "the table itself")
    found = lines(folder)
    assert {file: one.student for file, one in found.items()} == {
        "ada": "ada",
        "bo/deep/deeper": "bo",
        "cy": "cy",
        "dee.ipynb": "dee",
        "eve/x.ipynb": "eve",
    }
    assert "is a folder with nothing in it: ask" in found["ada"].refusal
    assert "nothing in it but what the system left there" in found["cy"].refusal


def test_a_crowd_of_other_files_shares_a_row(folder: Path) -> None:
    for number in range(60):
        put(folder / "ada" / f"{number:02}.png")
    put(folder / "ada" / "x.ipynb")
    put(folder / "bo.txt")
    found = lines(folder)
    assert len(found) == 1 + submissions.MOST_OTHERS + 1 + 1
    assert any("40 more files of this student" in one.refusal for one in found.values())
    assert not found["ada/x.ipynb"].refusal


@POSIX
def test_links_are_not_followed_and_pipes_are_not_opened(folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "elsewhere" / "secret.ipynb")
    (folder / "ada").symlink_to(outside.parent)
    (folder / "bo.ipynb").symlink_to(outside)
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe.ipynb")
    plug = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may have a hundred bytes
    try:
        plug.bind("plug.ipynb")
    finally:
        os.chdir(here)
        plug.close()
    found = lines(folder)
    assert {file for file, one in found.items() if "is a link" in one.refusal} == {"ada", "bo.ipynb", "loop"}
    assert {file for file, one in found.items() if "a pipe" in one.refusal} == {"pipe.ipynb", "plug.ipynb"}
    for name in ("pipe.ipynb", "plug.ipynb"):
        with pytest.raises(CourseError, match="is no ordinary file"):
            read_file(folder / name)


def test_what_cannot_be_opened_has_a_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder / "ada" / "x.ipynb")
    put(folder / "bo.ipynb")
    real = Path.iterdir

    def closed(path: Path) -> Any:
        if path.name == "ada":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    found = lines(folder)
    assert found["ada"].refusal == "ada cannot be opened (Permission denied): check its permissions."
    assert not found["bo.ipynb"].refusal


def test_a_zip_is_looked_into(folder: Path) -> None:
    work = {"work__x_ipynb": "{}", "__MACOSX__._x_ipynb": "", "notes.txt": "", "a\\b.IPYNB": "{}"}
    zipped(folder / "ada.ZIP", **work)
    zipped(folder / "bo" / "x.zip", x_ipynb='{"a": 1}')
    zipped(folder / "cy.zip")
    found = lines(folder)
    assert {file: (one.student, bool(one.refusal)) for file, one in found.items()} == {
        "ada.ZIP/work/x.ipynb": ("ada", False),
        "ada.ZIP/notes.txt": ("ada", True),
        "ada.ZIP/a/b.IPYNB": ("ada", False),
        "bo/x.zip/x.ipynb": ("bo", False),
        "cy.zip": ("cy", True),
    }
    assert found["bo/x.zip/x.ipynb"].read() == b'{"a": 1}'
    assert sorted(path.name for path in folder.iterdir()) == ["ada.ZIP", "bo", "cy.zip"]  # nothing was unpacked


@pytest.mark.parametrize("name", ["../x.ipynb", "/etc/x.ipynb", "a/../../x.ipynb", "C:\\x.ipynb", "..\\x.ipynb"])
def test_a_path_out_of_a_zip_is_refused(folder: Path, name: str) -> None:
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        archive.writestr(name, "{}")
        archive.writestr("good.ipynb", "{}")
    bad, good = sorted(lines(folder).values(), key=lambda one: not one.refusal)
    assert "a path that leads out of its zip" in bad.refusal and not good.refusal


def test_links_zips_and_locks_in_a_zip_are_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        link = zipfile.ZipInfo("link.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("inner.zip", "PK")
        archive.writestr("locked.ipynb", "{}")
        archive.writestr("good.ipynb", "{}")
        archive.getinfo("locked.ipynb").flag_bits |= 1
    found = lines(folder)
    assert "is a link in its zip" in found["ada.zip/link.ipynb"].refusal
    assert "is a zip within a zip" in found["ada.zip/inner.zip"].refusal
    assert "is locked with a password" in found["ada.zip/locked.ipynb"].refusal
    assert found["ada.zip/good.ipynb"].read() == b"{}"


def test_a_zip_beyond_all_measure_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped(folder / "bomb.zip", x_ipynb=" " * 3_000_000)
    zipped(folder / "many.zip", **{f"{number}_ipynb": "{}" for number in range(12)})
    monkeypatch.setattr(zips, "MOST_FILES", 10)
    assert "holds more than 10 files" in lines(folder)["many.zip"].refusal
    monkeypatch.setattr(zips, "MOST_BYTES", 2_000_000)
    assert "x.ipynb is larger than" in lines(folder)["bomb.zip/x.ipynb"].refusal
    monkeypatch.setattr(zips, "MOST_UNZIPPED", 2_000_000)
    assert "unpacks to more than 2 MB" in lines(folder)["bomb.zip"].refusal
    monkeypatch.setattr(zips, "MOST_ZIPPED", 100)
    assert "is larger than" in lines(folder)["many.zip"].refusal


def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_says(folder: Path) -> None:
    path = zipped(folder / "ada.zip", x_ipynb=" " * 5_000_000)
    size = (5_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    (one,) = lines(folder).values()
    try:
        assert len(one.read()) <= 10
    except CourseError as error:
        assert "cannot be unpacked" in str(error)


def test_damaged_zips_have_a_row(folder: Path) -> None:
    good = zipped(folder / "good.zip", x_ipynb='{"cells": []}' * 50).read_bytes()
    for place in range(0, len(good), 3):
        (folder / f"{place:03}.zip").write_bytes(good[:place] + b"\xff" + good[place + 1 :])
        (folder / f"cut{place:03}.zip").write_bytes(good[:place])
    found = list(lines(folder).values())
    assert {one.path.name for one in found} == {path.name for path in folder.iterdir()}
    for one in found:
        if not one.refusal:
            try:
                one.read()
            except CourseError as error:
                assert str(error).endswith("hand in the .ipynb file itself.")


# --- what stands in a file


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\n <!DOCTYPE html><html>", "is a web page"),
        (b"PK\x03\x04...", "rename it to .zip"),
        (b"%PDF-1.7", "is a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b'<<<<<<< HEAD\n{"cells": []', "merge conflict"),
        (b'{"cells": [\n<<<<<<< HEAD\n', "merge conflict"),
        (b"\0" * 300, "is not a Jupyter notebook"),
        (b'{"cells": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested deeper"),
        (b'{"cells": [' + b",".join([b'{"cell_type": "code"}'] * 5001) + b"]}", "more than 5000 cells"),
    ],
)
def test_what_only_has_the_name_of_a_notebook_is_told(content: bytes, sentence: str) -> None:
    with pytest.raises(CourseError) as error:
        parse(content, "ada.ipynb")
    assert str(error.value).startswith("ada.ipynb ") and sentence in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_notebook_saved_by_another_editor_is_read(encoding: str, tmp_path: Path) -> None:
    path = mini_lesson.write(student({**RIGHT, "double": "# été\n" + RIGHT["double"]}), tmp_path / "x.ipynb")
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n")
    found = parse(text.encode(encoding), "x.ipynb")
    assert mini_lesson.answer_cell(found, "double").source == "# été\n" + RIGHT["double"] and found.notes == []


def test_what_could_not_be_read_in_a_cell_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LONGEST_CODE", 10)
    cells = b'{"cell_type": "code", "source": "# \\ud83c"}, {"cell_type": "code", "source": "12345678901"}'
    found = parse(b'{"cells": [' + cells + b"]}", "x.ipynb")
    assert [cell.source for cell in found.cells] == ["# �", ""]
    assert "Cell 1 has a broken character" in found.notes[0] and "Cell 2 has more than" in found.notes[1]


def test_fifty_megabytes_of_outputs_do_no_harm_and_more_than_the_limit_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = student(RIGHT)
    output = mini_lesson.v4.new_output("stream", name="stdout", text="x" * 50_000_000)
    mini_lesson.answer_cell(notebook, "double").outputs = [output]
    path = tmp_path / "x.ipynb"
    path.write_text(mini_lesson.nbformat.writes(notebook), encoding="utf-8")
    assert "outputs" not in mini_lesson.answer_cell(reader.read_student(path), "double")
    monkeypatch.setattr(reader, "MOST_BYTES", 49_000_000)
    with pytest.raises(CourseError, match="larger than 49 MB: clear its outputs"):
        read_file(path)

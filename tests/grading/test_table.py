"""One's own table of grades, read back after a spreadsheet saved it in its own way."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from course_tools.grading.table import as_cell, read_table, write_table
from course_utils.errors import CourseError

COLUMNS = ["student", "file", "digest", "points", "of", "passed", "note", "double", "double: hint"]
ROWS = [
    dict(zip(COLUMNS, ["Zoë", "Zoë.ipynb", "12ab", "1", "1", "1", "", "passed", ""], strict=True)),
    dict(zip(COLUMNS, ["bo", "bo/x.ipynb", "34cd", "0", "1", "0", 'a "b"; with\nlines', "failed", "x"], strict=True)),
]


def saved(path: Path, encoding: str = "utf-8", separator: str = ",", columns: list[str] = COLUMNS) -> Path:
    """The table as another program writes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([columns, *([row.get(name, "") for name in columns] for row in ROWS)])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_any_encoding_and_separator_is_read(tmp_path: Path, encoding: str, separator: str) -> None:
    found = read_table(saved(tmp_path / "grades.csv", encoding, separator), COLUMNS)
    assert list(found.values()) == ROWS and list(found) == ["Zoë.ipynb", "bo/x.ipynb"]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_table(tmp_path / "deep" / "grades.csv", COLUMNS, ROWS)
    assert list(read_table(tmp_path / "deep" / "grades.csv", COLUMNS).values()) == ROWS
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["grades.csv"]


def test_short_rows_empty_rows_empty_columns_and_another_order_are_read(tmp_path: Path) -> None:
    saved(tmp_path / "grades.csv", columns=COLUMNS[::-1])
    assert list(read_table(tmp_path / "grades.csv", COLUMNS).values()) == ROWS
    short = ",".join(COLUMNS) + ",,\nada,ada.ipynb,56ef,1,1,1,,passed\n,,,,,,,,\n\nbo\n"
    (tmp_path / "grades.csv").write_text(short, encoding="utf-8")
    (row,) = read_table(tmp_path / "grades.csv", COLUMNS).values()
    assert row == dict(zip(COLUMNS, ["ada", "ada.ipynb", "56ef", "1", "1", "1", "", "passed", ""], strict=True))
    (tmp_path / "grades.csv").write_text("", encoding="utf-8")
    assert read_table(tmp_path / "grades.csv", COLUMNS) == {} == read_table(tmp_path / "none.csv", COLUMNS)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "has other columns"),
        (bytes(range(256)) * 9, "has other columns"),
        (b"PK\x03\x04" + b"\0" * 400, "has other columns"),
        (b"\xff\xfe\x00", "has other columns"),
        (b'"' + b"x" * 300_000, "has other columns"),
        ((",".join([*COLUMNS, "remark"]) + "\n").encode(), "has other columns"),
        ((",".join(COLUMNS) + "\na,b,c,d,e,f,g,h,i,a remark\n").encode(), "more values than columns in row 2"),
    ],
)
def test_another_table_gets_one_sentence_and_stays(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "grades.csv"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=sentence):
        read_table(path, COLUMNS)
    assert path.read_bytes() == content


def test_a_table_that_is_a_folder_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="cannot be read"):
        read_table(tmp_path, COLUMNS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1", "\n=1", "＝1"])
def test_nothing_in_a_cell_is_a_formula(text: str) -> None:
    assert as_cell(text).startswith("'")
    assert as_cell(as_cell(text)) == as_cell(text)


def test_a_cell_holds_what_every_file_and_spreadsheet_can(tmp_path: Path) -> None:
    assert as_cell("a\0b\x1bc") == "a b c"
    assert as_cell("M\udcfcller") == "M\\udcfcller"
    assert len(as_cell("x" * 100_000)) == 8_000
    odd = {name: as_cell("\ud83c\0\r\n\u2028;,\"'\t" + "x" * 9_000) for name in COLUMNS}
    write_table(tmp_path / "grades.csv", COLUMNS, [odd])
    assert list(read_table(tmp_path / "grades.csv", COLUMNS).values()) == [odd]

"""The table of grades: a CSV file that a spreadsheet can open, save in its own way, and hand back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.files import write_atomically

LONGEST = 8_000  # characters of a cell; a spreadsheet takes 32,767
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
Row = dict[str, str]


def as_cell(value: str) -> str:
    """A value that any file can hold, and that a spreadsheet will not take for a formula."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", value.encode("utf-8", "backslashreplace").decode())
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return f"'{text}" if text.lstrip()[:1] in FORMULA else text


def in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["student"], row["file"]))


def write_table(path: Path, columns: list[str], rows: Iterable[Row]) -> None:
    """Write all rows in one step: whoever looks sees the old table or the new one.

    Raises:
        UnwritableError: it cannot be written; the old table is as it was.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(in_order(rows))
    write_atomically(path, text.getvalue().encode("utf-8-sig"))  # the mark makes Excel read UTF-8


def read_table(path: Path, columns: list[str]) -> dict[str, Row]:
    """The rows of an earlier table by their `file`, also as a spreadsheet saved it.

    UTF-8, UTF-16 and Windows' Western encoding are read; commas, semicolons and tabs; columns in any order; rows whose
    empty end was cut off. Without a file, or with an empty one, there are no rows.

    Raises:
        CourseError: it cannot be read, or is not a table with these columns and no others.
    """
    try:
        text = _text(path.read_bytes()) if path.exists() else ""
    except OSError as error:
        raise CourseError(f"{path} is there and cannot be read ({error.strerror}): name another file.") from None
    if not text.strip():
        return {}
    for separator in ",;\t":
        try:
            header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        except (csv.Error, ValueError):  # ValueError: not even a header
            continue
        header = [name.strip() for name in header]
        while header and not header[-1]:
            header.pop()
        if sorted(header) == sorted(columns):
            return _by_file(path, header, rows)
    raise CourseError(f"{path} is there and has other columns: name another file, or move it away.")


def _text(content: bytes) -> str:
    try:
        text = content.decode(json.detect_encoding(content))  # tells UTF-8 from UTF-16 for any text that begins plainly
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    return text.removeprefix("\ufeff")


def _by_file(path: Path, header: list[str], rows: list[list[str]]) -> dict[str, Row]:
    found = {}
    for number, values in enumerate(rows, start=2):
        if any(value.strip() for value in values[len(header) :]):
            raise CourseError(
                f"{path} has more values than columns in row {number}: take out what was added, or name another file."
            )
        row = dict.fromkeys(header, "") | dict(zip(header, values, strict=False))
        if row["file"]:
            found[row["file"]] = row
    return found

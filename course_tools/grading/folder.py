"""A folder of notebooks handed in, graded side by side into one CSV file that can be continued."""

from __future__ import annotations

import contextlib
import csv
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from course_tools.grading.canonical import read_canonical
from course_tools.grading.grade import grade, solution_path
from course_tools.grading.report import NOT_GRADED
from course_utils.errors import CourseError, UnwritableError
from course_utils.places import is_full, unwritable

FIXED = ["student", "file", "digest", "points", "of", "passed", "note"]


def grade_folder(
    lesson: str | int | Path,
    folder: str | Path,
    out: str | Path,
    *,
    workers: int = 2,
    timeout: float = 20.0,
    progress: Callable[[str], None] = lambda line: None,
) -> list[dict[str, str]]:
    """Grade every notebook of a folder into a CSV file: a row a notebook, two columns an exercise.

    A notebook right in the folder belongs to the student of its file name, one in a sub-folder to the student of that
    sub-folder's name. Rows already in `out` whose notebook, and solution edition, have not changed are kept; the file
    is written after every notebook, so that an interrupted run goes on where it stopped.

    This is not a sandbox: the answers run with your rights. See the package's docstring.

    Args:
        lesson: as in `grade`.
        folder: with `*.ipynb` in it, or one sub-folder a student.
        out: the CSV file.
        workers: notebooks graded at the same time. Each wants a core and about 500 MB.
        timeout: seconds for one answer cell, and for one check.
        progress: called with one line after each notebook.

    Returns:
        The rows, sorted by student. `digest` identifies the notebook and the solution edition together.

    Raises:
        CourseError: no such folder, nothing in it, or a CSV file made by something else or not to be written.
    """
    folder, out = Path(folder), Path(out)
    canonical_path = solution_path(lesson)
    names = list(read_canonical(canonical_path).exercises)
    columns = FIXED + [column for name in names for column in (name, f"{name}: hint")]
    files = _notebooks(folder)
    rows = _kept(out, columns)
    edition = canonical_path.read_bytes()
    todo = {}
    for student, path in files:
        digest = hashlib.sha256(edition + _bytes(path)).hexdigest()[:16]
        key = path.relative_to(folder).as_posix()
        if rows.get(key, {}).get("digest") != digest:
            todo[key] = (student, path, digest)
    rows = {key: row for key, row in rows.items() if key in {p.relative_to(folder).as_posix() for _, p in files}}
    _write(out, columns, rows)  # a table that cannot be written is said now, and not after the first grade
    # Threads are enough: each grade waits for processes of its own.
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        jobs = {
            pool.submit(_row, canonical_path, columns, student, key, path, digest, timeout): key
            for key, (student, path, digest) in todo.items()
        }
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                row = job.result()
                rows[jobs[job]] = row
                _write(out, columns, rows)
                verdict = row["note"] or f"{row['points']} of {row['of']} points"
                progress(f"{done} of {len(jobs)}  {row['student']}: {verdict}")
        except BaseException:  # Ctrl-C above all: leaving the pool would wait for every notebook that is still to come
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return _sorted(rows)


def _row(
    lesson: Path, columns: list[str], student: str, key: str, path: Path, digest: str, timeout: float
) -> dict[str, str]:
    """One notebook's row. A notebook that cannot be graded has its sentence in `note` and no points."""
    row = dict.fromkeys(columns, "") | {"student": student, "file": key, "digest": digest, "points": "0"}
    try:
        report = grade(lesson, path, timeout=timeout)
    except UnwritableError:
        raise  # the next notebook would fare no better, and it is no fault of this one's
    except CourseError as error:
        return {**row, "note": str(error)}
    row.update(points=str(report.earned), of=str(report.points), passed=str(report.passed))
    row["note"] = " ".join(report.notes)
    for result in report.results:
        row[result.name] = result.status
        row[f"{result.name}: hint"] = " ".join([result.hint, *result.notes]).strip()
    return row


def _notebooks(folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        raise CourseError(f"There is no folder {folder}: name the folder with the notebooks handed in.")
    found = []
    for path in sorted(folder.rglob("*.ipynb")):
        parts = path.relative_to(folder).parts
        if not any(part.startswith(".") for part in parts):  # JupyterLab's checkpoints
            found.append((path.stem if len(parts) == 1 else parts[0], path))
    if not found:
        raise CourseError(f"There is no notebook (*.ipynb) in {folder}.")
    return found


def _bytes(path: Path) -> bytes:
    """What is in a notebook; of one that cannot be read nothing, and its row will say why."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _kept(out: Path, columns: list[str]) -> dict[str, dict[str, str]]:
    """The rows of an earlier run, but for those that failed for a reason of ours."""
    if not out.is_file():
        return {}
    with out.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if list(reader.fieldnames or []) != columns:
            raise CourseError(f"{out} is there and has other columns: name another file, or move it away.")
        return {row["file"]: row for row in reader if NOT_GRADED not in row.values()}


def _write(out: Path, columns: list[str], rows: dict[str, dict[str, str]]) -> None:
    """All rows, through a second file, so that a stopped run leaves the old file or the new one."""
    part = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8-sig", newline="") as file:  # the mark makes Excel read UTF-8
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows({key: _harmless(value) for key, value in row.items()} for row in _sorted(rows))
        part.replace(out)
    except OSError as error:  # on Windows also while a spreadsheet has the file open
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if is_full(error):
            raise unwritable(out, error) from None
        raise CourseError(
            f"{out} cannot be written ({error.strerror or error}): close it in other programs, or name another file."
        ) from None


def _harmless(value: str) -> str:
    """A value that a spreadsheet will not take for a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@") else value


def _sorted(rows: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows.values(), key=lambda row: (row["student"], row["file"]))

"""A folder of notebooks handed in, graded side by side into one CSV file that can be continued."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from course_tools.grading.canonical import read_canonical
from course_tools.grading.grade import grade, solution_path, some_time
from course_tools.grading.report import NOT_GRADED, STATUSES
from course_tools.grading.submissions import Submission, handed_in
from course_tools.grading.table import Row, as_cell, in_order, read_table, write_table
from course_utils.errors import CourseError, UnwritableError
from course_utils.places import is_full

FIXED = ["student", "file", "digest", "points", "of", "passed", "note"]


def grade_folder(
    lesson: str | int | Path,
    folder: str | Path,
    out: str | Path,
    *,
    workers: int = 2,
    timeout: float = 20.0,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Grade everything in a folder into a CSV file: a row a notebook, two columns an exercise.

    A notebook right in the folder belongs to the student of its file name, one in a sub-folder to the student of that
    sub-folder's name; a zip is looked into. What cannot be graded has a row too, and its `note` says why. Rows already
    in `out` whose notebook, and solution edition, have not changed are kept; the file is written after every notebook,
    so that an interrupted run goes on where it stopped.

    This is not a sandbox: the answers run with your rights. See the package's docstring.

    Args:
        lesson: as in `grade`.
        folder: with `*.ipynb` in it, or one sub-folder a student.
        out: the CSV file; a spreadsheet may have saved it meanwhile.
        workers: notebooks graded at the same time. Each wants a core and about 500 MB.
        timeout: seconds for one answer cell, and for one check.
        progress: called with one line after each notebook.

    Returns:
        The rows, sorted by student. `digest` identifies the notebook and the solution edition together.

    Raises:
        CourseError: no such folder, nothing in it, a timeout that is none, or a CSV file made by something else or not
            to be written. Nothing that a student handed in raises.
    """
    folder, out = Path(folder), Path(out)
    some_time(timeout)
    canonical_path = solution_path(lesson)
    names = list(read_canonical(canonical_path).exercises)
    columns = FIXED + [column for name in names for column in (name, f"{name}: hint")]
    work = handed_in(folder, out)
    earlier = read_table(out, columns)
    edition = canonical_path.read_bytes()
    rows: dict[int, Row] = {}
    todo: list[int] = []
    for index, one in enumerate(work):
        if one.refusal:
            rows[index] = _row(columns, one, "", note=one.refusal)
            continue
        row = earlier.get(as_cell(one.file))
        if row:  # also an older grade stays until there is a new one
            rows[index] = row | {"student": as_cell(one.student)}  # a spreadsheet makes 7 of 007
        if not row or row["digest"] != _digest(edition, one) or not _is_whole(row, names):
            todo.append(index)
    _write(out, columns, rows)  # a table that cannot be written is said now, and not after the first grade
    # Threads are enough: each grade waits for processes of its own.
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        jobs = {
            pool.submit(_graded, canonical_path, edition, names, columns, work[index], timeout): index for index in todo
        }
        held = False
        try:
            for done, job in enumerate(as_completed(jobs), start=1):
                row = rows[jobs[job]] = job.result()
                held = not _is_written(out, columns, rows)
                points = f"{row['points']} of {row['of']} points" if row["of"] else ""
                verdict = "; ".join(filter(None, [points, row["note"]]))
                progress(f"{done} of {len(jobs)}  {row['student']}: {verdict}")
        except BaseException:  # Ctrl-C above all: leaving the pool would wait for every notebook that is still to come
            pool.shutdown(wait=False, cancel_futures=True)
            if held:
                _write_beside(out, columns, rows)
            raise
    if held:
        _write_beside(out, columns, rows)
    return in_order(rows.values())


def _graded(lesson: Path, edition: bytes, names: list[str], columns: list[str], one: Submission, timeout: float) -> Row:
    """One notebook's row. A notebook that cannot be graded has its sentence in `note` and no points."""
    digest = ""  # without one, the next run tries again
    try:
        content = one.read()
        digest = _identity(edition, content)
        report = grade(lesson, Path(one.file), content=content, solutions=False, timeout=timeout)
    except UnwritableError as error:  # it is no fault of this notebook's: the next run tries again
        return _row(columns, one, "", note=str(error), **dict.fromkeys(names, NOT_GRADED))
    except CourseError as error:
        return _row(columns, one, digest, note=str(error))
    except Exception as error:  # of whatever kind: it costs this row and no other
        return _row(columns, one, "", note=_sentence(error), **dict.fromkeys(names, NOT_GRADED))
    row = {"points": str(report.earned), "of": str(report.points), "passed": str(report.passed)}
    notes = list(report.notes)
    if re.search(r"\\x[89a-f]", one.file):
        notes.append("Its name is not plain UTF-8 text; what cannot be shown of it stands behind a backslash.")
    for result in report.results:
        row[result.name] = result.status
        row[f"{result.name}: hint"] = " ".join([result.hint, *result.notes]).strip()
    return _row(columns, one, digest, note=" ".join(notes), **row)


def _row(columns: list[str], one: Submission, digest: str, **values: str) -> Row:
    row = dict.fromkeys(columns, "") | {"student": one.student, "file": one.file, "digest": digest, "points": "0"}
    return {key: as_cell(value) for key, value in (row | values).items()}


def _sentence(error: Exception) -> str:
    """What stopped a grade that no student should be able to stop."""
    if isinstance(error, OSError):
        return (
            f"It could not be graded, which is not the student's fault ({error.strerror or error}): see to that, and "
            "run the same command again."
        )
    return (
        f"It could not be graded ({type(error).__name__}: {str(error)[:200]}): look into the notebook, and run the "
        "same command again."
    )


def _identity(edition: bytes, content: bytes) -> str:
    return hashlib.sha256(edition + content).hexdigest()[:16]


def _digest(edition: bytes, one: Submission) -> str | None:
    """The identity of a notebook; None for one that cannot be read, and its row will say why."""
    try:
        return _identity(edition, one.read())
    except Exception:
        return None


def _is_whole(row: Row, names: list[str]) -> bool:
    """Whether an earlier row is a grade to keep: not one that failed for a reason of ours, nor one that was cut off."""
    found = [row[name] for name in names]
    return NOT_GRADED not in found and (all(s in STATUSES for s in found) if row["of"] else bool(row["note"]))


def _is_written(out: Path, columns: list[str], rows: dict[int, Row]) -> bool:
    """Write the table; if that cannot be done now, the grades go on, and the next row brings the next try."""
    try:
        _write(out, columns, rows)
    except CourseError:
        return False
    return True


def _write(out: Path, columns: list[str], rows: dict[int, Row]) -> None:
    try:
        write_table(out, columns, rows.values())
    except UnwritableError as error:
        why = error.__cause__
        if not isinstance(why, OSError) or is_full(why):
            raise
        raise CourseError(  # on Windows also while a spreadsheet has the file open
            f"{out} cannot be written ({why.strerror or why}): close it in other programs, or name another file."
        ) from None


def _write_beside(out: Path, columns: list[str], rows: dict[int, Row]) -> None:
    """The grades of a run whose table could not be written at the end, in another file."""
    beside = out.with_name(f"{out.stem}-new{out.suffix}")
    _write(beside, columns, rows)
    raise CourseError(f"{out} could not be written, so the grades are in {beside}: put it in the other's place.")

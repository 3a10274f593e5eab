"""One notebook's grade from beginning to end."""

from __future__ import annotations

import time
from pathlib import Path

from course_tools.editions.lessons import find
from course_tools.grading.again import hear_again
from course_tools.grading.answers import find_answers
from course_tools.grading.canonical import Canonical, is_answer, name_of, read_canonical
from course_tools.grading.process import Limits
from course_tools.grading.reader import StudentNotebook, parse, read_file, readable
from course_tools.grading.report import Report
from course_tools.grading.rounds import Findings, grade_rounds
from course_tools.grading.verdicts import judge
from course_utils.errors import CourseError

LONGEST_TIMEOUT = 86_400  # seconds: a day


def grade(
    lesson: str | int | Path,
    notebook: str | Path,
    *,
    content: bytes | None = None,
    solutions: bool = True,
    timeout: float = 20.0,
    setup_timeout: float = 180.0,
    total_timeout: float = 900.0,
) -> Report:
    """Grade a student's notebook. The file is only read.

    Args:
        lesson: a lesson's number ("01" or 1), or the `Path` of an executed solution edition.
        notebook: the student's file.
        content: what is in it, where it is not to be read from there; then `notebook` only names it.
        solutions: whether the course's own solution edition is graded too, and not refused.
        timeout: seconds for one answer cell, and for one check.
        setup_timeout: seconds for one of the lesson's own cells.
        total_timeout: seconds after which no new run is started.

    Raises:
        CourseError: the notebook cannot be read or is another lesson's, the solution edition is missing or was
            stripped of its outputs, or the timeout is no time. A bad answer never raises.
    """
    began = time.monotonic()
    notebook = Path(notebook)
    some_time(timeout)
    canonical = read_canonical(solution_path(lesson))
    name = readable(notebook.name)
    student = parse(read_file(notebook) if content is None else content, name)
    answers = find_answers(student, canonical, name)
    if not solutions and _is_own_solution(student, canonical):
        raise CourseError(f"{name} is the course's own solution edition, and no student's work.")
    limits = Limits(timeout, setup_timeout, total_timeout)
    findings = grade_rounds(canonical, answers, limits)
    hear_again(canonical, answers, limits, findings)
    results = [
        judge(exercise, answers[name], findings, limits, canonical.path.stem)
        for name, exercise in canonical.exercises.items()
    ]
    notes = [*student.notes, *findings.setup_errors, *([findings.problem] if findings.problem else [])]
    seconds = time.monotonic() - began
    return Report(canonical.path.stem[:2], notebook, results, notes, seconds, _timings(findings, seconds))


def check(number: str | int, notebook: str | Path | None = None, *, timeout: float = 20.0) -> Report:
    """Grade a lesson's notebook, by default the student's own, notebooks/NN_slug.ipynb. `Report.show` prints it."""
    if notebook is None:
        notebook = find(number).student
    return grade(number, notebook, timeout=timeout)


def some_time(seconds: float) -> None:
    """Refuse a timeout that is none.

    Raises:
        CourseError: zero, negative, not a number, or longer than a day.
    """
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise CourseError(
            f"A timeout of {seconds:g} seconds is no time for an answer: give more than 0, at most {LONGEST_TIMEOUT}."
        )


def solution_path(lesson: str | int | Path) -> Path:
    """The executed solution edition of a lesson.

    Raises:
        CourseError: there is no such lesson.
    """
    return lesson if isinstance(lesson, Path) else find(lesson).solution


def _is_own_solution(student: StudentNotebook, canonical: Canonical) -> bool:
    """Whether it calls itself a solution edition and has this lesson's answers between the course's marks."""
    marked = {name_of(cell) for cell in student.cells if is_answer(cell) and "### BEGIN SOLUTION" in cell.source}
    return student.edition == "solution" and marked >= set(canonical.exercises)


def _timings(findings: Findings, seconds: float) -> dict[str, float]:
    """Seconds by what they were spent on; "start" is what no cell accounts for: pytest, and the kernel coming up."""
    spent = {"set-up": 0.0, "answers": 0.0, "checks": 0.0}
    words = {"setup": "set-up", "guard": "set-up", "answer": "answers", "check": "checks"}
    for run in findings.runs:
        for record in [*run.records, *([run.culprit] if run.culprit else [])]:
            spent[words[record["role"]]] += record.get("seconds", 0.0)
    return {"start": max(0.0, seconds - sum(spent.values())), **spent, "runs": float(len(findings.runs))}

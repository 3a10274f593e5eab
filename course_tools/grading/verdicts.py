"""From the records of the cells to one result an exercise; what is said with it stands in `sentences`."""

from __future__ import annotations

from typing import Any

from course_tools.grading import lines, report, sentences
from course_tools.grading.answers import ANSWERED, MISSING, Answer
from course_tools.grading.canonical import CanonicalExercise, verdict_pattern
from course_tools.grading.process import Limits
from course_tools.grading.report import ExerciseResult
from course_tools.grading.rounds import Findings
from course_tools.grading.said import passes, said


def judge(
    exercise: CanonicalExercise,
    answer: Answer,
    findings: Findings,
    limits: Limits,
    lesson: str,
) -> ExerciseResult:
    """The result of one exercise.

    Args:
        exercise: as the solution edition has it.
        answer: what was found in the student's notebook.
        findings: what the runs reported.
        limits: for the sentences.
        lesson: the stem of the lesson's files, such as "01_forward_noising".
    """
    name = exercise.name
    notes = list(answer.notes)

    def result(status: str, hint: str = "") -> ExerciseResult:
        return ExerciseResult(name, exercise.points, status, hint, notes)

    if answer.state == MISSING:
        return result(
            report.NOT_FOUND,
            f"No cell for `{name}` was found: copy it back from a fresh notebooks/{lesson}.ipynb, "
            "with its answer in it.",
        )
    if answer.state != ANSWERED:
        return result(report.NOT_TRIED, "Its cell is as it was handed out.")
    unreadable = sentences.syntax(answer)
    if unreadable:
        return result(report.ERROR, unreadable)
    notes += sentences.installs(answer)
    if name in findings.events:
        return result(*sentences.event(findings.events[name], limits, answer))
    records = findings.records.get(name)
    if records is None:
        return result(report.NOT_GRADED, findings.problem or "The grade broke off before this exercise; run it again.")
    notes += sentences.strays(name, findings)
    error = next((r for r in records if r["role"] == "answer" and r["ename"]), None)
    return _from_check(exercise, answer, records, error, findings.secret, result, notes)


def _from_check(
    exercise: CanonicalExercise,
    answer: Answer,
    records: list[dict[str, Any]],
    error: dict[str, Any] | None,
    secret: str,
    result: Any,
    notes: list[str],
) -> ExerciseResult:
    """The result of an exercise whose check came to its end."""
    name = exercise.name
    check = next((r for r in records if r["role"] == "check"), None)
    words = said(records, secret, name)
    if check is None or not words.outcome:
        return result(report.NOT_GRADED, "Its check did not run to the end; run the grade again.")
    if words.broken:
        return result(report.ERROR, sentences.broken(words.broken, answer.sources))
    verdicts = verdict_pattern(name).findall(check["text"])
    if len(verdicts) > 1:
        return result(
            report.FAILED,
            "More than one verdict was printed while the check ran, so none counts: take out of the answer whatever "
            f"prints `{name}: ...`.",
        )
    verdict = verdicts[0] if verdicts else ""
    if passes(records, exercise.recorded, secret, name, verdict):
        if error is not None:
            notes.append(f"Its cell also stops with an error, after the answer: {sentences.raised(error, words.line)}.")
        return result(report.PASSED)
    if verdict.startswith(f"{name}: PASS"):
        return result(
            report.FAILED,
            "A line says that it passed, but it was not the check that says so: take out of the answer whatever prints "
            "or replaces parts of the course."
            if words.outcome != "kept"
            else f"The check said `{verdict}` where the solution edition says `{exercise.recorded}`: "
            "the edition is out of date, run `course build`.",
        )
    if verdict.startswith(f"{name}: FAIL"):
        hint = sentences.hint_in(check["text"], verdict)
        return result(report.FAILED, sentences.not_here(hint) or hint)
    if verdict and lines.only_comments(answer.sources, exercise.untouched, name):
        return result(report.NOT_TRIED, "Its cell was changed, but there is no answer in it yet.")
    if error is not None:
        return result(report.ERROR, sentences.stops(answer, error, words.line))
    if verdict and "course's own version" in check["text"]:
        hint = f"`{name}` is the course's own version, or a copy of it under its name: write your own."
        return result(report.NOT_TRIED, hint)
    if verdict and words.undefined:
        return result(report.ERROR, f"Its cell never defines `{name}`, or takes it away again: is the name spelled so?")
    if verdict:
        where = lines.line_of(r"raise NotImplementedError", answer.sources)
        return result(report.FAILED, f"`{name}` still raises NotImplementedError{where}: take that line out.")
    return result(report.FAILED, f"Its check stopped with {check['ename'] or 'no verdict'}: {check['evalue']}")

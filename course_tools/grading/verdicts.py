"""From the records of the cells to one result an exercise, in words for the person who wrote the answer."""

from __future__ import annotations

import re
from typing import Any

from course_tools.cells import syntax_error
from course_tools.grading import report
from course_tools.grading.answers import ANSWERED, MISSING, Answer
from course_tools.grading.assemble import LIMIT_BYTES
from course_tools.grading.canonical import CanonicalExercise, verdict_pattern
from course_tools.grading.process import Limits
from course_tools.grading.report import ExerciseResult
from course_tools.grading.rounds import Findings

MEGABYTES = LIMIT_BYTES // 1_000_000


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
    broken = _syntax(answer)
    if broken:
        return result(report.ERROR, broken)
    if name in findings.events:
        return result(*_event(findings.events[name], limits))
    records = findings.records.get(name)
    if records is None:
        return result(report.NOT_GRADED, findings.problem or "The grade broke off before this exercise; run it again.")
    if name in findings.strays:
        notes.append("It was graded alone: another answer leaves something behind that breaks what runs later.")
    error = next((r for r in records if r["role"] == "answer" and r["ename"]), None)
    return _from_check(exercise, records, error, findings.secret, result, notes)


def _from_check(
    exercise: CanonicalExercise,
    records: list[dict[str, Any]],
    error: dict[str, Any] | None,
    secret: str,
    result: Any,
    notes: list[str],
) -> ExerciseResult:
    """The result of an exercise whose check came to its end."""
    name = exercise.name
    check = next((r for r in records if r["role"] == "check"), None)
    after = next((r for r in records if r["role"] == "guard" and secret in r["text"]), None)
    if check is None or after is None:
        return result(report.NOT_GRADED, "Its check did not run to the end; run the grade again.")
    verdicts = verdict_pattern(name).findall(check["text"])
    if len(verdicts) > 1:
        return result(
            report.FAILED,
            "More than one verdict was printed while the check ran, so none counts: take out of the answer whatever "
            f"prints `{name}: ...`.",
        )
    verdict = verdicts[0] if verdicts else ""
    kept = f"{secret} {name} kept" in after["text"]
    if verdict == exercise.recorded and check["passed"] and kept:
        if error is not None:
            notes.append(f"Its cell also stops with an error, after the answer: {_raised(error)}.")
        return result(report.PASSED)
    if verdict.startswith(f"{name}: PASS"):
        return result(
            report.FAILED,
            "A line says that it passed, but it was not the check that says so: take out of the answer whatever prints "
            "or replaces parts of the course."
            if not kept
            else f"The check said `{verdict}` where the solution edition says `{exercise.recorded}`: "
            "the edition is out of date, run `course build`.",
        )
    if verdict.startswith(f"{name}: FAIL"):
        hint = _hint(check["text"], verdict)
        return result(report.FAILED, _not_here(hint) or hint)
    if error is not None:
        text = f"{error['ename']}: {error['evalue']}"
        return result(report.ERROR, _not_here(text) or f"Its cell raises {_raised(error)}.")
    if verdict:
        return result(report.NOT_TRIED, _not_tried(name, check["text"]))
    return result(report.FAILED, f"Its check stopped with {check['ename'] or 'no verdict'}: {check['evalue']}")


def _event(culprit: dict[str, Any], limits: Limits) -> tuple[str, str]:
    """Status and sentence for an answer that broke its run."""
    where = "Its cell" if culprit.get("role") == "answer" else "Its function, called by the check,"
    if culprit["event"] == "timeout":
        return (
            report.TIMED_OUT,
            f"{where} was still running after {limits.answer:g} s and was stopped: is there a loop that never ends?",
        )
    if culprit["event"] == "flood":
        return (
            report.FLOODED,
            f"{where} printed more than {MEGABYTES} MB without coming to an end, and was stopped: is there a print "
            "in a loop that never ends?",
        )
    if culprit["event"] == "parent":
        return report.DIED, f"{where} ended the program that was grading it."
    return (
        report.DIED,
        f"{where} ended the Python kernel: an exit, a crash in compiled code, or no memory left.",
    )


def _syntax(answer: Answer) -> str:
    """A sentence about the first syntax error in the answer, or ""."""
    for source in answer.parts:
        error = syntax_error(source)
        if error is not None:
            where = f" in line {error.lineno} of its cell" if error.lineno else ""
            shown = (error.text or "").strip()
            return f"Python cannot read it: {error.msg}{where}" + (f", `{shown[:80]}`." if shown else ".")
    return ""


def _hint(text: str, verdict: str) -> str:
    """The hint under a FAIL line, unwrapped."""
    found = re.search(r"  hint: (.*(?:\n  .*)*)", text[text.index(verdict) :])
    return " ".join(found.group(1).split()) if found else ""


def _not_tried(name: str, text: str) -> str:
    if "course's own version" in text:
        return f"`{name}` is the course's own version, or a copy of it under its name: write your own."
    return f"Its cell was changed, but `{name}` still raises NotImplementedError, or is never defined."


def _not_here(text: str) -> str:
    """A better sentence for an error about a module that is not installed where the grade is made."""
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        return f"Your answer imports `{missing.group(1)}`, which is not installed here: use what the lesson imports."
    return ""


def _raised(error: dict[str, Any]) -> str:
    where = f" in line {error['line']}" if error["line"] else ""
    text = f": {error['evalue'][:200]}" if error["evalue"] else ""
    return f"{error['ename']}{where}{text}".rstrip(".")

"""From the records of the cells to one result an exercise, in words for the person who wrote the answer."""

from __future__ import annotations

import re
from typing import Any

from course_tools.cells import syntax_error
from course_tools.grading import lines, report
from course_tools.grading.answers import ANSWERED, MISSING, Answer
from course_tools.grading.assemble import LIMIT_BYTES
from course_tools.grading.canonical import CanonicalExercise, verdict_pattern
from course_tools.grading.process import Limits
from course_tools.grading.report import ExerciseResult
from course_tools.grading.rounds import Findings
from course_tools.grading.said import passes, said

MEGABYTES = LIMIT_BYTES // 1_000_000


def judge(
    exercise: CanonicalExercise,
    answer: Answer,
    findings: Findings,
    limits: Limits,
    elsewhere: dict[str, bool],
    lesson: str,
) -> ExerciseResult:
    """The result of one exercise.

    Args:
        exercise: as the solution edition has it.
        answer: what was found in the student's notebook.
        findings: what the runs reported.
        limits: for the sentences.
        elsewhere: names the notebook's other cells define, from `defined_outside`.
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
    installing = lines.installing(answer.parts)
    if installing:
        notes.append(
            f"Line {installing[0]}, `{installing[1]}`, did nothing: a grade installs no packages, and has those of the "
            "course."
        )
    if name in findings.events:
        return result(*_event(findings.events[name], limits, answer))
    records = findings.records.get(name)
    if records is None:
        return result(report.NOT_GRADED, findings.problem or "The grade broke off before this exercise; run it again.")
    notes += _strays(name, findings)
    error = next((r for r in records if r["role"] == "answer" and r["ename"]), None)
    return _from_check(exercise, answer, records, error, findings.secret, elsewhere, result, notes)


def _from_check(
    exercise: CanonicalExercise,
    answer: Answer,
    records: list[dict[str, Any]],
    error: dict[str, Any] | None,
    secret: str,
    elsewhere: dict[str, bool],
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
        return result(report.ERROR, _broken(words.broken, answer.parts))
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
            notes.append(f"Its cell also stops with an error, after the answer: {_raised(error, words.line)}.")
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
        hint = _hint(check["text"], verdict)
        return result(report.FAILED, _borrowed(hint, elsewhere) or hint)
    if verdict and lines.only_comments(answer.parts, exercise.untouched, name):
        return result(report.NOT_TRIED, "Its cell was changed, but there is no answer in it yet.")
    if error is not None:
        text = f"{error['ename']}: {error['evalue']}"
        hint = (
            _exit(answer, words.line)
            if error["ename"] == "SystemExit"
            else f"Its cell raises {_raised(error, words.line)}."
        )
        return result(report.ERROR, _borrowed(text, elsewhere) or hint)
    if verdict and "course's own version" in check["text"]:
        hint = f"`{name}` is the course's own version, or a copy of it under its name: write your own."
        return result(report.NOT_TRIED, hint)
    if verdict and words.undefined:
        return result(report.ERROR, f"Its cell never defines `{name}`, or takes it away again: is the name spelled so?")
    if verdict:
        where = lines.line_of(r"raise NotImplementedError", answer.parts)
        return result(report.FAILED, f"`{name}` still raises NotImplementedError{where}: take that line out.")
    return result(report.FAILED, f"Its check stopped with {check['ename'] or 'no verdict'}: {check['evalue']}")


def _event(culprit: dict[str, Any], limits: Limits, answer: Answer) -> tuple[str, str]:
    """Status and sentence for an answer that broke its run."""
    own = culprit.get("role") == "answer"
    where = "Its cell" if own else "Its function, called by the check,"
    if culprit["event"] == "timeout":
        installing = lines.installing(answer.parts) if own else None
        return (
            report.TIMED_OUT,
            f"{where} was still running after {limits.answer:g} s and was stopped: "
            + (
                f"line {installing[0]}, `{installing[1]}`, waits for an installation; take it out."
                if installing
                else "is there a loop that never ends?"
            ),
        )
    if culprit["event"] == "guard":
        what = f"{culprit['ename']}: {culprit['evalue'][:200]}" if culprit["ename"] else "nothing printed arrives"
        return (
            report.ERROR,
            f"It leaves Python in a state in which nothing after it runs ({what}): take out what changes anything but "
            "its own names.",
        )
    if culprit["event"] == "flood":
        return (
            report.FLOODED,
            f"{where} printed more than {MEGABYTES} MB without coming to an end, and was stopped: is there a print "
            "in a loop that never ends?",
        )
    if culprit["event"] == "parent":
        return report.DIED, f"{where} ended the program that was grading it."
    ending = lines.ending(answer.parts)
    if ending:
        return report.DIED, f"{where} ended the Python kernel in line {ending[0]}: take `{ending[1]}` out."
    return (
        report.DIED,
        f"{where} ended the Python kernel: an exit, a crash in compiled code, or no memory left.",
    )


def _syntax(answer: Answer) -> str:
    """A sentence about the first syntax error in the answer, or ""."""
    for source in map(lines.in_own_lines, answer.parts):
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


def _exit(answer: Answer, line: int) -> str:
    """A sentence for a cell that ended Python with an exit that Python could catch."""
    ending = lines.ending(answer.parts)
    if ending:
        return f"Its cell ends Python in line {ending[0]}: take `{ending[1]}` out."
    return f"Its cell ends Python{f' in line {line}' if line else ''}: take that out."


def _broken(what: str, parts: list[str]) -> str:
    """A sentence for an answer after which the check could not run in the student's own notebook."""
    if what == "names":
        where = lines.line_of(r"%reset|%clear|\bdel\b|\bclear\(|globals\(|user_ns", parts)
        return f"Its cell takes away names of the lesson that its check needs{where}: leave that out."
    if what == "stdout":
        return f"Its cell closes `sys.stdout`{lines.line_of(r'close', parts)}, and no check can print: leave that out."
    device = what.removeprefix("device ")
    where = lines.line_of(r"default_device|torch\.device|default_tensor_type", parts)
    return f"Its cell sets the default device to `{device}`{where}, which is not there: leave that out."


def _strays(name: str, findings: Findings) -> list[str]:
    """Notes about what one answer did to another."""
    notes = []
    if name in findings.strays:
        named = [(other, thing) for other, thing in findings.doubts.get(name, []) if other]
        who = (
            f"`{named[-1][0]}` leaves something behind ({named[-1][1]})"
            if named
            else "another answer leaves something behind"
        )
        notes.append(f"It was graded alone: {who} that breaks what runs later.")
    hurt = [other for other in sorted(findings.strays) if name in {who for who, _ in findings.doubts.get(other, [])}]
    if hurt:
        left = ", ".join(dict.fromkeys(thing for who, thing in findings.doubts[hurt[0]] if who == name))
        notes.append(f"It leaves something behind ({left}) that breaks other answers: {', '.join(hurt)}.")
    return notes


def _borrowed(text: str, elsewhere: dict[str, bool]) -> str:
    """A better sentence for an error about a name or a module that a lone answer cell does not have."""
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        return f"Your answer imports `{missing.group(1)}`, which is not installed here: use what the lesson imports."
    name = re.search(r"[Nn]ame '(\w+)' is not defined", text)
    if name and name.group(1) in elsewhere:
        word = "imported" if elsewhere[name.group(1)] else "defined"
        return (
            f"Your answer uses `{name.group(1)}`, which is {word} in another cell: move it into the answer cell, "
            "since only that cell is graded."
        )
    return ""


def _raised(error: dict[str, Any], line: int) -> str:
    where = f" in line {line}" if line else ""
    text = f": {error['evalue'][:200]}" if error["evalue"] else ""
    return f"{error['ename']}{where}{text}".rstrip(".")

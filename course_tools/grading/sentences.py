"""What a grade says about an answer, to the person who wrote it.

Lines are the student's own, counted as their editor counts (`Answer.sources`).
"""

from __future__ import annotations

import re
from typing import Any

from course_tools.cells import syntax_error
from course_tools.grading import lines, report
from course_tools.grading.answers import Answer
from course_tools.grading.assemble import LIMIT_BYTES
from course_tools.grading.process import Limits
from course_tools.grading.rounds import Findings

MEGABYTES = LIMIT_BYTES // 1_000_000


def event(culprit: dict[str, Any], limits: Limits, answer: Answer) -> tuple[str, str]:
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
    ending = lines.ending(answer.sources)
    if ending:
        return report.DIED, f"{where} ended the Python kernel in line {ending[0]}: take `{ending[1]}` out."
    return (
        report.DIED,
        f"{where} ended the Python kernel: an exit, a crash in compiled code, or no memory left.",
    )


def syntax(answer: Answer) -> str:
    """A sentence about the first syntax error in the answer, or ""."""
    for source in map(lines.in_own_lines, answer.parts):
        error = syntax_error(source)
        if error is not None:
            where = f" in line {error.lineno} of its cell" if error.lineno else ""
            shown = (error.text or "").strip()
            return f"Python cannot read it: {error.msg}{where}" + (f", `{shown[:80]}`." if shown else ".")
    return ""


def installs(answer: Answer) -> list[str]:
    """A note about the first line that installs something, if there is one."""
    found = lines.installing(answer.sources)
    what = "did nothing: a grade installs no packages, and has those of the course."
    return [f"Line {found[0]}, `{found[1]}`, {what}"] if found else []


def hint_in(text: str, verdict: str) -> str:
    """The hint under a FAIL line, unwrapped."""
    found = re.search(r"  hint: (.*(?:\n  .*)*)", text[text.index(verdict) :])
    return " ".join(found.group(1).split()) if found else ""


def stops(answer: Answer, error: dict[str, Any], line: int) -> str:
    """A sentence for an answer's cell that stopped with an exception."""
    if error["ename"] == "SystemExit":
        return exits(answer, line)
    return not_here(f"{error['ename']}: {error['evalue']}") or f"Its cell raises {raised(error, line)}."


def exits(answer: Answer, line: int) -> str:
    """A sentence for a cell that ended Python with an exit that Python could catch."""
    ending = lines.ending(answer.sources)
    if ending:
        return f"Its cell ends Python in line {ending[0]}: take `{ending[1]}` out."
    return f"Its cell ends Python{f' in line {line}' if line else ''}: take that out."


def broken(what: str, parts: list[str]) -> str:
    """A sentence for an answer after which the check could not run in the student's own notebook."""
    if what == "names":
        where = lines.line_of(r"%reset|%clear|\bdel\b|\bclear\(|globals\(|user_ns", parts)
        return f"Its cell takes away names of the lesson that its check needs{where}: leave that out."
    if what == "stdout":
        return f"Its cell closes `sys.stdout`{lines.line_of(r'close', parts)}, and no check can print: leave that out."
    device = what.removeprefix("device ")
    where = lines.line_of(r"default_device|torch\.device|default_tensor_type", parts)
    return f"Its cell sets the default device to `{device}`{where}, which is not there: leave that out."


def strays(name: str, findings: Findings) -> list[str]:
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


def not_here(text: str) -> str:
    """A better sentence for an error about a module that is not installed where the grade is made."""
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        return f"Your answer imports `{missing.group(1)}`, which is not installed here: use what the lesson imports."
    return ""


def raised(error: dict[str, Any], line: int) -> str:
    where = f" in line {line}" if line else ""
    text = f": {error['evalue'][:200]}" if error["evalue"] else ""
    return f"{error['ename']}{where}{text}".rstrip(".")

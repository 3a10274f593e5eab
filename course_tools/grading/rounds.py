"""Running a graded notebook as often as it takes to give every exercise a verdict.

A run ends at the first hang, crash or flood, since nothing after it could be trusted. `grade_rounds` then runs the
lesson again without the culprit until every exercise has a verdict, so that nobody loses the points of the other
exercises. Who is hit by a crash need not have caused it, so a suspect is run once more alone before it is blamed. At
most three runs an exercise are needed, mostly one in all.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from course_tools.grading import process
from course_tools.grading.again import Doubts, doubts
from course_tools.grading.answers import ANSWERED, Answer
from course_tools.grading.canonical import Canonical
from course_tools.grading.process import Limits, RunResult
from course_tools.grading.said import said


@dataclass
class Findings:
    """What all runs together found.

    Attributes:
        records: for each exercise, the records of its cells in the run that decided it.
        events: for each exercise that broke its run: "died", "timeout", "flood", "guard" or "parent".
        doubts: for each exercise, what others had left behind before its answer ran.
        strays: exercises in whose cells a run broke off although they do no harm alone.
        problem: why the grade could not be finished, in a sentence; "" if it was.
        setup_errors: sentences about set-up cells of the course that failed.
        runs: every run.
    """

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    doubts: dict[str, Doubts] = field(default_factory=dict)
    strays: set[str] = field(default_factory=set)
    problem: str = ""
    setup_errors: list[str] = field(default_factory=list)
    runs: list[RunResult] = field(default_factory=list)
    secret: str = field(default_factory=lambda: secrets.token_hex(8))


def grade_rounds(canonical: Canonical, answers: dict[str, Answer], limits: Limits) -> Findings:
    """Run the lesson until every exercise that was answered has a verdict, or an event that explains why not."""
    findings = Findings()
    wanted = [name for name in canonical.exercises if answers[name].state == ANSWERED]
    out: set[str] = set()  # those whose cell must not run again
    unchecked: set[str] = set()  # those whose cell may run, but whose answer must not be called again
    started = time.monotonic()
    while wanted:
        if time.monotonic() - started > limits.total:
            findings.problem = f"The grade was stopped after {limits.total:.0f} s: too many answers hang or crash."
            return findings
        included = [name for name in wanted if name not in out]
        result = process.run(canonical, answers, included, limits, findings.secret, unchecked)
        findings.runs.append(result)
        _collect(findings, result, set(included) - unchecked)
        if result.culprit is None:
            if not result.finished or any(name not in findings.records for name in set(included) - unchecked):
                findings.problem = f"The grade broke off before its end. {_tail(result.spare)}".strip()
            return findings
        suspect = _suspect(result)
        if suspect is None or suspect in out:
            findings.problem = (
                f"The lesson's own cells did not run ({_words(result.culprit)}), so nothing after them was graded: "
                f"try `course doctor`. {_tail(result.spare)}"
            ).strip()
            return findings
        if suspect in unchecked or result.culprit.get("role") == "answer" or result.culprit["event"] == "guard":
            out.add(suspect)
        if suspect in unchecked:
            continue  # it has its verdict
        unchecked.add(suspect)
        if _is_plain(result, suspect):
            findings.events[suspect] = result.culprit  # no second opinion is needed
            findings.records.pop(suspect, None)
            continue
        alone = process.run(canonical, answers, [suspect], limits, findings.secret)
        findings.runs.append(alone)
        if alone.culprit is None and alone.finished:
            findings.strays.add(suspect)
            _collect(findings, alone, [suspect])
        else:
            findings.events[suspect] = alone.culprit or result.culprit
            findings.records.pop(suspect, None)
    return findings


def _collect(findings: Findings, result: RunResult, included: Collection[str]) -> None:
    """Keep, for each exercise of this run, the records of its cells, if its check came to an end.

    The first verdict stands: it was reached with all of the notebook's answers in place.
    """
    before = doubts(result, findings.secret)
    for name in included:
        own = [record for record in result.records if record["exercise"] == name]
        if said(own, findings.secret, name).outcome and name not in findings.records:
            findings.records[name], findings.doubts[name] = own, before.get(name, [])
    findings.setup_errors = [
        f"One of the course's own cells failed ({record['ename']}: {record['evalue'][:200]}): try `course doctor`."
        for record in result.records
        if record["ename"] and not record["exercise"]
    ][:1]


def _suspect(result: RunResult) -> str | None:
    """The exercise in whose cells the run broke off; between exercises, the last one that ran an answer."""
    assert result.culprit is not None
    own = str(result.culprit.get("exercise", ""))
    answered = [record["exercise"] for record in result.records if record["role"] == "answer"]
    if result.culprit.get("role") == "answer" or own in answered:
        return own
    return answered[-1] if answered else None


def _is_plain(result: RunResult, suspect: str) -> bool:
    """Whether the suspect is to blame beyond doubt: its own cell hung, or nobody else's answer had run before it."""
    assert result.culprit is not None
    own = result.culprit.get("exercise") == suspect
    others = {record["exercise"] for record in result.records if record["role"] == "answer"} - {suspect}
    return own and (result.culprit["event"] in ("timeout", "flood", "guard") or not others)


def _words(culprit: dict[str, Any]) -> str:
    words = {"timeout": "one hung", "died": "the kernel ended", "flood": "one printed without end"}
    words["guard"] = "the grade's own cell failed"
    return words.get(culprit["event"], "the run was ended from outside")


def _tail(spare: str) -> str:
    """The last telling line of what pytest printed."""
    lines = [line.strip() for line in spare.splitlines() if line.strip() and not set(line.strip()) <= set("=.FEsx ")]
    return f"The last word was: {lines[-1][:200]}" if lines else ""

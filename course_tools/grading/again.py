"""A second opinion where an answer fails after another one has left something behind.

All answers share a kernel, since a later one may use what an earlier one defines. The guard puts back what it can, and
says what was bent. An answer that failed after such a one is run once more, alone, and passes if it passes there.
"""

from __future__ import annotations

import time
from typing import Any

from course_tools.grading import process
from course_tools.grading.answers import Answer
from course_tools.grading.canonical import Canonical, verdict_pattern
from course_tools.grading.process import Limits, RunResult
from course_tools.grading.said import passes, said

Doubts = list[tuple[str, str]]  # which exercise left what behind; "" for a cell of the lesson that failed


def doubts(result: RunResult, secret: str) -> dict[str, Doubts]:
    """For each exercise whose answer ran: what others had left behind by then."""
    bent: Doubts = []
    found: dict[str, Doubts] = {}
    for record in result.records:
        name = record["exercise"]
        if record["role"] == "answer":
            found.setdefault(name, list(bent))
        elif record["role"] == "setup" and record["ename"]:
            bent.append(("", ""))
        elif record["role"] == "guard":
            bent += [(name, thing) for thing in said([record], secret, name).left]
    return found


def hear_again(canonical: Canonical, answers: dict[str, Answer], limits: Limits, findings: Any) -> None:
    """Run alone every answer that failed where others had left something behind; keep what passes."""
    began = time.monotonic()
    for name, exercise in canonical.exercises.items():
        records = findings.records.get(name)
        if records is None or not findings.doubts.get(name) or _passed(records, exercise.recorded, findings, name):
            continue
        if said(records, findings.secret, name).broken:
            continue  # that is its own doing
        if time.monotonic() - began > limits.total:
            return
        alone = process.run(canonical, answers, [name], limits, findings.secret)
        findings.runs.append(alone)
        own = [record for record in alone.records if record["exercise"] == name]
        if alone.culprit is None and alone.finished and _passed(own, exercise.recorded, findings, name):
            findings.records[name] = own
            findings.strays.add(name)
            findings.setup_errors = []  # they came of an answer, and not of the course


def _passed(records: list[dict[str, Any]], recorded: str, findings: Any, name: str) -> bool:
    check = next((record for record in records if record["role"] == "check"), {"text": ""})
    verdicts = verdict_pattern(name).findall(check["text"])
    return len(verdicts) == 1 and passes(records, recorded, findings.secret, name, verdicts[0])

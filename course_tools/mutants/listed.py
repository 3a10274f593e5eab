"""Survivors that a lesson lists: those that are no fault, with the reason, and those that its checks are yet to reject.

They stand in `tests/lessons/lessonNN/mutants.toml`, a table for a changed line:

    [[guide]]
    was = "return (1 + w) * eps_cond - w * eps_uncond"
    becomes = ["return (2 + w) * eps_cond - w * eps_uncond"]
    open = "values: ..."                              # or no_fault = "why nobody needs to reject it"
"""

from __future__ import annotations

import ast
import contextlib
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course_tools import editions
from course_tools.mutants.mutate import REMOVED, Mutant
from course_tools.mutants.runner import Report
from course_utils.errors import CourseError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST = 0.1  # of a lesson's mutants may be listed


@dataclass(frozen=True)
class Entry:
    """A survivor that is known.

    Attributes:
        key: exercise, line before, line after.
        no_fault: why no check needs to reject it; empty if one does.
        open: what a check has yet to see; empty if it is no fault.
    """

    key: tuple[str, str, str]
    no_fault: str = ""
    open: str = ""

    def __str__(self) -> str:
        return f"{self.key[0]}: `{self.key[1]}` -> `{self.key[2]}`"


def key(mutant: Mutant) -> tuple[str, str, str]:
    """What a survivor is listed by: it stays the same whatever else changes in the answer."""
    return mutant.exercise, mutant.was, mutant.becomes


def path_of(number: str) -> Path:
    """Where a lesson's list stands."""
    return editions.Course().root / "tests" / "lessons" / f"lesson{number}" / "mutants.toml"


def read_listed(path: Path) -> list[Entry]:
    """The entries of a list, one for each survivor; none if there is no file.

    Raises:
        CourseError: the file is no TOML, or an entry does not say what it must.
    """
    if not path.exists():
        return []
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return [
            Entry(
                (exercise, as_written(table["was"]), as_written(becomes)),
                table.get("no_fault", ""),
                table.get("open", ""),
            )
            for exercise, found in tables.items()
            for table in found
            for becomes in table["becomes"]
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(
            f"{path.parent.name}/{path.name} cannot be read ({error}): each [[exercise]] has `was`, a list `becomes`, "
            "and `no_fault` or `open`."
        ) from None


def complaints(report: Report, entries: Iterable[Entry]) -> list[str]:
    """What is wrong between a lesson's mutants and its list; empty if every survivor is listed and nothing else is."""
    entries = list(entries)
    made = {key(mutant) for mutant, _ in report.outcomes}
    alive = {key(mutant) for mutant in report.survivors}
    listed = [entry.key for entry in entries]
    found = [
        f"a mutant survives and is not listed; let a check reject it, or list it with the reason why it is no fault:\n"
        f"{as_entry(mutant)}"
        for mutant in report.survivors
        if key(mutant) not in listed
    ]
    for entry in entries:
        if listed.count(entry.key) > 1:
            found.append(f"listed twice: {entry}")
        if bool(entry.no_fault) == bool(entry.open):
            found.append(f"an entry says either `no_fault` or `open`, and why: {entry}")
        if entry.key not in made:
            found.append(f"listed, and no mutant any more; take it off the list: {entry}")
        elif entry.key not in alive:
            found.append(f"listed, and rejected by now; take it off the list: {entry}")
    if len(entries) > MOST * len(report.outcomes):
        found.append(
            f"{len(entries)} of {len(report.outcomes)} mutants are listed, and at most one in ten may be: let the "
            "checks reject more of them."
        )
    return found


def as_written(line: str) -> str:
    """A line as this version of Python writes it: blanks, brackets, quotes and remarks make no difference."""
    if line == REMOVED:
        return line
    for text in (line, f"{line} pass"):  # the head of a block stands alone in the list
        with contextlib.suppress(SyntaxError):
            return ast.unparse(ast.parse(text)).splitlines()[0]
    return line


def as_entry(mutant: Mutant) -> str:
    """A survivor as it would be listed."""
    was, becomes = (json.dumps(text, ensure_ascii=False) for text in (mutant.was, mutant.becomes))
    return f"[[{mutant.exercise}]]\nwas = {was}\nbecomes = [{becomes}]"

"""What `course mutants` prints: a line for each exercise, and the survivors that are listed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from course_tools.mutants.listed import Entry, key
from course_tools.mutants.runner import Report


def table(report: Report) -> Table:
    """How many mutants of each exercise were made, and what became of them."""
    shown = Table(title=f"Mutants of lesson {report.lesson}")
    for column in ("exercise", "mutants", "rejected", "stopped", "survive"):
        shown.add_column(column, justify="left" if column == "exercise" else "right")
    for name in (*report.exercises, ""):
        said = [outcome for mutant, outcome in report.outcomes if name in ("", mutant.exercise)]
        counts = (len(said), *(said.count(outcome) for outcome in ("rejected", "stopped", "survived")))
        shown.add_row(name or "all", *map(str, counts))
    return shown


def known(report: Report, entries: Iterable[Entry]) -> list[str]:
    """A paragraph for each survivor that is listed: where, what was changed, and what the list says of it."""
    listed = {entry.key: entry for entry in entries}
    lines = []
    for mutant in report.survivors:
        if entry := listed.get(key(mutant)):
            says = f"no fault: {entry.no_fault}" if entry.no_fault else f"open: {entry.open}"
            lines.append(f"{mutant.exercise}, {mutant.kind}\n  - {mutant.was}\n  + {mutant.becomes}\n  {says}")
    return lines

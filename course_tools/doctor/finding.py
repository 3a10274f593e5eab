"""What the doctor found, and the table that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

NOTEBOOK_WIDTH = 100  # characters: what fits beside JupyterLab's file browser
GOOD = "good"
NOTE = "note"  # works, and worth knowing
OPTIONAL = "optional"  # missing, and only some need it
MISSING = "missing"  # the course does not work without it
ROOT = Path(__file__).resolve().parents[2]
MARKS = {GOOD: "[green]✓[/]", NOTE: "[cyan]i[/]", OPTIONAL: "[yellow]–[/]", MISSING: "[red]✗[/]"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: its name, such as "PyTorch".
        found: what is there, in a few words.
        state: one of the four words above.
        remedy: one sentence that says what to do; empty if there is nothing to do.
    """

    what: str
    found: str
    state: str = GOOD
    remedy: str = ""


def short(path: Path | str, root: Path = ROOT) -> str:
    """A path as one says it: from the course's folder, or from home. Lesson 00 records what the doctor says."""
    whole = Path(path)
    for base, said in ((root, ""), (Path.home(), "~/")):
        if whole.is_relative_to(base) and whole != base:
            return said + whole.relative_to(base).as_posix()
    return str(whole)


def show(findings: Sequence[Finding], console: Console | None = None) -> bool:
    """Print the findings, then a verdict. Returns False if something needed is missing."""
    console = console or Console()
    if console.is_jupyter:
        console.width = NOTEBOOK_WIDTH
    table = Table(title="From Noise to Flowers: this machine", title_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for finding in findings:
        table.add_row(MARKS[finding.state], escape(finding.what), escape(finding.found), escape(finding.remedy))
    console.print(table)
    missing = [finding.what for finding in findings if finding.state == MISSING]
    if missing:
        console.print(f"[red]Needed and missing:[/] {escape(', '.join(missing))}.")
    else:
        console.print("[green]Everything needed is here.[/]")
    return not missing

"""What a grade says: one result an exercise, the points, the sentences, and the table that shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Every result an exercise can have, with the colour of its word in the table.
PASSED = "passed"
FAILED = "failed"
NOT_TRIED = "not tried"
NOT_FOUND = "not found"
ERROR = "error"  # the answer cell raised before it defined the answer
TIMED_OUT = "timed out"
DIED = "ended Python"
FLOODED = "printed too much"
NOT_GRADED = "not graded"  # the grade itself could not be done; never the student's fault
STATUSES = {PASSED, FAILED, NOT_TRIED, NOT_FOUND, ERROR, TIMED_OUT, DIED, FLOODED, NOT_GRADED}
COLOURS = {PASSED: "green", FAILED: "red", NOT_TRIED: "dim", NOT_GRADED: "magenta"}


@dataclass
class ExerciseResult:
    """One exercise: its points, how it went, and what to do.

    Attributes:
        name, points: from the solution edition's cell metadata.
        status: one of the words above, such as `PASSED`.
        hint: what to do next, in a sentence; empty if it passed.
        notes: what the grader decided on the way ("there are 2 cells for ...: the last changed one is graded").
    """

    name: str
    points: int
    status: str
    hint: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.status == PASSED

    @property
    def earned(self) -> int:
        """All of the points for a check that passes in every part, none otherwise."""
        return self.points if self.passed else 0


@dataclass
class Report:
    """The grade of one notebook.

    Attributes:
        lesson: its number, such as "01".
        notebook: the student's file (only read).
        results: one for each exercise, in the lesson's order.
        notes: sentences about the notebook as a whole.
        seconds: how long the grade took.
        timings: where the seconds went: "start", "set-up", "answers", "checks", and "runs", how many times a kernel
            was started (more than one only if an answer hung, crashed or flooded it).
    """

    lesson: str
    notebook: Path
    results: list[ExerciseResult]
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> ExerciseResult:
        return next(result for result in self.results if result.name == name)

    @property
    def points(self) -> int:
        return sum(result.points for result in self.results)

    @property
    def earned(self) -> int:
        return sum(result.earned for result in self.results)

    @property
    def passed(self) -> int:
        """How many exercises passed."""
        return sum(result.passed for result in self.results)

    @property
    def passed_all(self) -> bool:
        """True only if there is at least one exercise and every one of them passed."""
        return bool(self.results) and all(result.passed for result in self.results)

    def table(self) -> Table:
        """Exercise, points, result, hint; and the total."""
        table = Table(title=f"Lesson {self.lesson}: {escape(self.notebook.name)}", title_justify="left")
        table.add_column("exercise", no_wrap=True)
        table.add_column("points", justify="right")
        table.add_column("result", no_wrap=True)
        table.add_column("hint", overflow="fold")
        for result in self.results:
            colour = COLOURS.get(result.status, "yellow")
            words = [text for text in (result.hint, *result.notes) if text]
            table.add_row(
                result.name,
                f"{result.earned} of {result.points}",
                f"[{colour}]{result.status}[/]",
                escape("\n".join(words)),
            )
        table.add_section()
        table.add_row("total", f"{self.earned} of {self.points}", f"{self.passed} of {len(self.results)} passed")
        return table

    def summary(self) -> str:
        """Where the time went, and what a grade does not look at, in one line."""
        spent = ", ".join(f"{name} {value:.1f} s" for name, value in self.timings.items() if name != "runs")
        runs = int(self.timings.get("runs", 1))
        again = f", in {runs} runs" if runs > 1 else ""
        return (
            f"Graded in {self.seconds:.1f} s{again} ({spent}). "
            "Experiments, explorers and figures are left out, and pictures are never compared."
        )

    def show(self, console: Console | None = None) -> None:
        """Print the table, then the notes, then the summary."""
        console = console or Console()
        console.print(self.table())
        for note in self.notes:
            console.print(escape(note))
        console.print(f"[dim]{escape(self.summary())}[/]")

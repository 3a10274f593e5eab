"""The table with which `course run` ends."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from course_tools.gallery.runner import LessonRun


def summary(results: Sequence[LessonRun]) -> Table:
    """Lesson, seconds, exercises passed, figures made; and the sums."""
    table = Table(title="Lessons", title_justify="left")
    table.add_column("lesson", no_wrap=True)
    table.add_column("seconds", justify="right")
    table.add_column("exercises passed", justify="right")
    table.add_column("figures", justify="right")
    table.add_column("", no_wrap=True)
    for result in results:
        whole = result.passed == result.exercises
        table.add_row(
            escape(result.lesson.name),
            f"{result.seconds:.1f}",
            f"[{'green' if whole else 'red'}]{result.passed} of {result.exercises}[/]",
            str(result.figures),
            "[green]done[/]" if result.ok else "[red]stopped[/]",
        )
    table.add_section()
    table.add_row(
        "all",
        f"{sum(r.seconds for r in results):.1f}",
        f"{sum(r.passed for r in results)} of {sum(r.exercises for r in results)}",
        str(sum(r.figures for r in results)),
        f"{sum(r.ok for r in results)} of {len(results)}",
    )
    return table

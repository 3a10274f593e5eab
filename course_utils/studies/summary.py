"""A table of the studies, for the command line."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from course_utils.errors import CourseError
from course_utils.studies import storage
from course_utils.studies.study import Study


def table(studies: Iterable[Study]) -> Table:
    """Name, lesson, what is compared, how many runs there are of how many, and what they cost."""
    rows = Table("study", "lesson", "compares", "runs", "CPU minutes", "state")
    for study in studies:
        try:
            variants = storage.read(study)["variants"]
        except CourseError:
            variants = {}
        runs = [run for label in study.variants for run in variants.get(label, {"runs": {}})["runs"].values()]
        minutes = sum(run["cpu_seconds"] for run in runs) / 60
        wanted = len(study.variants) * len(study.seeds)
        state = storage.stale(study) or "fresh"
        rows.add_row(study.name, study.lesson, study.says, f"{len(runs)} of {wanted}", f"{minutes:.1f}", state)
    return rows

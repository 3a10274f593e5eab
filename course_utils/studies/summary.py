"""A table of the studies, for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from course_utils.errors import CourseError
from course_utils.studies import storage
from course_utils.studies.study import Study


def table(studies: Iterable[Study]) -> Table:
    """Name, lesson, how many runs there are of how many, what they cost, their state, and what is compared."""
    rows = Table("lesson", "study", "runs", "CPU minutes", "state", "compares")
    for column in rows.columns:
        column.no_wrap = True
    for study in studies:
        try:
            variants = storage.read(study)["variants"]
        except CourseError:
            variants = {}
        runs = [run for label in study.variants for run in variants.get(label, {"runs": {}})["runs"].values()]
        minutes = sum(run["cpu_seconds"] for run in runs) / 60
        wanted = len(study.variants) * len(study.seeds)
        state = "fresh" if storage.stale(study) is None else "incomplete" if _same(study, variants) else "stale"
        cells = (study.lesson, study.name, f"{len(runs)} of {wanted}", f"{minutes:.1f}", state, study.says)
        rows.add_row(*cells)
    return rows


def _same(study: Study, variants: Mapping[str, Any]) -> bool:
    """Whether all that is stored was made under the settings of now."""
    return all(
        label not in variants or storage.difference(variants[label], wanted, study.kind) is None
        for label, wanted in study.variants.items()
    )

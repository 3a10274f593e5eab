"""The studies as lines of text, for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from course_utils.errors import CourseError
from course_utils.studies import storage
from course_utils.studies.study import Study


def listing(studies: Iterable[Study]) -> Iterator[str]:
    """Lesson, name, how many runs there are of how many, what they cost, their state, and what is compared."""
    for study in studies:
        try:
            variants = storage.read(study)["variants"]
        except CourseError:
            variants = {}
        runs = [run for label in study.variants for run in variants.get(label, {"runs": {}})["runs"].values()]
        minutes = sum(run["cpu_seconds"] for run in runs) / 60
        wanted = len(study.variants) * len(study.seeds)
        state = "fresh" if storage.stale(study) is None else "incomplete" if _same(study, variants) else "stale"
        cost = f"{minutes:5.1f} CPU minutes" if runs else " " * 17
        yield f"{study.lesson}  {study.name:17} {len(runs):3} of {wanted:2} runs  {cost}  {state:10}  {study.says}"


def _same(study: Study, variants: Mapping[str, Any]) -> bool:
    """Whether all that is stored was made under the settings of now."""
    return all(
        label not in variants or storage.difference(variants[label], study, label) is None for label in study.variants
    )

"""The studies as lines of text, for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from course_utils.errors import CourseError
from course_utils.studies import storage
from course_utils.studies.study import Study


def listing(studies: Iterable[Study], code: Callable[[Study], str] | None = None) -> Iterator[str]:
    """Lesson, name, how many runs there are of how many, what they cost, their state, and what is compared.

    With `code`, which gives the digest of a study's code, runs that were made by other code are stale.
    """
    for study in studies:
        made_by = code(study) if code else None
        try:
            variants = storage.read(study)["variants"]
        except CourseError:
            variants = {}
        runs = [run for label in study.variants for run in variants.get(label, {"runs": {}})["runs"].values()]
        minutes = sum(run["cpu_seconds"] for run in runs) / 60
        wanted = len(study.variants) * len(study.seeds)
        state = (
            "fresh"
            if storage.stale(study, made_by) is None
            else "incomplete"
            if _same(study, variants, made_by)
            else "stale"
        )
        cost = f"{minutes:5.1f} CPU minutes" if runs else " " * 17
        yield f"{study.lesson}  {study.name:17} {len(runs):3} of {wanted:2} runs  {cost}  {state:10}  {study.says}"


def _same(study: Study, variants: Mapping[str, Any], code: str | None) -> bool:
    """Whether all that is stored was made under the settings, and by the code, of now."""
    return all(
        label not in variants or storage.difference(variants[label], study, label, code) is None
        for label in study.variants
    )

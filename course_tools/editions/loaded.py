"""What a lesson loaded when it was executed, against what is stored now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from course_tools.editions.lessons import Course
from course_tools.editions.reach.files import RESULTS
from course_utils.record import THERE, digest_of_results


def changed(loaded: Mapping[str, Mapping[str, str | None]], course: Course) -> str | None:
    """Which weights or results are others than those that were loaded, in a few words; None if none are.

    Args:
        loaded: what `record.read` gave when the lesson was executed.
        course: whose weights and results count.
    """
    for name, before in loaded.get("weights", {}).items():
        now = weights_now(name, course)
        if before is None and now is not None:
            return f"the weights {name!r}, which were not here, are here now"
        if before is not None and now is None:
            return f"the weights {name!r} are gone"
        if before not in (THERE, now):
            return f"the weights {name!r} were trained again"
    for name, before in loaded.get("results", {}).items():
        if results_now(name, course) != before:
            return f"the stored results of the study {name!r} have changed"
    return None


def weights_now(name: str, course: Course) -> str | None:
    """The digest that the card of committed weights gives; None if there are none."""
    card = course.root / "weights" / f"{name}.json"
    if not card.is_file() or not card.with_suffix(".safetensors").is_file():
        return None
    try:
        return str(json.loads(card.read_text(encoding="utf-8"))["sha256"])
    except (ValueError, KeyError, TypeError):
        return "unreadable"


def results_now(name: str, course: Course) -> str | None:
    """The digest of a study's committed results; None if there are none."""
    found = results(course).get(name)
    return None if found is None else digest_of_results(found.read_bytes())


def results(course: Course) -> dict[str, Path]:
    """Every committed file of results: the study's name -> the file."""
    found = sorted((course.root / course.package).rglob("*.json"))
    return {path.stem: path for path in found if path.parent.name in RESULTS}

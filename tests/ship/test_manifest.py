"""Every lesson of the manifest is here, whole; and nothing is here that the manifest does not know.

Most tests run on the lessons that they find. A lost lesson would go unnoticed by them, and not by this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from course_tools.syllabus import SYLLABUS, planned
from course_utils import slices
from course_utils.errors import CourseError

ROOT = Path(__file__).parents[2]
EVERY_SLICE_HAS = ("about", "checks", "opening")
# What each lesson has, by where it lies: the numbers are read off the names.
PLACES = {
    "solutions/NN_slug.py": ("solutions", "[0-9][0-9]_*.py"),
    "solutions/NN_slug.ipynb": ("solutions", "[0-9][0-9]_*.ipynb"),
    "notebooks/NN_slug.ipynb": ("notebooks", "[0-9][0-9]_*.ipynb"),
    "course_utils/lessons/lessonNN": ("course_utils/lessons", "lesson[0-9][0-9]/__init__.py"),
    "course_utils/lessons/lessonNN/opening.png": ("course_utils/lessons", "lesson[0-9][0-9]/opening.png"),
    "tests/lessons/lessonNN/answers.py": ("tests/lessons", "lesson[0-9][0-9]/answers.py"),
}


def manifest() -> list[str]:
    lines = (ROOT / "tests" / "manifest.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def here(root: Path) -> dict[str, list[str]]:
    """Place -> the numbers of the lessons that have something there."""
    found = {}
    for place, (folder, pattern) in PLACES.items():
        names = (path.relative_to(root / folder).parts[0] for path in (root / folder).glob(pattern))
        found[place] = sorted(name.removeprefix("lesson")[:2] for name in names)
    return found


def complaints(wanted: list[str], found: Mapping[str, list[str]]) -> list[str]:
    """Where a lesson of the manifest is missing, and where one is too many, each in a sentence."""
    said = []
    for place, numbers in found.items():
        said += [
            f"Lesson {number} is in tests/manifest.txt and not in {place}."
            for number in wanted
            if number not in numbers
        ]
        said += [
            f"Lesson {number} is in {place} and not in tests/manifest.txt."
            for number in numbers
            if number not in wanted
        ]
        said += [f"{place} has two of lesson {number}." for number in wanted if numbers.count(number) > 1]
    return said


def test_every_lesson_of_the_manifest_is_here_and_no_other() -> None:
    assert complaints(manifest(), here(ROOT)) == []


def test_a_lost_lesson_is_noticed(tmp_path: Path) -> None:
    for place in PLACES:
        for number in ("04", "06"):
            path = tmp_path / place.replace("NN", number)
            path = path / "__init__.py" if not path.suffix else path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert complaints(["04", "06"], here(tmp_path)) == []
    assert complaints(["04", "05", "06"], here(tmp_path)) == [
        f"Lesson 05 is in tests/manifest.txt and not in {place}." for place in PLACES
    ]
    assert (
        complaints(["04"], here(tmp_path))[0] == "Lesson 06 is in solutions/NN_slug.py and not in tests/manifest.txt."
    )
    (tmp_path / "solutions" / "06_twin.py").touch()
    assert complaints(["04", "06"], here(tmp_path)) == ["solutions/NN_slug.py has two of lesson 06."]


def test_the_manifest_is_sorted_and_names_lessons_of_the_syllabus() -> None:
    assert manifest() == sorted(set(manifest()))
    assert set(manifest()) <= {row.number for row in SYLLABUS}


@pytest.mark.parametrize("number", manifest())
def test_the_slice_has_what_every_slice_has(number: str) -> None:
    assert [name for name in EVERY_SLICE_HAS if not slices.has(number, name)] == []


def test_sources_are_named_as_in_the_syllabus() -> None:
    for path in (ROOT / "solutions").glob("[0-9][0-9]_*.py"):
        assert planned(path.stem[:2], path.stem[3:])


def test_the_syllabus_counts_up_and_refuses_what_it_does_not_know() -> None:
    assert [row.number for row in SYLLABUS] == [f"{k:02d}" for k in range(len(SYLLABUS))]
    with pytest.raises(CourseError, match="called ddpm in the syllabus"):
        planned("04", "dpm")
    with pytest.raises(CourseError, match="ends at 27"):
        planned("40", "dpm")

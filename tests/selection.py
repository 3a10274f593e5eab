"""Which tests run together on one worker, and which lessons differ from a commit."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from course_tools import editions
from course_utils.errors import CourseError

BY_LESSON = (
    "tests/notebooks/",
    "tests/lessons/",
    "tests/browser/",
)  # folders whose tests' parameters begin with a lesson


def lesson_of(item: pytest.Item) -> str | None:
    """The number of the lesson that a test is about, as its parameters say; None if it is about none or all."""
    given = getattr(item, "callspec", None)
    params = given.params if given else {}
    lesson = getattr(params.get("lesson"), "number", params.get("number"))
    return lesson if isinstance(lesson, str) else None


def group_of(nodeid: str) -> str:
    """A file's tests about one lesson share a worker, and so do its others, with what they have made.

    Args:
        nodeid: as `tests/notebooks/test_x.py::test_y[01_slug-digits]`; all that xdist's scheduler knows of a test.
    """
    file, _, test = nodeid.partition("::")
    lesson = re.search(r"\[(\d\d)[-_\]]", test) if file.startswith(BY_LESSON) else None
    return f"{file}::{lesson[1]}" if lesson else file


class ByLesson(LoadScopeScheduling):
    """xdist's scheduler, with these groups. Its own, by the mark `xdist_group`, finds no groups under pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def arranged(items: list[pytest.Item], changed: set[str] | None) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Tests in the order in which they run, and those left out: of whole lessons not in `changed`, where that is given.

    Whole lessons take longest. They come first, so that the small files after them let all workers end together.
    """
    whole = [item for item in items if item.get_closest_marker("notebooks")]
    left_out = [item for item in whole if changed is not None and lesson_of(item) not in {None, *changed}]
    rest = [item for item in items if not item.get_closest_marker("notebooks")]
    return [item for item in whole if item not in left_out] + rest, left_out


def changed_lessons(commit: str, course: editions.Course | None = None) -> set[str]:
    """Numbers of the lessons that are stale, or have a file of their own that differs from a commit.

    Raises:
        CourseError: git knows no such commit, or there is no git.
    """
    course = course or editions.Course()
    paths = _changed_paths(commit, course.root)
    return {
        lesson.number
        for lesson in editions.lessons(course)
        if any(_belongs(path, lesson, course) for path in paths) or editions.stale(lesson, course)
    }


def _belongs(path: Path, lesson: editions.Lesson, course: editions.Course) -> bool:
    slices = [course.root / folder / "lessons" / f"lesson{lesson.number}" for folder in (course.package, "tests")]
    return path in (lesson.source, lesson.student, lesson.solution) or any(own in path.parents for own in slices)


def _changed_paths(commit: str, root: Path) -> list[Path]:
    """What differs between the working tree and the point where it left the commit, new files included."""
    told = _git(root, "diff", "--name-only", "--relative", "-z", _git(root, "merge-base", commit, "HEAD").strip())
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return [root / name for name in (told + new).split("\0") if name]


def _git(root: Path, *arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8", check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[0]
        raise CourseError(
            f"git cannot say what has changed ({said}): name a commit that it has, as in `make quick BASE=HEAD~1`."
        ) from None

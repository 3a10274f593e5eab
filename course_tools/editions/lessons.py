"""Which lessons there are, and where each one's three files lie."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.errors import CourseError

SOURCE_NAME = re.compile(r"(?P<number>\d\d)_(?P<slug>[a-z0-9_]+)\.py")
HEADING = re.compile(r"^#\s+#\s+(?P<number>\d\d)\s+·\s+(?P<title>.+?)\s*$", re.MULTILINE)


def _exercise_names(number: str) -> list[str]:
    """The names in the checks of the lesson's slice, in order; none if it has no checks."""
    from course_utils import exercises  # here: it loads PyTorch, and reading a source needs none

    return list(exercises.for_lesson(number)) if number in exercises.lessons() else []


@dataclass(frozen=True)
class Course:
    """A folder with lessons. The default is this repository; the tests have a small course of their own.

    Attributes:
        root: the folder that holds `solutions/`, `notebooks/` and the package.
        package: the package whose changes make a solution edition stale.
        exercise_names: lesson number -> names of its exercises, in the lesson's order.
    """

    root: Path = field(default_factory=lambda: Path(__file__).resolve().parents[2])
    package: str = "course_utils"
    exercise_names: Callable[[str], Iterable[str]] = _exercise_names


@dataclass(frozen=True)
class Lesson:
    """One lesson: number ("01"), slug, title, and the paths of its source and of both editions."""

    number: str
    slug: str
    title: str
    source: Path
    student: Path
    solution: Path

    @property
    def name(self) -> str:
        """Number and slug, such as "01_forward_noising"."""
        return f"{self.number}_{self.slug}"


def lessons(course: Course | None = None) -> list[Lesson]:
    """Every lesson that has a source, in order."""
    course = course or Course()
    found = []
    for path in sorted((course.root / "solutions").glob("*.py")):
        match = SOURCE_NAME.fullmatch(path.name)
        if match:
            found.append(_lesson(course.root, path, match["number"], match["slug"]))
    _refuse_twins(found)
    return found


def find(number: str | int, course: Course | None = None) -> Lesson:
    """The lesson with this number: "01", "1", 1 and "01_forward_noising" all mean the same.

    Raises:
        CourseError: there is none; the message lists those that exist.
    """
    asked = str(number).strip().removesuffix(".ipynb").removesuffix(".py")
    wanted = asked.zfill(2) if asked.isdigit() else asked
    every = lessons(course)
    for lesson in every:
        if wanted in (lesson.number, lesson.name, lesson.slug):
            return lesson
    have = ", ".join(lesson.name for lesson in every) or "none yet"
    raise CourseError(f"There is no lesson {asked!r}: choose one of {have}.")


def _lesson(root: Path, source: Path, number: str, slug: str) -> Lesson:
    heading = HEADING.search(source.read_text(encoding="utf-8"))
    return Lesson(
        number=number,
        slug=slug,
        title=heading["title"] if heading else slug.replace("_", " "),
        source=source,
        student=root / "notebooks" / f"{number}_{slug}.ipynb",
        solution=root / "solutions" / f"{number}_{slug}.ipynb",
    )


def _refuse_twins(found: list[Lesson]) -> None:
    for first, second in itertools.pairwise(found):
        if first.number == second.number:
            raise CourseError(
                f"Two lessons have the number {first.number}, {first.source.name} and {second.source.name}: "
                "rename one of them."
            )

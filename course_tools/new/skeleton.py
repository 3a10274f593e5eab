"""A new lesson from the templates: its source, its slice, its tests, and its number in the manifest."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from course_tools import editions, pictures
from course_tools.syllabus import Planned, planned
from course_utils import slices, studies
from course_utils.errors import CourseError
from course_utils.files import write_if_changed

TEMPLATES = Path(__file__).parent / "templates"
MANIFEST = Path("tests") / "manifest.txt"
# Template -> where it goes: {number}, {slug}.
FILES = {
    "source.py.j2": "solutions/{number}_{slug}.py",
    "init.py.j2": "course_utils/lessons/lesson{number}/__init__.py",
    "about.py.j2": "course_utils/lessons/lesson{number}/about.py",
    "averages.py.j2": "course_utils/lessons/lesson{number}/averages.py",
    "checks_init.py.j2": "course_utils/lessons/lesson{number}/checks/__init__.py",
    "checks_average.py.j2": "course_utils/lessons/lesson{number}/checks/average.py",
    "checks_bug_hunt.py.j2": "course_utils/lessons/lesson{number}/checks/bug_hunt.py",
    "colours.py.j2": "course_utils/lessons/lesson{number}/colours.py",
    "explorer.py.j2": "course_utils/lessons/lesson{number}/explorer.py",
    "studies.py.j2": "course_utils/lessons/lesson{number}/studies.py",
    "opening.py.j2": "course_utils/lessons/lesson{number}/opening.py",
    "tests_init.py.j2": "tests/lessons/lesson{number}/__init__.py",
    "answers.py.j2": "tests/lessons/lesson{number}/answers.py",
    "mutants.toml.j2": "tests/lessons/lesson{number}/mutants.toml",
    "test_explorer.py.j2": "tests/lessons/lesson{number}/test_explorer.py",
}


def create(number: str, slug: str) -> list[Path]:
    """Write the skeleton of a lesson into this checkout, run its study, and make its opening picture.

    Args:
        number: two digits, such as "07"; a number of the syllabus.
        slug: as the syllabus has it, such as "score_matching".

    Returns:
        What was written, relative to the checkout.

    Raises:
        CourseError: the number or the slug is taken, or the syllabus has no such lesson; nothing is written then.
    """
    root = editions.Course().root
    row = _free(number, slug, root)
    template = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="utf-8"),
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # Python and Markdown, not HTML
    ).get_template
    values = {"number": row.number, "slug": row.slug, "title": row.title, "onward": _onward(row.number)}
    written = []
    for name, target in FILES.items():
        path = Path(target.format(number=row.number, slug=row.slug))
        write_if_changed(root / path, template(name).render(values).encode("utf-8"))
        written.append(path)
    _enter(root / MANIFEST, row.number)
    importlib.invalidate_caches()  # the slice was not there when Python looked last
    studies.run(studies.studies(row.number).values(), quiet=True)
    made = [file for file, _, _ in pictures.make([row.number])]
    results = sorted((slices.folder(row.number) / "results").glob("*.json"))
    return [*written, *(path.relative_to(root) for path in [*results, *made]), MANIFEST]


def _free(number: str, slug: str, root: Path) -> Planned:
    """The lesson's row in the syllabus, if its number and slug are free."""
    if not re.fullmatch(r"\d\d", number):
        raise CourseError(f"A lesson's number has two digits, such as 07: {number!r} has not.")
    if not (root / MANIFEST).is_file():
        raise CourseError("There is no tests/manifest.txt here: make a new lesson in a clone of the course.")
    for lesson in editions.lessons():
        if number == lesson.number or slug == lesson.slug:
            raise CourseError(f"There is a lesson {lesson.name} already: choose a number and a slug that are free.")
    row = planned(number, slug)
    folders = (slices.folder(number), root / "tests" / "lessons" / f"lesson{number}")
    if left := [folder for folder in folders if folder.exists()]:
        raise CourseError(f"{left[0].relative_to(root).as_posix()} is there already: move it away first.")
    return row


def _onward(number: str) -> str:
    """The last line of a lesson: where to go on, a link if that lesson is written."""
    later = next((lesson for lesson in editions.lessons() if lesson.number > number), None)
    if later is None:
        return "the lesson that comes after this one."
    return f"[lesson {later.number}]({later.student.name}), {later.title}."


def _enter(manifest: Path, number: str) -> None:
    """Add a number to the manifest, in its place."""
    lines = manifest.read_text(encoding="utf-8").splitlines()
    says = [line for line in lines if not re.fullmatch(r"\d\d", line)]
    numbers = sorted({*(line for line in lines if line not in says), number})
    write_if_changed(manifest, "".join(f"{line}\n" for line in [*says, *numbers]).encode("utf-8"))

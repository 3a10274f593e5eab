"""The pages that list lessons, made from the slices: the table in README.md, and docs/glossary.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from course_tools import editions
from course_tools.syllabus import PARTS, SYLLABUS
from course_utils import slices
from course_utils.errors import CourseError
from course_utils.files import write_if_changed

README = Path("README.md")
GLOSSARY = Path("docs") / "glossary.md"
BEGIN, END = "<!-- lessons: made by `course build` -->", "<!-- end of lessons -->"

HEAD = """# Glossary

The words of the course, each with the lesson that introduces it. Symbols stand in
[lesson 00](../notebooks/00_welcome.ipynb#6-·-Symbols). The page is written by `course build` from what each lesson
says of itself, `course_utils/lessons/lessonNN/about.py`.
"""


def table(course: editions.Course | None = None) -> str:
    """README's table in Markdown: a row for each lesson that is written, and one for each run of those to come."""
    written = {lesson.number: lesson for lesson in editions.lessons(course)}
    rows = ["| | part | lessons | |", "|---|---|---|---|"]
    for part, name in PARTS.items():
        label, coming = f"{part} | {name}", []
        for planned in (row for row in SYLLABUS if row.part == part):
            lesson = written.get(planned.number)
            if lesson is None:
                coming.append(f"{planned.number} {planned.title}")
                continue
            if coming:
                rows.append(f"| {label} | {' · '.join(coming)} | to come |")
                label, coming = " | ", []
            link = f"[{lesson.number} {lesson.title}](notebooks/{lesson.student.name})"
            rows.append(f"| {label} | {link}: {slices.about(lesson.number).line} | **ready** |")
            label = " | "
        if coming:
            rows.append(f"| {label} | {' · '.join(coming)} | to come |")
    return "\n".join(re.sub(r"\|\s+(?=\|)", "| ", row) for row in rows) + "\n"


def readme(course: editions.Course | None = None) -> str:
    """README.md with its table made anew.

    Raises:
        CourseError: the comments between which the table stands are not there.
    """
    text = ((course or editions.Course()).root / README).read_text(encoding="utf-8")
    found = re.fullmatch(rf"(.*{re.escape(BEGIN)}\n).*({re.escape(END)}\n.*)", text, re.DOTALL)
    if found is None:
        raise CourseError(f"README.md has lost its marks: put {BEGIN} and {END} around the table of lessons.")
    return f"{found[1]}\n{table(course)}\n{found[2]}"


def glossary(course: editions.Course | None = None) -> str:
    """The page of words: by the alphabet, each with an anchor and its lesson, and the list of each lesson.

    Raises:
        CourseError: two lessons claim to introduce the same word.
    """
    every = editions.lessons(course)
    known: dict[str, tuple[str, str, editions.Lesson]] = {}  # anchor -> word, meaning, lesson
    for lesson in every:
        for word, meaning in slices.about(lesson.number).words.items():
            earlier = known.setdefault(anchor(word), (word, meaning, lesson))[2]
            if earlier.number != lesson.number:
                raise CourseError(
                    f"Lessons {earlier.number} and {lesson.number} both introduce {word!r}: keep it in the first."
                )
    entries = sorted(known.items(), key=lambda item: item[1][0].casefold())
    parts = [HEAD, "\n## Words\n\n"]
    for place, (word, meaning, lesson) in entries:
        parts.append(f'- <a id="{place}"></a>*{word}*: {meaning} ({_link(lesson)}).\n')
    parts.append("\n## By lesson\n\n")
    for lesson in every:
        own = ", ".join(f"[{word}](#{anchor(word)})" for word in slices.about(lesson.number).words)
        parts.append(f"- {_link(lesson)}, {lesson.title}: {own}.\n")
    return "".join(parts)


def anchor(word: str) -> str:
    """Where a word stands in the glossary, such as `null-token`: docs/glossary.md#null-token."""
    return re.sub(r"[^\w-]", "", word.casefold().replace(" ", "-"))


def complaints(course: editions.Course | None = None) -> Iterator[str]:
    """What is wrong with what lessons say of themselves: a word that its lesson never uses, or a sentence that stops.

    README's line and a meaning are parts of a longer line, which brings the full stop.
    """
    for lesson in editions.lessons(course):
        said, text = slices.about(lesson.number), lesson.source.read_text(encoding="utf-8").casefold()
        for word, meaning in said.words.items():
            if word.casefold() not in text:
                yield f"Lesson {lesson.number} says that it introduces {word!r}, and never uses it."
            if not meaning or meaning.endswith("."):
                yield f"Lesson {lesson.number} gives {word!r} a meaning that is empty or ends with a full stop."
        if not said.line or said.line.endswith("."):
            yield f"Lesson {lesson.number} has a line for README that is empty or ends with a full stop."


def write(course: editions.Course | None = None) -> list[Path]:
    """Write both pages; those that changed."""
    root = (course or editions.Course()).root
    made = {README: readme(course), GLOSSARY: glossary(course)}
    return [page for page, text in made.items() if write_if_changed(root / page, text.encode("utf-8"))]


def _link(lesson: editions.Lesson) -> str:
    return f"[lesson {lesson.number}](../notebooks/{lesson.student.name})"

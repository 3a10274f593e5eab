"""The page of claims: what the lessons' experiments found, read from the executed notebooks."""

from __future__ import annotations

from pathlib import Path

from course_tools import editions
from course_utils.experiments import CLAIM_MIME
from course_utils.files import write_if_changed

PAGE = Path("docs") / "claims.md"
HEAD = """# What the experiments found

Every claim that a lesson measures, with the figures as the committed notebooks printed them. The page is written by
`course build`; a verdict is what the runs say, welcome or not. Slow comparisons were run ahead: `course claims` runs
them again, `course claims --list` names them, and their figures lie with their settings in the
lesson's slice, `course_utils/lessons/lessonNN/results`.

- *holds here*: the whole 95 % interval is on the claim's side.
- *does not hold here*: the whole interval is on the other side.
- *too close to call*: the interval contains both.
"""


def page(course: editions.Course | None = None) -> str:
    """The page in Markdown, made from the solution editions that have been built."""
    parts = [HEAD]
    for lesson in editions.lessons(course):
        if not lesson.solution.exists():
            continue
        rows = claims_of(lesson)
        if rows:
            parts.append(f"\n## Lesson {lesson.number} · {lesson.title}\n\n")
            parts.append("| claim | source | measured | verdict |\n|---|---|---|---|\n")
            parts += ["| " + " | ".join(_cell(value) for value in row) + " |\n" for row in rows]
    return "".join(parts)


def claims_of(lesson: editions.Lesson) -> list[tuple[str, str, str, str]]:
    """Statement, source, measured and verdict of each claim in a lesson's solution edition, in order."""
    found = []
    for cell in editions.read_notebook(lesson.solution).cells:
        for output in cell.get("outputs", []):
            claim = output.get("data", {}).get(CLAIM_MIME)
            if claim:
                found.append((claim["statement"], claim["source"], claim["measured"], claim["verdict"]))
    return found


def write(course: editions.Course | None = None) -> bool:
    """Write the page into the course's `docs/`; True if it changed."""
    course = course or editions.Course()
    return write_if_changed(course.root / PAGE, page(course).encode("utf-8"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

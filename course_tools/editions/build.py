"""`course build`: write every lesson's editions, and execute again only what has changed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from nbformat import NotebookNode
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from course_tools.editions.engine import DEFAULT_PRESET, execute
from course_tools.editions.freshness import code_of, digest, stale
from course_tools.editions.lessons import Course, Lesson, find, lessons
from course_tools.editions.notebooks import write_notebook
from course_tools.editions.reach import Code
from course_tools.editions.rules import Problem
from course_tools.editions.solution import recorded_size, solution
from course_tools.editions.source import problems, read_source
from course_tools.editions.student import student
from course_utils.errors import CourseError
from course_utils.files import check_writable


@dataclass
class Result:
    """What `build` did for one lesson.

    Attributes:
        lesson: the lesson.
        student, solution: "written", "unchanged" or "failed"; for the solution also "fresh", if it did not
            have to run.
        seconds: how long the lesson took.
        error: one or more sentences if something failed, else None. What failed is left as it was.
        warnings: sentences about the source that do not stop the build.
    """

    lesson: Lesson
    student: str = "failed"
    solution: str = "failed"
    seconds: float = 0.0
    error: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.error is None


def build(
    numbers: Iterable[str | int] | None = None,
    force: bool = False,
    preset: str = DEFAULT_PRESET,
    course: Course | None = None,
    console: Console | None = None,
) -> list[Result]:
    """Build both editions of the lessons named, or of all. One lesson's failure does not stop the others.

    Args:
        numbers: "01", 1 or a full name; None or nothing for every lesson.
        force: execute solution editions even if they are fresh.
        preset: the preset to execute under. What is committed is made under `laptop`.
        course: another folder of lessons (tests).
        console: where progress and messages go; standard error if None.

    Returns:
        One result a lesson. Look at `ok`: a failed lesson is reported there, and not raised.

    Raises:
        CourseError: no lesson has such a number.
    """
    course = course or Course()
    console = console or Console(stderr=True)
    wanted = [find(number, course) for number in numbers or []] or lessons(course)
    if not wanted:
        raise CourseError(f"There are no lessons in {course.root / 'solutions'}: name a source NN_slug.py.")
    code = code_of(course)
    return [_build_one(lesson, force, preset, course, code, console) for lesson in wanted]


def _build_one(lesson: Lesson, force: bool, preset: str, course: Course, code: Code, console: Console) -> Result:
    result = Result(lesson)
    started = time.monotonic()
    try:
        names = list(course.exercise_names(lesson.number))
        _raise_faults(result, problems(lesson.source, names))
        nb = read_source(lesson.source, names)
        result.student = "written" if write_notebook(lesson.student, student(nb)) else "unchanged"
        reason = "asked to" if force else stale(lesson, course, preset, code)
        if reason is None:
            result.solution = "fresh"
        else:
            check_writable(lesson.solution.parent)  # before the run, not after it
            edition = solution(nb, preset, digest(lesson, course, code))
            executed = _execute_with_progress(edition, lesson, preset, course, console)
            too_big = recorded_size(executed)[1]
            if too_big:
                raise CourseError(too_big)
            result.solution = "written" if write_notebook(lesson.solution, executed) else "unchanged"
    except CourseError as error:
        result.error = str(error)
    result.seconds = time.monotonic() - started
    _say(result, console)
    return result


def _raise_faults(result: Result, found: list[Problem]) -> None:
    result.warnings = [problem.text for problem in found if problem.warning]
    faults = [problem.text for problem in found if not problem.warning]
    if faults:
        raise CourseError("\n".join(faults))


def _execute_with_progress(
    edition: NotebookNode, lesson: Lesson, preset: str, course: Course, console: Console
) -> NotebookNode:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(f"{lesson.name} ({preset})", total=len(edition.cells))
        return execute(
            edition,
            preset,
            folder=lesson.solution.parent,
            root=course.root,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )


def _say(result: Result, console: Console) -> None:
    name = result.lesson.name
    for warning in result.warnings:
        console.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    if result.error:
        console.print(f"[red]{name}[/] {escape(result.error)}", soft_wrap=True)
    else:
        console.print(
            f"[green]{name}[/] student edition {result.student}, solution edition {result.solution} "
            f"({result.seconds:.1f} s)",
            soft_wrap=True,
        )

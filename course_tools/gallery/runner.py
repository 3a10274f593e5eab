"""Run lessons one after the other. A lesson that fails does not stop the next one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from course_tools.editions import Course, Lesson, execute, find, inject, lessons, read_source, solution_cells, takes
from course_tools.editions.notebooks import code_cells, notebook_metadata, text_of
from course_tools.gallery.pages import write_index, write_pages
from course_utils.environment import PRESET_VARIABLE
from course_utils.errors import CourseError
from course_utils.files import check_writable
from course_utils.runtime import PRESETS

PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


@dataclass
class LessonRun:
    """How one lesson went.

    Attributes:
        lesson: the lesson.
        seconds: from the kernel's start to the last cell.
        passed, exercises: checks that printed PASS, and checks there are.
        figures: pictures in the outputs.
        error: a sentence if the lesson stopped early, else None.
        notebook, page: what was written; None if the lesson did not even start.
    """

    lesson: Lesson
    seconds: float = 0.0
    passed: int = 0
    exercises: int = 0
    figures: int = 0
    error: str | None = None
    notebook: Path | None = None
    page: Path | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


def run_lessons(
    numbers: Sequence[str] = (),
    preset: str | None = None,
    dataset: str | None = None,
    *,
    out: Path | None = None,
    course: Course | None = None,
    console: Console | None = None,
) -> list[LessonRun]:
    """Run the solution edition of each lesson and write notebooks and gallery.

    Args:
        numbers: "01" or a lesson's name; none for every lesson.
        preset, dataset: papermill parameters of the lessons; left out, each lesson's own default.
        out: where to write; the checkout's `build/` if None.
        course: another folder of lessons (tests).
        console: where progress goes; standard error if None.

    Raises:
        CourseError: no such lesson, preset or data set, a data set that cannot be had, or a place that cannot be
            written to. What fails inside a lesson is reported in its `LessonRun`, and the others run.
    """
    course = course or Course()
    console = console or Console(stderr=True)
    chosen = [find(number, course) for number in numbers] or lessons(course)
    if not chosen:
        raise CourseError(f"There are no lessons in {course.root / 'solutions'}.")
    _check_choices(preset, dataset)
    out = out or course.root / "build"
    check_writable(out)  # before the first lesson, not after the last
    results = []
    with _bars(console) as bars:
        everything = bars.add_task("lessons", total=len(chosen))
        for lesson in chosen:
            cells = bars.add_task(lesson.name, total=None)

            def on_cell(done: int, total: int, task: Any = cells) -> None:
                bars.update(task, completed=done, total=total)

            result = _run_one(lesson, {"preset": preset, "dataset": dataset}, out, course, on_cell)
            bars.remove_task(cells)
            bars.advance(everything)
            _say(result, console)
            results.append(result)
    write_pages(results, out / "gallery")  # at the end, when it is known which neighbours have a page to link to
    write_index(results, out / "gallery", _settings(preset, dataset))
    return results


def _check_choices(preset: str | None, dataset: str | None) -> None:
    if preset and preset not in ("auto", *PRESETS):
        raise CourseError(f"There is no preset {preset!r}: choose auto, {', '.join(PRESETS)}.")
    if dataset:
        from course_utils import data  # here: it loads PyTorch

        data.load(dataset, n=1)  # a missing download fails now, in one sentence, and not once in every lesson


def _run_one(
    lesson: Lesson, asked: dict[str, str | None], out: Path, course: Course, on_cell: Callable[[int, int], None]
) -> LessonRun:
    result = LessonRun(lesson)
    started = time.monotonic()
    try:
        nb = _edition(lesson, course)
        nb = inject(nb, **{name: value for name, value in asked.items() if value and takes(nb, name)})
        result.exercises = len(code_cells(nb, "check"))
        result.notebook = out / "notebooks" / f"{lesson.name}.ipynb"
        result.notebook.parent.mkdir(parents=True, exist_ok=True)
        result.notebook.unlink(missing_ok=True)  # never take an earlier run's notebook for this one's
        preset = None if asked["preset"] == "auto" else asked["preset"]  # a COURSE_PRESET that is set would win over it
        execute(nb, preset, folder=lesson.solution.parent, root=course.root, progress=on_cell, store=result.notebook)
    except CourseError as error:
        result.error = str(error)
    except Exception as error:  # whatever one lesson does, the others run
        result.error = f"Lesson {lesson.number} stopped: {type(error).__name__}: {error}".rstrip(": ")
    result.seconds = time.monotonic() - started
    if result.notebook and result.notebook.is_file():
        executed = nbformat.read(result.notebook, as_version=4)
        result.passed = sum(_passed(cell) for cell in code_cells(executed, "check"))
        result.figures = sum(_figures(cell) for cell in executed.cells)
    return result


def _edition(lesson: Lesson, course: Course) -> NotebookNode:
    """The solution edition straight from the source, so that what runs is what stands there now."""
    nb = read_source(lesson.source, list(course.exercise_names(lesson.number)))
    nb.cells = solution_cells(nb)
    nb.metadata = notebook_metadata(lesson=lesson.number, edition="solution")
    return nb


def _passed(cell: NotebookNode) -> bool:
    name = cell.metadata.get("exercise", "")
    return re.search(rf"^{re.escape(name)}: PASS \(", text_of(cell.outputs), re.MULTILINE) is not None


def _figures(cell: NotebookNode) -> int:
    bundles = [output.get("data", {}) for output in cell.get("outputs", [])]
    return sum(any(kind in bundle for kind in PICTURES) for bundle in bundles)


def _bars(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _say(result: LessonRun, console: Console) -> None:
    if result.error:
        console.print(f"[red]{result.lesson.name}[/] {escape(result.error)}", soft_wrap=True)
    else:
        console.print(f"[green]{result.lesson.name}[/] ran in {result.seconds:.1f} s", soft_wrap=True)


def _settings(preset: str | None, dataset: str | None) -> str:
    """What the gallery's heading says about the run."""
    chosen = preset or os.environ.get(PRESET_VARIABLE) or "each lesson's default"
    return f"preset: {chosen}; images: {dataset or 'each lesson’s default'}"

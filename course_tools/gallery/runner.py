"""Run lessons with papermill, one after the other. A lesson that fails does not stop the next one."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from course_tools.editions import Course, Lesson, find, lessons, read_source, solution_cells
from course_tools.editions.notebooks import notebook_metadata, tags
from course_tools.editions.solution import kernel_environment
from course_tools.gallery.pages import write_index, write_pages
from course_utils.errors import CourseError
from course_utils.runtime import PRESET_VARIABLE, PRESETS

PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
OnCell = Callable[[int, int], None]


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
        CourseError: no such lesson, preset or data set, or a data set that cannot be had. What fails inside a lesson
            is reported in its `LessonRun`.
    """
    course = course or Course()
    console = console or Console(stderr=True)
    chosen = [find(number, course) for number in numbers] or lessons(course)
    if not chosen:
        raise CourseError(f"There are no lessons in {course.root / 'solutions'}.")
    _check_choices(preset, dataset)
    out = out or course.root / "build"
    parameters = {key: value for key, value in (("preset", preset), ("dataset", dataset)) if value}
    results = []
    with _environment(course.root, preset), _bars(console) as bars:
        everything = bars.add_task("lessons", total=len(chosen))
        for lesson in chosen:
            cells = bars.add_task(lesson.name, total=None)

            def on_cell(done: int, total: int, task: Any = cells) -> None:
                bars.update(task, completed=done, total=total)

            result = _run_one(lesson, parameters, out, course, on_cell)
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


def _run_one(lesson: Lesson, parameters: dict[str, str], out: Path, course: Course, on_cell: OnCell) -> LessonRun:
    result = LessonRun(lesson)
    started = time.monotonic()
    try:
        nb = _edition(lesson, course)
        result.exercises = len(_checks(nb))
        result.notebook = out / "notebooks" / f"{lesson.name}.ipynb"
        result.notebook.parent.mkdir(parents=True, exist_ok=True)
        result.notebook.unlink(missing_ok=True)  # never take an earlier run's notebook for this one's
        _execute(nb, result.notebook, parameters, lesson.solution.parent, on_cell)
    except CourseError as error:
        result.error = str(error)
    except Exception as error:  # whatever one lesson does, the others run
        result.error = _sentence(lesson, error)
    result.seconds = time.monotonic() - started
    if result.notebook and result.notebook.is_file():
        executed = nbformat.read(result.notebook, as_version=4)
        result.passed = sum(_passed(cell) for cell in _checks(executed))
        result.figures = sum(_figures(cell) for cell in executed.cells)
    return result


def _edition(lesson: Lesson, course: Course) -> NotebookNode:
    """The solution edition straight from the source, so that what runs is what stands there now."""
    nb = read_source(lesson.source, list(course.exercise_names(lesson.number)))
    nb.cells = solution_cells(nb)
    nb.metadata = notebook_metadata(lesson=lesson.number, edition="solution")
    return nb


def _execute(nb: NotebookNode, target: Path, parameters: dict[str, str], folder: Path, on_cell: OnCell) -> None:
    """papermill, with a call after each cell. It stores the notebook as it goes, also when a cell fails."""
    import papermill  # here: it takes a second to load
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):
        """papermill's own engine, which also says how far it is."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
            complete, total = nb_man.cell_complete, len(nb_man.nb.cells)

            def and_say(cell: NotebookNode, cell_index: int | None = None, **more: Any) -> None:
                complete(cell, cell_index, **more)
                on_cell((cell_index or 0) + 1, total)

            nb_man.cell_complete = and_say
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)

    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill_engines.register("course", Engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of papermill and its libraries, about themselves
        papermill.execute_notebook(
            nb,
            str(target),
            parameters=parameters,
            engine_name="course",
            kernel_name="python3",
            progress_bar=False,
            cwd=str(folder),
            extra_arguments=["--log-level=ERROR"],  # the kernel warns of its own loopback socket
        )


def _checks(nb: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in nb.cells if cell.cell_type == "code" and "check" in tags(cell)]


def _passed(cell: NotebookNode) -> bool:
    name = cell.metadata.get("exercise", "")
    printed = "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream")
    return re.search(rf"^{re.escape(name)}: PASS \(", printed, re.MULTILINE) is not None


def _figures(cell: NotebookNode) -> int:
    bundles = [output.get("data", {}) for output in cell.get("outputs", [])]
    return sum(any(kind in bundle for kind in PICTURES) for bundle in bundles)


def _sentence(lesson: Lesson, error: Exception) -> str:
    """What stopped a lesson: for an error in a cell, the cell and the error's last line."""
    where = f" in cell {error.cell_index + 1}" if hasattr(error, "cell_index") else ""
    name = getattr(error, "ename", type(error).__name__)
    said = str(getattr(error, "evalue", error)).strip().splitlines() or [""]
    return f"Lesson {lesson.number} stopped{where}: {name}: {said[-1][:300]}".rstrip(": ")


@contextlib.contextmanager
def _environment(root: Path, preset: str | None) -> Iterator[None]:
    """papermill's kernels inherit this process's environment, so it is made theirs for as long as they run."""
    before = dict(os.environ)
    # A COURSE_PRESET that is already set would win over the parameter.
    theirs = kernel_environment(root, None if preset == "auto" else preset)
    os.environ.clear()
    os.environ.update(theirs)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


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

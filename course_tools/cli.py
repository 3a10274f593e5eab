"""The `course` command. Each command is a few lines that call a function elsewhere.

What a command needs is imported inside it: PyTorch takes seconds to load, and `course --help` should not.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from course_utils import __version__
from course_utils.errors import CourseError
from course_utils.places import is_unwritable, unwritable


class _Group(TyperGroup):
    """A CourseError becomes its sentence, and Ctrl-C one line; neither shows a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CourseError as error:
            typer.secho(str(error), err=True, fg="red")
            raise typer.Exit(1) from None
        except OSError as error:  # whatever could not be written: what has its name is whole, and stays
            if not is_unwritable(error):
                raise
            typer.secho(str(unwritable(Path(error.filename or tempfile.gettempdir()), error)), err=True, fg="red")
            raise typer.Exit(1) from None
        except KeyboardInterrupt as stopped:
            typer.echo(f"\n{str(stopped) or 'Stopped.'}", err=True)  # a training says how to go on
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="From Noise to Flowers: a hands-on course on diffusion models.",
)

Lessons = Annotated[list[str] | None, typer.Argument(help="Lessons, such as 00 01; none means all.")]
Preset = Annotated[str | None, typer.Option(help="auto, smoke, lecture, laptop or gpu.")]
Dataset = Annotated[str | None, typer.Option(help="flowers, digits, mnist, fashion_mnist or cifar10.")]


@app.callback(invoke_without_command=True)
def _main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a Windows pipe may know no "α": print "?" rather than fail
    if version:
        typer.echo(f"From Noise to Flowers {__version__}")
        raise typer.Exit


@app.command()
def lab(
    lesson: Annotated[str, typer.Option(help="The lesson to open.")] = "00",
    port: Annotated[int | None, typer.Option(help="The server's port.")] = None,
    browser: Annotated[bool | None, typer.Option(help="Open a browser window or not.")] = None,
) -> None:
    """Open JupyterLab on a lesson."""
    from course_tools.lab import open_lab

    open_lab(lesson, port, browser)


@app.command()
def lecture(
    lesson: Annotated[str, typer.Argument(help="The lesson whose explorer is shown, such as 12.")],
    port: Annotated[int | None, typer.Option(help="The server's port; left out, a free one.")] = None,
    browser: Annotated[bool | None, typer.Option(help="Open a browser window or not.")] = None,
) -> None:
    """Show a lesson's explorer full screen, for a lecture."""
    from course_tools.lecture import open_lecture

    open_lecture(lesson, port, browser)


@app.command()
def run(
    preset: Preset = None,
    lessons: Annotated[str, typer.Option(help='Lessons, such as "00 01"; left out, all.')] = "",
    dataset: Dataset = None,
    out: Annotated[Path | None, typer.Option(help="The folder that is written; left out, build/.")] = None,
) -> None:
    """Run lessons headless; notebooks and an HTML gallery go to build/."""
    from course_tools import gallery

    results = gallery.run_lessons(lessons.replace(",", " ").split(), preset, dataset, out=out)
    console = Console()
    pages = [result.page for result in results if result.page]
    if pages:
        console.print(f"Gallery: {pages[0].parent / 'index.html'}", soft_wrap=True, markup=False)
    console.print(gallery.summary(results))
    bad = [result.lesson.number for result in results if not result.ok or result.passed < result.exercises]
    if bad:
        raise CourseError(f"Not every lesson went through: look at lesson {', '.join(bad)} in the gallery.")


@app.command()
def build(
    lessons: Lessons = None,
    force: Annotated[bool, typer.Option("--force", help="Execute solution editions even if fresh.")] = False,
    preset: Annotated[str, typer.Option(help="The preset to execute under.")] = "laptop",
) -> None:
    """Write both editions of lessons from their sources, and the pages that list lessons or what they found."""
    from course_tools import claims, editions, pages

    results = editions.build(lessons, force=force, preset=preset)
    claims.write()
    pages.write()
    if not all(result.ok for result in results):
        raise typer.Exit(1)


@app.command()
def new(
    number: Annotated[str, typer.Argument(help="The lesson's number in the syllabus, such as 07.")],
    slug: Annotated[str, typer.Argument(help="Its slug, such as score_matching.")],
) -> None:
    """Write the skeleton of a lesson, which passes the gates as it stands."""
    from course_tools.new import create

    for path in create(number, slug):
        typer.echo(path.as_posix())
    typer.echo(
        f"\nNext: `course build {number}`, then `course lab --lesson {number}`. Write your lesson over the example, "
        "part by part; docs/contributing.md says what each is for. `make test` holds you to it."
    )


@app.command()
def check(
    lesson: Annotated[str, typer.Argument(help="The lesson, such as 01.")],
    notebook: Annotated[Path | None, typer.Option(help="The notebook; left out, your own.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one answer.")] = 20.0,
) -> None:
    """Score a notebook, exercise by exercise. Exit status 0 only if all passed."""
    from course_tools import grading

    report = grading.check(lesson, notebook, timeout=timeout)
    report.show()
    if not report.passed_all:
        raise typer.Exit(1)


@app.command()
def grade(
    lesson: Annotated[str, typer.Argument(help="The lesson, such as 01.")],
    folder: Annotated[Path, typer.Argument(help="The notebooks handed in.")],
    out: Annotated[Path, typer.Option(help="The table that is written.")] = Path("grades.csv"),
    workers: Annotated[int, typer.Option(help="Notebooks graded at the same time.")] = 2,
    timeout: Annotated[float, typer.Option(help="Seconds for one answer.")] = 20.0,
) -> None:
    """Grade a folder of notebooks into a CSV file. Runs their code as you: use a container for strangers."""
    from course_tools import grading

    rows = grading.grade_folder(lesson, folder, out, workers=workers, timeout=timeout, progress=typer.echo)
    graded = sum(bool(row.get("of")) for row in rows)
    typer.echo(f"{out}: {graded} notebooks graded, {len(rows) - graded} files or folders not, for the reason in `note`")


@app.command()
def mutants(
    lesson: Annotated[str, typer.Argument(help="The lesson, such as 12.")],
) -> None:
    """Make every answer of a lesson wrong in many ways, and list what its checks do not notice."""
    from course_tools import editions
    from course_tools import mutants as wrong
    from course_tools.mutants import report as shown

    number = editions.find(lesson).number
    listed = wrong.read_listed(wrong.path_of(number))
    report = wrong.attempt(number)
    console = Console()
    console.print(shown.table(report))
    for lines in shown.known(report, listed):
        console.print(lines, markup=False, highlight=False, soft_wrap=True)
    if found := wrong.complaints(report, listed):
        raise CourseError("\n".join(found))


@app.command()
def train(
    name: Annotated[str | None, typer.Argument(help="The weights; left out, a list of what there is.")] = None,
    preset: Annotated[str, typer.Option(help="auto, laptop, gpu, or smoke for a trial.")] = "auto",
) -> None:
    """Train the weights that come with the course again."""
    from course_tools import recipes

    if name is None:
        for line in recipes.listing():
            typer.echo(line)
        return
    card = recipes.train(name, preset)
    typer.echo(f"Stored {name}: {card.get('parameters', 0):,} parameters.")


@app.command()
def claims(
    names: Annotated[list[str] | None, typer.Argument(help="Studies; none means all.")] = None,
    lesson: Annotated[str | None, typer.Option(help="The studies of this lesson.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also run again what is stored and fresh.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List the studies and their state; run nothing.")] = False,
    workers: Annotated[int | None, typer.Option(help="Runs made at a time; left out, one for each core.")] = None,
) -> None:
    """Run the lessons' slow comparisons again where they are missing or stale, and write the page of claims."""
    from course_tools import claims
    from course_tools.editions.study_code import study_digests
    from course_utils import studies
    from course_utils.runtime import usable_cores

    code = study_digests()
    chosen = [studies.find(name) for name in names] if names else list(studies.studies(lesson).values())
    if show:
        for line in studies.listing(chosen, code):
            typer.echo(line)
        return
    made = studies.run(chosen, force=force, workers=usable_cores() if workers is None else workers, code=code)
    changed = claims.write()
    typer.echo(f"{made} runs made. {claims.PAGE} {'is written anew' if changed else 'is as it was'}.")
    if made:
        lessons = " ".join(sorted({study.lesson for study in chosen}))
        typer.echo(f"The lessons still show the old figures: `course build {lessons}` executes them again.")


@app.command()
def pictures(lessons: Lessons = None) -> None:
    """Make the opening pictures of lessons again."""
    from course_tools import pictures as openings

    for file, picture, changed in openings.make(lessons):
        typer.echo(
            f"{file.parent.name}: {picture.width} x {picture.height} pixels, {'written' if changed else 'as it was'}"
        )


@app.command()
def data(
    names: Annotated[list[str] | None, typer.Argument(help="Image sets to fetch; none lists all.")] = None,
) -> None:
    """Fetch image sets, or show which are here and where they lie."""
    from course_tools.doctor import image_sets

    for name in names or []:
        typer.echo(image_sets.fetch(name))
    if not names:
        Console().print(image_sets.table())


@app.command()
def doctor() -> None:
    """Say what is installed, and what to do about what is missing."""
    from course_tools import doctor as checks

    if not checks.show(checks.examine()):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()

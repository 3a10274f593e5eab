"""What must be true of every lesson before it is handed out. Each gate returns complaints, one sentence each.

A gate that returns an empty list is open. `tests/notebooks` runs them on the real lessons, and runs each one on a
small lesson spoilt so that it has to complain. The gate that runs nbval is in `smoke`.
"""

from __future__ import annotations

import functools
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_tools.editions.engine import DEFAULT_PRESET
from course_tools.editions.freshness import stale
from course_tools.editions.lessons import Course, Lesson
from course_tools.editions.links import link_complaints
from course_tools.editions.notebooks import label, read_notebook, tags, text_of, to_bytes
from course_tools.editions.solution import CHECK_OUTPUT, recorded_size, solution_cells
from course_tools.editions.source import problems, read_source
from course_tools.editions.student import answer_lines, mark, student
from course_utils.errors import CourseError

IMAGE = re.compile(r"image/(png|jpeg|svg\+xml|gif)")
# Where a machine shows through: its folders, its address, a place in its memory.
TRACES = {
    "a path of one machine": re.compile(
        r"(?<![\w.:/])/(home|Users|root|tmp|work|workspace|opt|var|usr|private|mnt|content)/\w|\b[A-Za-z]:\\{1,2}\w|site-packages"
    ),
    "a temporary file of the kernel": re.compile(r"ipykernel_\d+"),
    "an address of one machine": re.compile(r"\b127\.0\.0\.1\b|\blocalhost:\d|file://"),
    "a place in memory": re.compile(r"\b0x[0-9a-fA-F]{6,}"),
}
# Lines of an answer that give nothing away.
_TRIVIAL = re.compile(r"(import |from \S+ import |with torch\.no_grad|else:|try:|pass$|return \w+$|return$)")
SHORTEST_GIVEAWAY = 12


def source_is_sound(lesson: Lesson, course: Course | None = None) -> list[str]:
    """The source keeps the rules and agrees with the lesson's exercises module."""
    names = (course or Course()).exercise_names(lesson.number)
    return [problem.text for problem in problems(lesson.source, names) if not problem.warning]


def editions_regenerate(lesson: Lesson) -> list[str]:
    """Both editions are what `course build` makes of the source: the student's to the byte, the solution's cells."""
    nb = read_source(lesson.source)
    found: list[str] = []
    if not lesson.student.is_file() or lesson.student.read_bytes() != to_bytes(student(nb)):
        found.append(f"{lesson.student.name} in notebooks/ is not what the source gives: run `course build`.")
    edition, complaint = _read(lesson.solution)
    if edition is None:
        return [*found, complaint]
    wanted = solution_cells(nb)
    if [cell.id for cell in edition.cells] != [cell.id for cell in wanted]:
        return [*found, f"{lesson.solution.name} has other cells than the source: run `course build`."]
    for index, (has, should) in enumerate(zip(edition.cells, wanted, strict=True)):
        if (has.source, has.metadata, has.cell_type) != (should.source, should.metadata, should.cell_type):
            found.append(f"{lesson.solution.name} differs from the source in {label(edition, index)}.")
    extra = set(edition.metadata) - {"course", "kernelspec", "language_info"}
    if extra:
        found.append(f"{lesson.solution.name} has metadata that no build writes: {', '.join(sorted(extra))}.")
    return found


def solution_is_fresh(lesson: Lesson, course: Course | None = None) -> list[str]:
    """The solution edition was executed from this source and this code, under the preset that is committed."""
    reason = stale(lesson, course, DEFAULT_PRESET)
    return [f"{reason} Run `course build {lesson.number}`."] if reason else []


def checks_are_recorded(nb: NotebookNode) -> list[str]:
    """Every check cell is tagged for nbval and has its output; every code cell has its count, in order."""
    found: list[str] = []
    last = 0
    for index, cell in enumerate(nb.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if "check" in tags(cell):
            if CHECK_OUTPUT not in tags(cell):
                found.append(f"{label(nb, index)} is not tagged {CHECK_OUTPUT}, so nbval would accept any answer.")
            if not cell.outputs:
                found.append(f"{label(nb, index)} has no recorded output, so nbval has nothing to compare.")
        if not cell.execution_count or cell.execution_count <= last:
            found.append(f"{label(nb, index)} has no execution count in order: it was not run from the top.")
        last = cell.execution_count or last
    return found


def all_passed(nb: NotebookNode) -> list[str]:
    """Every check printed its PASS line, all parts passed, and nothing else."""
    return list(_other_than(nb, r"{name}: PASS \((?P<n>\d+) of (?P=n)\)\n?"))


def nothing_tried(nb: NotebookNode) -> list[str]:
    """In an executed student edition, every check said `not tried yet`."""
    return list(_other_than(nb, r"{name}: not tried yet\n?(  .*\n?)?"))


def answers_stay_out(source: NotebookNode, edition: NotebookNode) -> list[str]:
    """No line of an answer, no mark, no output stands in a student edition."""
    found: list[str] = []
    squeezed = [(_squeeze(cell.source), index) for index, cell in enumerate(edition.cells)]
    for cell in source.cells:
        if "exercise" not in tags(cell):
            continue
        for line in answer_lines(cell.source):
            code = _squeeze(_without_comment(line))
            if len(code) < SHORTEST_GIVEAWAY or _TRIVIAL.match(line.strip()):
                continue
            for text, index in squeezed:
                if code in text:
                    where, exercise = label(edition, index), cell.metadata.exercise
                    found.append(f"{where} shows a line of the answer to {exercise}: {line.strip()}")
    for index, cell in enumerate(edition.cells):
        if any(mark(line) for line in cell.source.splitlines()):
            found.append(f"{label(edition, index)} still has its solution marks.")
        if cell.get("outputs") or cell.get("execution_count"):
            found.append(f"{label(edition, index)} has outputs or a count, which a student edition has not.")
    return found


def figures_are_made(nb: NotebookNode) -> list[str]:
    """Every cell tagged figure made an image, and every image of the notebook has alt text."""
    found: list[str] = []
    for index, cell in enumerate(nb.cells):
        images = [o for o in cell.get("outputs", []) if any(IMAGE.match(mime) for mime in o.get("data", {}))]
        if "figure" in tags(cell) and not images:
            found.append(f"{label(nb, index)} is tagged figure and made no image.")
        for image in images:
            if not _alt(image.get("metadata", {})):
                found.append(f"{label(nb, index)} made an image without alt text: show it with plots.show.")
    return found


def machine_stays_out(nb: NotebookNode) -> list[str]:
    """No path, address or other trace of the machine that ran the notebook is in its outputs or its metadata."""
    found: list[str] = []
    for index, cell in enumerate(nb.cells):
        hits = [trace for text in _texts(cell) for trace in _traces(text)]
        found += [f"{label(nb, index)} shows {what} ({hit})." for what, hit in dict.fromkeys(hits)]
        if {"execution", "papermill", "ExecuteTime"} & set(cell.metadata):
            found.append(f"{label(nb, index)} records when it ran.")
    found += [f"The notebook's metadata hold {what} ({hit})." for what, hit in _traces(json.dumps(nb.metadata))]
    if "version" in nb.metadata.get("language_info", {}) or "widgets" in nb.metadata:
        found.append("The notebook's metadata hold a version or widget state, which differ from machine to machine.")
    return found


def small_enough(nb: NotebookNode) -> list[str]:
    """The notebook stays under the size that a repository and a browser take lightly."""
    complaint = recorded_size(nb)[1]
    return [complaint] if complaint else []


def links_resolve(root: Path, paths: list[Path] | None = None) -> list[str]:
    """Every internal link, anchor and picture of the notebooks, the README and docs/ leads somewhere."""
    paths = paths if paths is not None else pages(root)
    return [complaint for path in paths for complaint in link_complaints(path, root)]


def pages(root: Path) -> list[Path]:
    """The pages a reader can open: README and other pages at the root, docs/, and both editions."""
    found = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    return sorted([*found, *(root / "notebooks").glob("*.ipynb"), *(root / "solutions").glob("*.ipynb")])


def _other_than(nb: NotebookNode, pattern: str) -> Iterator[str]:
    checks = [(index, cell) for index, cell in enumerate(nb.cells) if "check" in tags(cell)]
    exercises = {cell.metadata.get("exercise") for cell in nb.cells if "exercise" in tags(cell)}
    for name in sorted(exercises - {cell.metadata.get("exercise") for _, cell in checks}):
        yield f"The exercise {name} has no check cell."
    for index, cell in checks:
        printed = text_of(cell.outputs)
        wanted = pattern.format(name=re.escape(cell.metadata.get("exercise", "")))
        if not re.fullmatch(wanted, printed):
            yield f"{label(nb, index)} printed {printed.strip() or 'nothing'!r}."
        elif len(cell.outputs) != 1:
            yield f"{label(nb, index)} has {len(cell.outputs)} outputs where its one line should stand alone."


def _read(path: Path) -> tuple[NotebookNode | None, str]:
    try:
        return read_notebook(path), ""
    except CourseError as error:
        return None, str(error)


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line)


def _alt(metadata: dict[str, Any]) -> str:
    """Alt text as `plots.show` stores it, beside the picture's width."""
    for value in metadata.values():
        if isinstance(value, dict) and str(value.get("alt", "")).strip():
            return str(value["alt"])
    return ""


def _texts(cell: NotebookNode) -> Iterator[str]:
    """Every text in a cell's outputs, pictures left out."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield "\n".join([output.evalue, *output.traceback])
        for mime, value in output.get("data", {}).items():
            if mime.startswith("text/") or mime == "image/svg+xml":
                yield re.sub(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+", "", str(value))


def _traces(text: str) -> Iterator[tuple[str, str]]:
    for what, pattern in TRACES.items():
        match = pattern.search(text)
        if match:
            yield what, match[0]
    host = _own_host()
    if host and re.search(rf"\b{re.escape(host)}\b", text):
        yield "the name of this machine", host


@functools.cache
def _own_host() -> str | None:
    """This machine's name, if it is long and odd enough not to be a word of a lesson."""
    name = socket.gethostname().split(".")[0]
    return name if len(name) >= 6 and any(c.isdigit() for c in name) else None

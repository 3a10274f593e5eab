"""Which solution editions are out of date: a digest over a lesson's source and the code that it imports."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import NotebookNode

from course_tools.cells import statements
from course_tools.editions.engine import DEFAULT_PRESET
from course_tools.editions.lessons import Course, Lesson
from course_tools.editions.notebooks import read_notebook, tags
from course_tools.editions.solution import CHECK_OUTPUT, solution_cells
from course_tools.editions.source import read_source
from course_utils.errors import CourseError

if TYPE_CHECKING:
    from grimp import ImportGraph
else:
    ImportGraph = Any  # grimp is installed for those who build; students only read notebooks

TEXT_SUFFIXES = (".py", ".json", ".txt", ".csv", ".md", ".toml", ".yaml", ".yml")


def import_graph(course: Course) -> ImportGraph:
    """Who imports whom in the course's package. Read from the files, nothing is imported.

    Raises:
        CourseError: grimp is not installed.
    """
    try:
        import grimp
    except ImportError:
        raise CourseError("To build lessons, install grimp: `pip install -e .[dev]`.") from None
    with _importable(course.root):
        return grimp.build_graph(course.package, exclude_type_checking_imports=True, cache_dir=None)


def modules_used(lesson: Lesson, course: Course | None = None, graph: ImportGraph | None = None) -> list[str]:
    """The modules of the course's package that a lesson imports, directly or through others, sorted.

    An import of `a.b.c` also runs `a` and `a.b`, so these count too. Modules found by name at run time
    (importlib) do not.
    """
    course = course or Course()
    graph = graph or import_graph(course)
    waiting = set(_imported_names(read_source(lesson.source), course.package, graph.modules))
    used: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in used or module not in graph.modules:
            continue
        used.add(module)
        waiting.add(module.rpartition(".")[0])
        waiting |= set(graph.find_modules_directly_imported_by(module))
    return sorted(used)


def digest(lesson: Lesson, course: Course | None = None, graph: ImportGraph | None = None) -> str:
    """A fingerprint of a lesson's source, of every file of the package that it uses, and of the weights' cards.

    The same on every system: line ends are made equal, and paths are relative to the root.
    """
    course = course or Course()
    total = hashlib.sha256()
    modules = modules_used(lesson, course, graph)
    # A card holds the digest of its weights: a model that was trained again makes what it judged stale.
    cards = sorted((course.root / "weights").glob("*.json")) if f"{course.package}.weights" in modules else []
    files = [path for path in _files(course, modules) if not _unused_result(path, lesson, course)]
    for path in [lesson.source, *files, *cards]:
        content = path.read_bytes()
        if path.suffix in TEXT_SUFFIXES:
            content = content.replace(b"\r\n", b"\n")
        total.update(path.relative_to(course.root).as_posix().encode("utf-8") + b"\0")
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:32]


def stale(
    lesson: Lesson,
    course: Course | None = None,
    preset: str = DEFAULT_PRESET,
    graph: ImportGraph | None = None,
) -> str | None:
    """Why a lesson's solution edition has to be executed again, in one sentence; None if it is fresh."""
    course = course or Course()
    if not lesson.solution.is_file():
        return f"Lesson {lesson.number} has no solution edition yet."
    try:
        nb = read_notebook(lesson.solution)
    except CourseError as error:
        return str(error)
    recorded = nb.metadata.get("course", {})
    if recorded.get("preset") != preset:
        return f"Lesson {lesson.number} was executed under preset {recorded.get('preset')}, not {preset}."
    if recorded.get("digest") != digest(lesson, course, graph):
        return f"The source of lesson {lesson.number}, or a module it imports, has changed since it ran."
    if _content(nb) != _content(nbformat.from_dict({"cells": solution_cells(read_source(lesson.source))})):
        return f"The solution edition of lesson {lesson.number} was edited: its cells differ from the source."
    for cell in nb.cells:
        if CHECK_OUTPUT in tags(cell) and not cell.outputs:
            return f"The solution edition of lesson {lesson.number} has lost its outputs."
    return None


def _content(nb: NotebookNode) -> list[tuple[str, str, str, object]]:
    return [(cell.id, cell.cell_type, cell.source, dict(cell.metadata)) for cell in nb.cells]


def _imported_names(nb: NotebookNode, package: str, modules: set[str]) -> Iterator[str]:
    """`from package import a, b` names the modules package.a and package.b where there are such modules."""
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        for node in (part for statement in statements(cell.source) for part in ast.walk(statement)):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                wanted = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            yield from (name for name in wanted if name.split(".")[0] == package and name in modules)


def _files(course: Course, modules: list[str]) -> list[Path]:
    """The file of each module; for a package, also the data files beside its `__init__.py`."""
    files: list[Path] = []
    for module in modules:
        base = course.root.joinpath(*module.split("."))
        if (base / "__init__.py").is_file():
            files.append(base / "__init__.py")
            files += [p for p in base.iterdir() if p.is_file() and p.suffix != ".py" and p.name[0] != "."]
        elif base.with_suffix(".py").is_file():
            files.append(base.with_suffix(".py"))
    return sorted(files, key=lambda path: path.relative_to(course.root).as_posix())


def _unused_result(path: Path, lesson: Lesson, course: Course) -> bool:
    """Whether this is a study's stored result of which the lesson does not speak: a new one does not concern it."""
    if path.suffix != ".json" or path.parent != course.root / course.package / "studies":
        return False
    return re.search(rf"\b{re.escape(path.stem)}\b", lesson.source.read_text(encoding="utf-8")) is None


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    """The package can be found from the root, whether or not it is installed."""
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root))

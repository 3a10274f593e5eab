"""The notebook that is graded: the canonical one, with the student's answers in it and guards around each check."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import nbformat

from course_tools.grading.answers import ANSWERED, Answer
from course_tools.grading.canonical import Canonical, is_answer, is_check, name_of
from course_tools.grading.lines import in_own_lines
from course_tools.grading.needed import setup_cells

GUARD_NAME = "_course_guard"  # followed by the secret
LIMIT_BYTES = 10_000_000  # of printed text in one cell; what is more is dropped


def assemble(
    canonical: Canonical,
    answers: dict[str, Answer],
    include: Collection[str],
    secret: str,
    unchecked: Collection[str] = (),
) -> Any:
    """Put the answers of the exercises in `include` into the canonical notebook.

    The other exercises have no answer cell; their check then finds the placeholder, says "not tried yet" and hands
    out the reference, so that what follows still works. Of the other cells only those that `setup_cells` names are
    there; text is left out, because nbval would not run it.

    Args:
        canonical: supplies set-up, checks, recorded output, counts and order.
        answers: by exercise, from `find_answers`.
        include: the exercises whose answer is wanted in this run.
        secret: names the guard, and marks its output.
        unchecked: those of `include` whose cell runs, for what else it defines, but whose answer is not tried.
    """
    module = f"__import__('{GUARD_NAME}_{secret}')"  # no name in the notebook, where an answer could take it away
    guard, names = f"{module}.guard", list(canonical.exercises)
    start = f"{module}.start({canonical.module!r}, {canonical.alias!r}, {names!r}, {secret!r}, {LIMIT_BYTES})"
    cells = [_code(start, "guard", "", "guard")]
    kept = setup_cells(canonical.notebook, [part for answer in answers.values() for part in answer.parts])
    for index, cell in enumerate(canonical.notebook.cells):
        name = name_of(cell)
        if is_answer(cell):
            if name in include and answers[name].state == ANSWERED:
                cells.append(_code(f"{guard}.enter({name!r})", "guard", name, f"{name}-enter"))
                for part, source in enumerate(answers[name].parts):
                    if part == answers[name].below:
                        cells.append(_code(f"{guard}.hold({name!r})", "guard", name, f"{name}-hold"))
                    cells.append(_code(in_own_lines(source), "answer", name, f"{name}-{part}"))
        elif is_check(cell):
            cells.append(_code(f"{guard}.before({name!r}, drop={name in unchecked})", "guard", name, f"{name}-before"))
            check = _code(cell.source, "check", name, f"{name}-check")
            check.outputs, check.execution_count = cell.outputs, cell.execution_count
            cells.append(check)
            cells.append(_code(f"{guard}.after({name!r})", "guard", name, f"{name}-after"))
        elif index in kept:
            cells.append(_code(cell.source, "setup", "", f"setup-{len(cells)}"))
    return nbformat.v4.new_notebook(cells=cells, metadata=canonical.notebook.metadata)


def _code(source: str, role: str, exercise: str, identity: str) -> Any:
    """A code cell whose metadata say what it is for; an answer brings none of its own."""
    cell = nbformat.v4.new_code_cell(source, id=identity[:64])
    cell.metadata["course_grade"] = {"role": role, "exercise": exercise}
    if role == "check":
        cell.metadata["tags"] = ["nbval-check-output"]
    return cell

"""Finding a student's answers in a notebook that may have been cut, copied, merged and emptied.

An answer is found by its cell's metadata, else by its cell's id, else by a `def` or `class` of its name. What was
decided is said in a sentence, because a person has to be able to argue with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from course_tools.cells import binds, imports, statements
from course_tools.editions.notebooks import code_cells
from course_tools.grading.canonical import Canonical, is_check, name_of
from course_utils.errors import CourseError

ANSWERED, UNTOUCHED, MISSING = "answered", "untouched", "missing"


@dataclass
class Answer:
    """What stands in the notebook for one exercise.

    Attributes:
        name: the exercise.
        state: ANSWERED, UNTOUCHED or MISSING.
        parts: the sources of the cells that make up the answer, in the notebook's order.
        notes: what had to be decided to find it.
    """

    name: str
    state: str
    parts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Cell:
    number: int  # from 1, counting every cell from the top, text included
    source: str
    exercise: str
    identity: str
    is_code: bool
    is_check: bool


def find_answers(notebook: Any, canonical: Canonical, file_name: str) -> dict[str, Answer]:
    """The answer of every exercise of the lesson, found or not.

    Raises:
        CourseError: the notebook has none of the lesson's exercises.
    """
    cells = [
        _Cell(
            number,
            cell.source,
            name_of(cell),
            str(cell.get("id", "")),
            cell.cell_type == "code",
            is_check(cell) and not _defines(cell.source, name_of(cell)),
        )
        for number, cell in enumerate(notebook.cells, start=1)
    ]
    answers = {name: _find(name, cells, exercise.untouched) for name, exercise in canonical.exercises.items()}
    if all(answer.state == MISSING for answer in answers.values()):
        others = sorted({cell.exercise for cell in cells if cell.exercise})
        lesson = canonical.path.stem
        if others:
            raise CourseError(
                f"{file_name} is another lesson's notebook: its exercises are {', '.join(others[:4])}, "
                f"and none of them belongs to {lesson}."
            )
        raise CourseError(
            f"{file_name} has no exercise of {lesson}: is it the right notebook? "
            f"The student edition is notebooks/{lesson}.ipynb."
        )
    return answers


def _find(name: str, cells: list[_Cell], untouched: str) -> Answer:
    notes: list[str] = []
    code = [cell for cell in cells if cell.is_code and not cell.is_check]
    found = [cell for cell in code if cell.exercise == name and not _only_checks(cell, name)]
    if not found:
        found = [cell for cell in code if not cell.exercise and cell.identity == name]
        if found:
            notes.append(f"The cell has lost its metadata; it was found by its id (cell {found[0].number}).")
    touched = [cell for cell in found if _normal(cell.source) != _normal(untouched)]
    if found and not touched:
        elsewhere = _defined_elsewhere(name, code, found, untouched)
        if elsewhere is None:
            return Answer(name, UNTOUCHED, [found[-1].source], notes)
        notes.append(
            f"Its own cell is untouched, so the answer is taken from cell {elsewhere.number}, which defines `{name}`."
        )
        return Answer(name, ANSWERED, [_without_check(elsewhere.source, name)], notes)
    if not found:
        elsewhere = _defined_elsewhere(name, code, [], untouched)
        if elsewhere is None:
            turned = next((cell for cell in cells if not cell.is_code and cell.exercise == name), None)
            if turned is not None:
                notes.append(f"Its cell is no longer a code cell (cell {turned.number}): turn it back into one.")
            return Answer(name, MISSING, [], notes)
        notes.append(
            f"The cell meant for it is gone; the answer is taken from cell {elsewhere.number}, which defines `{name}`."
        )
        return Answer(name, ANSWERED, [_without_check(elsewhere.source, name)], notes)
    chosen, parts = _choose(name, touched)
    if len(found) > 1:
        notes.append(
            f"There are {len(found)} cells for `{name}`: the last one that was changed is graded "
            f"(cell {chosen.number} from the top)."
        )
    return Answer(name, ANSWERED, [_without_check(cell.source, name) for cell in parts], notes)


def _choose(name: str, touched: list[_Cell]) -> tuple[_Cell, list[_Cell]]:
    """The last copy that defines the name, and the copies that do not, which are halves of a split cell."""
    defining = [cell for cell in touched if _defines(cell.source, name)]
    chosen = defining[-1] if defining else touched[-1]
    halves = [cell for cell in touched if cell not in defining] if defining else []
    return chosen, sorted([*halves, chosen], key=lambda cell: cell.number)


def _defined_elsewhere(name: str, code: list[_Cell], found: list[_Cell], untouched: str) -> _Cell | None:
    """The last other code cell with a `def` or `class` of the name, if there is one."""
    pattern = re.compile(rf"^(?:async\s+)?(?:def|class)\s+{re.escape(name)}\b", re.MULTILINE)
    others = [
        cell
        for cell in code
        if cell not in found and pattern.search(cell.source) and _normal(cell.source) != _normal(untouched)
    ]
    return others[-1] if others else None


def _defines(source: str, name: str) -> bool:
    """Whether a cell binds the name at its top level. By text, so that it works on a syntax error too."""
    pattern = rf"^(?:async\s+)?(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*(?::[^=]*)?=(?!=)"
    return re.search(pattern, _without_check(source, name), re.MULTILINE) is not None


def _without_check(source: str, name: str) -> str:
    """The source without the check's own line, which comes along when the two cells are merged."""
    pattern = rf"^{re.escape(name)}\s*=\s*\w+\.{re.escape(name)}\.check\(.*\)[ \t]*$"
    return re.sub(pattern, "", source, flags=re.MULTILINE)


def _only_checks(cell: _Cell, name: str) -> bool:
    """A check cell that has lost its tag but not its name."""
    return bool(cell.source.strip()) and not _without_check(cell.source, name).strip()


def _normal(source: str) -> str:
    """A source without what an editor changes by itself: trailing blanks, blank lines at the ends."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def defined_outside(notebook: Any, parts: list[str]) -> dict[str, bool]:
    """Names that the notebook's other code cells define or import at their top level: name -> is an import."""
    names: dict[str, bool] = {}
    for cell in code_cells(notebook):
        if cell.source not in parts:
            imported = set().union(*(imports(node) for node in statements(cell.source)))
            names.update({name: name in imported for name in binds(cell.source)})
    return names

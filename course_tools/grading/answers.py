"""Finding a student's answers in a notebook that may have been cut, copied, merged and emptied.

An answer is the last top-level binding of its name, with what it uses of the student's other cells: `reached` has the
rule. Metadata and ids only say which cell was meant for it, where nothing binds the name. What was decided is said in
a sentence, because a person has to be able to argue with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from course_tools.grading.canonical import Canonical
from course_tools.grading.reached import Answers, Lesson, Reached
from course_tools.grading.written import Cell, read_written
from course_utils.errors import CourseError

ANSWERED, UNTOUCHED, MISSING = "answered", "untouched", "missing"


@dataclass
class Answer:
    """What stands in the notebook for one exercise.

    Attributes:
        name: the exercise.
        state: ANSWERED, UNTOUCHED or MISSING.
        parts: what is run for it, in order: the answer's own cell, and what it uses of other cells.
        notes: what had to be decided to find it.
        below: from which part on they stand below the check; None if none does.
        sources: the cells that the parts are of, as the student left them, for sentences about their lines.
    """

    name: str
    state: str
    parts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    below: int | None = None
    sources: list[str] = field(default_factory=list)


def find_answers(notebook: Any, canonical: Canonical, file_name: str) -> dict[str, Answer]:
    """The answer of every exercise of the lesson, found or not.

    Raises:
        CourseError: the notebook has none of the lesson's exercises.
    """
    written = read_written(notebook, canonical)
    cells, found = written.cells, Answers(written, Lesson(canonical))
    answers = {
        name: _answer(name, cells, found.find(name), exercise.untouched)
        for name, exercise in canonical.exercises.items()
    }
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


def _answer(name: str, cells: list[Cell], reached: Reached | None, untouched: str) -> Answer:
    """What is graded, and why that."""
    notes: list[str] = []
    code = [cell for cell in cells if cell.is_code and not cell.is_check]
    meant = [cell for cell in code if cell.exercise == name]
    if not meant:
        meant = [cell for cell in code if not cell.exercise and cell.identity == name]
        if meant:
            notes.append(f"The cell has lost its metadata; it was found by its id (cell {meant[0].number}).")
    touched = [cell for cell in meant if _normal(cell.source) != _normal(untouched)]
    if reached is not None:
        notes += _decided(name, cells, meant, reached)
        sources = [_own_words(cells[number - 1], text) for number, text in reached.parts]
        return Answer(name, ANSWERED, [text for _, text in reached.parts], notes, reached.below, sources)
    if touched:
        return Answer(name, ANSWERED, [cell.text for cell in touched], notes, sources=[cell.source for cell in touched])
    unreadable = [cell for cell in code if not cell.readable and _mentions(cell.source, name)]
    if unreadable:
        last = unreadable[-1]
        return Answer(name, ANSWERED, [last.text], notes, sources=[last.source])
    if meant:
        return Answer(name, UNTOUCHED, [meant[-1].source], notes)
    turned = next((cell for cell in cells if not cell.is_code and cell.exercise == name), None)
    if turned is not None:
        notes.append(f"Its cell is no longer a code cell (cell {turned.number}): turn it back into one.")
    return Answer(name, MISSING, [], notes)


def _own_words(cell: Cell, part: str) -> str:
    """The cell as the student left it, without the lines of statements that are not run for this answer."""
    source = cell.source.replace("\r\n", "\n")
    own, all_of_it, run = (text.split("\n") for text in (source, cell.text, part))
    if not len(own) == len(all_of_it) == len(run):
        return cell.source
    left = [bool(before.strip()) and not after.strip() for before, after in zip(all_of_it, run, strict=True)]
    return "\n".join("" if gone else line for line, gone in zip(own, left, strict=True))


def _decided(name: str, cells: list[Cell], meant: list[Cell], reached: Reached) -> list[str]:
    """Sentences about an answer that does not stand alone in the cell that was meant for it."""
    last, notes = reached.bound_in[-1], list[str]()
    if not meant and not any(cell.exercise == name for cell in cells if cell.number == last):
        notes.append(f"The cell meant for it is gone; the answer is taken from cell {last}, which defines `{name}`.")
    elif meant and last not in {cell.number for cell in meant}:
        notes.append(f"The answer is taken from cell {last}, which is the last to define `{name}`.")
    elif len(reached.bound_in) > 1:
        notes.append(f"Cells {_listed(reached.bound_in)} define `{name}`: the last one counts.")
    others = [cell for cell, _ in reached.parts if cell not in reached.bound_in]
    if others:
        notes.append(f"With it comes what it uses of cell{'s' if len(others) > 1 else ''} {_listed(others)}.")
    return notes


def _listed(numbers: list[int]) -> str:
    """`3, 5 and 8`."""
    words = [str(number) for number in dict.fromkeys(numbers)]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _mentions(source: str, name: str) -> bool:
    """Whether a cell that Python cannot read seems to bind the name at its top level."""
    pattern = rf"^(?:async\s+)?(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*(?::[^=]*)?=(?!=)"
    return re.search(pattern, source, re.MULTILINE) is not None


def _normal(source: str) -> str:
    """A source without what an editor changes by itself: trailing blanks, blank lines at the ends."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())

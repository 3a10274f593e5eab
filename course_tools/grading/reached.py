"""What an answer reaches: the last top-level binding of its name, and what that stands on in the student's own cells.

The rule. The answer of an exercise is the last statement, in the notebook's order, that binds its name at the top
level of a cell. The line of a check does not count, nor does a stub as it was handed out, nor, below the check, a name
that is used for a number or a table. With it come the helpers, imports and constants that it uses, and what changes
these, statement by statement. Of a helper that is written twice, the answer gets the one that stood when its check
ran: the last above the check, or above the answer where that is lower. What stands only further down is taken too,
since notebooks are not run in order. What the lesson defines and the student left alone, the canonical notebook
supplies, and the answers of earlier exercises as well.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection
from dataclasses import dataclass

from course_tools.cells import Flow, base, bound_by, imports, statements, taken_by
from course_tools.editions.notebooks import code_cells
from course_tools.grading.canonical import Canonical, is_answer, is_check
from course_tools.grading.needed import setup_cells
from course_tools.grading.written import Statement, Written

#: names that IPython gives to every notebook
SHELL = {"In", "Out", "_", "__", "___", "display", "exit", "get_ipython", "quit"}
NUMBERS = (ast.BinOp, ast.Compare, ast.Constant, ast.JoinedStr, ast.UnaryOp, ast.Tuple, ast.List, ast.Dict, ast.Set)


@dataclass(frozen=True)
class Reached:
    """What is run for one answer.

    Attributes:
        parts: (cell, what of it is run), in the order in which they run.
        bound_in: the cells that bind the name, in the notebook's order; the last one decides.
        below: from which of the parts on they stand below the check; None if none does.
    """

    parts: list[tuple[int, str]]
    bound_in: list[int]
    below: int | None = None


class Lesson:
    """What the canonical notebook supplies.

    Attributes:
        exercises: their names, in order.
        own: every statement of the lesson's own cells, answers and checks left out.
        given: those of them that a grade always runs.
        names: what these bind.
        parameters: what the cell with the parameters binds, which the grade sets.
    """

    def __init__(self, canonical: Canonical) -> None:
        self.exercises = list(canonical.exercises)
        cells = canonical.notebook.cells
        kept = setup_cells(canonical.notebook, [])
        own = {k: statements(c.source) for k, c in enumerate(cells) if c.cell_type == "code" and not _exercise(c)}
        self.own = {ast.dump(node) for body in own.values() for node in body}
        self.given = {ast.dump(node) for k, body in own.items() if k in kept for node in body}
        self.names = {canonical.alias}.union(*(bound_by(body) for k, body in own.items() if k in kept))
        self.parameters = set().union(
            *(bound_by(statements(cell.source)) for cell in code_cells(canonical.notebook, "parameters"))
        )


def _exercise(cell: object) -> bool:
    return is_answer(cell) or is_check(cell)


class Answers:
    """Finds the answers of one notebook."""

    def __init__(self, written: Written, lesson: Lesson) -> None:
        self.written, self.lesson = written, lesson
        self.all = written.statements
        self.taken = [taken_by([s.node]) for s in self.all]
        dumps = [ast.dump(s.node) for s in self.all]
        self.of_lesson = [dump in lesson.own for dump in dumps]
        self.sources = [
            _stand_in(s.node, taken) if own else s.source
            for s, taken, own in zip(self.all, self.taken, self.of_lesson, strict=True)
        ]
        self.flow = Flow(self.sources)
        self.binds = [{name for name, _ in bound} for bound in self.flow.bound]
        self.supplied = self._supplied(dumps)

    def find(self, name: str) -> Reached | None:
        """The answer of an exercise; None if nothing binds its name."""
        checked = name in self.written.checks
        check = self.written.checks.get(name, len(self.all))
        bindings = [
            k
            for k, names in enumerate(self.binds)
            if name in names and not self.of_lesson[k] and not (k >= check and _no_function(self.all[k].node, name))
        ]
        if not bindings:
            return None
        end = check if checked and bindings[-1] < check else bindings[-1] + 1
        order = list(range(end))
        kept = self._kept(name, order, self.flow)
        low = next((k for k in bindings if k >= check), None)
        if low is not None and bindings[0] < check:  # what it is below may turn out to be a number
            kept |= self._kept(name, order[:check], self.flow)
        further = self._further_down(self._absent(kept, order), end)
        if further:
            order = self._in_order(further, order)
            kept |= self._kept(name, order, Flow([self.sources[k] for k in order]))
        if self._absent(kept, order):
            stars = [k for k, s in enumerate(self.all) if _star(s.node) and k not in kept]
            order, kept = [*(k for k in stars if k not in order), *order], kept | set(stars)
        cells = {self.all[k].cell for k in kept if name in self.binds[k]}
        parts = self._parts([k for k in order if k in kept], cells)
        below = next((n for n, (cell, _) in enumerate(parts) if low is not None and cell == self.all[low].cell), None)
        return Reached(parts, sorted({self.all[k].cell for k in bindings}), below)

    def _supplied(self, dumps: list[str]) -> set[int]:
        """The statements that the canonical notebook runs itself: as handed out, and so is all that they stand on."""
        supplied, own = set[int](), set[str]()
        for k, dump in enumerate(dumps):
            names = self.binds[k] - set(self.lesson.exercises)
            if names and names <= self.lesson.parameters:
                supplied.add(k)
            elif dump in self.lesson.given and not self.taken[k] & own:
                supplied.add(k)
                own -= names
            elif dump not in self.lesson.own or self.taken[k] & own:
                own |= names
        return supplied

    def _kept(self, name: str, order: list[int], flow: Flow) -> set[int]:
        """The statements to run: those that make the name, and the answer's cell as far as it makes it."""
        earlier = set(self.lesson.exercises[: self.lesson.exercises.index(name)])
        place = {k: n for n, k in enumerate(order)}
        others = {k for k in order if self.binds[k] & earlier and name not in self.binds[k]}
        given = {place[k] for k in order if k in self.supplied | others}
        still = {place[k] for k in order if self.of_lesson[k]}
        own = set[int]()
        for _ in range(2):
            kept = {order[n] for n in flow.needed([place[k] for k in own], [name], len(order), given, still)}
            makes = [k for k in kept if name in self.binds[k]]
            own = {j for k in makes for j in order if self.all[j].cell == self.all[k].cell and j <= k}
            if any(self._several(self.all[k].cell) for k in makes):
                break
        return kept

    def _several(self, cell: int) -> bool:
        """Whether a cell holds the answers of more than one exercise."""
        found = set().union(*(self.binds[k] for k, s in enumerate(self.all) if s.cell == cell))
        return len(found & set(self.lesson.exercises)) > 1

    def _parts(self, kept: list[int], cells: Collection[int]) -> list[tuple[int, str]]:
        """A part a cell: the answer's own whole, unless it holds another one too; of others what is needed."""
        parts: list[tuple[int, str]] = []
        chosen: list[Statement] = [self.all[k] for k in kept]
        for statement in chosen:
            if statement.cell in [cell for cell, _ in parts]:
                continue
            whole = statement.cell in cells and not self._several(statement.cell)
            some = self.all if whole else chosen
            parts.append((statement.cell, self.written.text(statement.cell, some)))
        return parts

    def _absent(self, kept: Collection[int], order: Collection[int]) -> set[str]:
        """Names that these statements use and nothing binds that is run before."""
        used = set().union(*(self.taken[k] for k in kept))
        bound = set().union(*(self.binds[k] for k in order))
        return used - bound - self.lesson.names - set(self.lesson.exercises) - SHELL - set(dir(builtins))

    def _further_down(self, absent: set[str], end: int) -> list[int]:
        """The statements below that bind what is absent above, and what these use in turn."""
        wanted, found = set(absent), set[int]()
        while True:
            more = {k for k in range(end, len(self.all)) if k not in found and self.binds[k] & wanted}
            if not more:
                return sorted(found)
            found |= more
            wanted |= self._absent(more, [*range(end), *found])

    def _in_order(self, further: list[int], order: list[int]) -> list[int]:
        """What stands further down goes first, unless it uses what stands above."""
        bound = set().union(*(self.binds[k] for k in order))
        early, late = list[int](), list[int]()
        for k in further:
            if self.taken[k] & bound:
                late.append(k)
                bound |= self.binds[k]
            else:
                early.append(k)
        return [*early, *order, *late]


def _stand_in(node: ast.stmt, taken: set[str]) -> str:
    """A statement that binds and uses the same names: the lesson's own is not read for what it may change."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return ast.unparse(node)
    names = sorted(bound_by([node]))
    return " = ".join([*names, f"_lesson({', '.join(sorted(taken))})"]) if names else "pass"


def _star(node: ast.stmt) -> bool:
    return "*" in imports(node)


def _no_function(node: ast.stmt, name: str) -> bool:
    """Whether a statement binds the name to something else than a function: a number, or what the answer gives."""
    if isinstance(node, (ast.AugAssign, ast.For)):
        return name in bound_by([node.target])
    if not isinstance(node, (ast.Assign, ast.AnnAssign)):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not any(isinstance(target, ast.Name) and target.id == name for target in targets):
        return False
    return isinstance(node.value, NUMBERS) or _called(node.value) == name


def _called(value: ast.AST | None) -> str:
    """`snr` of `snr(x)`, of `snr(x)[0]` and of `snr(x).mean()`."""
    found = ""
    while isinstance(value, (ast.Attribute, ast.Subscript, ast.Call)):
        found = base(value.func) if isinstance(value, ast.Call) else found
        value = value.func if isinstance(value, ast.Call) else value.value
    return found if isinstance(value, ast.Name) and value.id == found else ""

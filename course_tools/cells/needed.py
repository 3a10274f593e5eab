"""Which cells of a notebook others stand on: read backwards from them, without running anything.

A cell is needed if it binds a name that a later needed cell uses, or may change the object behind such a name, also
where another name stands for it: `fit(net, …)`, `optimiser.step()`, `films["DDPM"] = …`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence

from course_tools.cells.callees import Callees
from course_tools.cells.effects import Refs, closure, read_body
from course_tools.cells.names import binds, outside, statements, surely_binds

Version = tuple[str, int]  # a name, and the cell that bound it


class Flow:
    """What passes from cell to cell: read once, forwards.

    Attributes:
        bound: cell -> the versions that it binds.
        changed: cell -> the versions whose objects it may change.
        used: cell -> the versions that it takes from cells before it, through the functions that it calls as well.
        before: cell -> what each name may stand for just before it; one more for the end.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.refs: dict[Version, Refs] = {}
        self.bound: list[set[Version]] = []
        self.changed: list[set[Version]] = []
        self.used: list[set[Version]] = []
        self.before: list[dict[str, set[Version]]] = []
        self._fixed: set[Version] = set()  # numbers, texts, functions: nothing changes these themselves
        self._free: dict[Version, set[str]] = {}  # of functions: names that they look up when they are called
        nodes = (node for source in sources for part in statements(source) for node in ast.walk(part))
        callees = Callees(rebound=(name for node in nodes if isinstance(node, ast.Global) for name in node.names))
        now, chance = dict[str, set[Version]](), set[str]()
        for index, source in enumerate(sources):
            taken, bound, surely = outside(source), binds(source), surely_binds(source)
            body = read_body(statements(source), callees, chance)
            bound |= body.inside & callees.rebound  # by a function that it calls, with `global`
            chance = (chance - bound) | body.chance
            before = dict(now)
            self.before.append(before)
            for name in bound:
                now[name] = {(name, index)} | (set() if name in surely else before.get(name, set()))

            meaning = {name: before.get(name, set()) | now.get(name, set()) for name in {*before, *now}}
            meaning |= {name: {(name, index)} for name in bound - taken}  # bound before it is used: the cell's own

            def meant(names: Iterable[str], meaning: dict[str, set[Version]] = meaning) -> set[Version]:
                """What names may mean while the cell runs."""
                return {version for name in names for version in meaning.get(name, set())}

            for name, refs in body.refs.items():
                part, held, code = (meant(names) for names in (refs.part, refs.held, refs.code))
                for version in {(name, index)} if name in bound else meant({name}):
                    found = Refs(part - {version}, held - {version}, code - {version})
                    self.refs[version] = self.refs.get(version, Refs()) | found
            self._free |= {(name, index): free for name, free in body.functions.items() if name in bound}
            self.bound.append({(name, index) for name in bound})
            self._fixed |= {(name, index) for name in bound if callees.is_constant(name)} | set(self._free)
            changed = closure(meant(body.inside), self.refs, "part") | closure(meant(body.deep), self.refs, "every")
            self.changed.append(changed - self._fixed)
            self.used.append(self._used(taken, before))
        self.before.append(now)

    def needed(
        self,
        last: Iterable[int],
        names: Iterable[str] = (),
        at: int | None = None,
        given: Collection[int] = (),
        still: Collection[int] = (),
    ) -> list[int]:
        """The indices of the cells to run, in order, so that those in `last` can be.

        Args:
            last: the cells that are wanted.
            names: what is used just before the cell `at`, as if a cell with these names stood there.
            at: see `names`; by default the end.
            given: cells that have been run already: they are neither named nor followed.
            still: cells that are run for what they bind, and never for what they may change.
        """
        kept = set(last)
        at = len(self.bound) if at is None else at
        used = self._used(names, self.before[at])
        touched = self.touched(used)
        for index in range(max([at - 1, *kept]), -1, -1):
            if index in given:
                continue
            binds_it = self.bound[index] & used
            changes_it = self.changed[index] & touched and index not in still
            if index in kept or binds_it or (changes_it and index < at):
                kept.add(index)
                used |= self.used[index]
                touched = self.touched(used)
        return sorted(kept)

    def touched(self, used: Iterable[Version]) -> set[Version]:
        """The versions in whose objects a change would be seen by whoever uses these."""
        return closure(used, self.refs, "all")

    def _used(self, taken: Iterable[str], before: dict[str, set[Version]]) -> set[Version]:
        """With the names that a function looks up when it is called, not when it was defined."""
        found, waiting = set[Version](), {v for name in taken for v in before.get(name, set())}
        while waiting:
            found |= waiting
            free = set().union(*(self._free.get(v, set()) for v in self.touched(found)))
            waiting = {v for name in free for v in before.get(name, set())} - found
        return found


def needed_cells(sources: Sequence[str], last: Iterable[int]) -> list[int]:
    """The indices of the cells to run, in order, so that those in `last` can be.

    Args:
        sources: of all code cells, in order.
        last: the indices of the cells that are wanted.
    """
    wanted = set(last)
    return Flow(sources).needed(wanted, at=max(wanted))

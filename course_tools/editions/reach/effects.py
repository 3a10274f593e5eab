"""What an import does beside binding names: calls, registers, tables that are filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_tools.editions.reach.tables import Unit

if TYPE_CHECKING:
    from course_tools.editions.reach.follow import Code

Ties = list[tuple[Unit, set[Unit]]]  # a statement, and those with which it counts


class Effects:
    """Which statements of a module count because it is imported, and not because their names are used."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self._known: dict[str, tuple[list[Unit], Ties]] = {}
        self._harmless: set[Unit] = set()

    def of(self, module: str) -> tuple[list[Unit], Ties]:
        """The statements that count whenever a module is imported, and those that count as soon as others do.

        `@q_sample.part` adds the function below it to `q_sample`: who reaches the one reaches the other.
        """
        if module not in self._known:
            always: list[Unit] = []
            ties: Ties = []
            for unit in self.code.table(module).units:
                called, handed = (self.code.found(module, paths) for paths in unit.at_import)
                changes = unit.uses.changes and not unit.is_definition
                if unit.always or changes or any(self._changes(other) for other in called):
                    always.append(unit)
                    continue
                others = {other for other in called if not other.is_definition}
                others |= self.code.found(module, unit.decorators_of_others)
                others |= {other for other in handed if other.is_table}
                if others - {unit}:
                    ties.append((unit, others - {unit}))
            self._known[module] = always, ties
        return self._known[module]

    def _changes(self, start: Unit) -> bool:
        """Whether a call of this function or class may change something outside it."""
        seen: set[Unit] = set()
        waiting = [start]
        while waiting:
            unit = waiting.pop()
            if unit in seen or unit in self._harmless:
                continue
            if unit.is_definition and (unit.uses.changes or unit.has_hook):
                return True
            seen.add(unit)
            waiting += [other for other in self.code.targets(unit).units if other.is_definition]
        self._harmless |= seen
        return False

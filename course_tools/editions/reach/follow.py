"""From statement to statement: all that a piece of code reaches of a package."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as File

from course_tools.editions.reach.effects import Effects
from course_tools.editions.reach.files import Named
from course_tools.editions.reach.names import Path
from course_tools.editions.reach.tables import Table, Unit, table
from course_utils.errors import CourseError

Seen = frozenset[tuple[str, Path]]


@functools.lru_cache(maxsize=4096)
def _table(source: str, module: str, is_package: bool) -> Table:
    return table(source, module, is_package)


@dataclass
class Targets:
    """What a statement refers to, found.

    Attributes:
        units: statements of the package.
        wholes: modules of which everything may be meant.
        runs: modules that are imported on the way.
        edges: in words, what each name stands for; so that an import of something else under the same name counts.
    """

    units: set[Unit] = field(default_factory=set)
    wholes: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    edges: set[str] = field(default_factory=set)


class Code:
    """The package of a course, as it is now. Files are read when they are reached, and once.

    Args:
        root: the folder that holds the package.
        package: its name.
    """

    def __init__(self, root: File, package: str) -> None:
        self.root, self.package = root, package
        self.files = {_module(path, root): path for path in sorted((root / package).rglob("*.py"))}
        self.modules = set(self.files)
        self._tables: dict[str, Table] = {}
        self._targets: dict[Unit, Targets] = {}
        self._effects = Effects(self)
        self._named = Named()

    def add(self, source: str, name: str) -> Table:
        """A piece of code from elsewhere, such as a lesson's cells, as if it were a module of this name.

        Raises:
            SyntaxError: it is not Python.
        """
        self.modules.add(name)
        self._tables[name] = _table(source, name, False)
        return self._tables[name]

    def table(self, module: str) -> Table:
        """A module's table.

        Raises:
            CourseError: the file is not Python.
        """
        if module not in self._tables:
            path = self.files[module]
            try:
                # read as text: line ends do not count
                self._tables[module] = _table(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
            except (SyntaxError, ValueError):
                where = path.relative_to(self.root).as_posix()
                raise CourseError(f"{where} cannot be read as Python: correct it, or restore it with git.") from None
        return self._tables[module]

    def digest(self, units: Iterable[Unit], modules: Iterable[str] = ()) -> str:
        """A fingerprint of all that these statements, and the whole of these modules, reach: 32 hexadecimal digits.

        It is made of the normal form of each statement, of its name, and of what the names in it stand for.
        """
        total = hashlib.sha256()
        for line in sorted(self.lines(units, modules)):
            total.update(line.encode("utf-8") + b"\0")
        return total.hexdigest()[:32]

    def lines(self, units: Iterable[Unit], modules: Iterable[str] = ()) -> Iterator[str]:
        """What `digest` is made of: a line for each statement and each data file that is reached."""
        files: set[File] = set()
        for unit in self.reach(units, modules):
            edges = " ".join(sorted(self.targets(unit).edges))
            yield f"{unit.module} {unit.name} {unit.digest} {edges}"
            if unit.module in self.files:
                files |= self._named.by(unit.uses.strings, self.files[unit.module].parent)
        for path in files:
            content = path.read_bytes().replace(b"\r\n", b"\n")
            yield f"{path.relative_to(self.root).as_posix()} {hashlib.sha256(content).hexdigest()}"

    def reach(self, units: Iterable[Unit], modules: Iterable[str] = ()) -> set[Unit]:
        """All statements that these, and the whole of these modules, reach, themselves among them."""
        found: set[Unit] = set()
        imported: set[str] = set()
        tied: dict[Unit, list[Unit]] = {}  # statements that count as soon as another one does
        waiting, wholes, runs = list(units), list(modules), [unit.module for unit in units]
        while waiting or wholes or runs:
            if runs:
                module = runs.pop()
                if module in imported or module not in self.modules:
                    continue
                imported.add(module)
                runs += [module.rpartition(".")[0], *self.table(module).runs]
                always, ties = self._effects.of(module)
                waiting += always
                for unit, others in ties:
                    for other in others:
                        tied.setdefault(other, []).append(unit)
                    waiting += [unit] if others & found else []
            elif wholes:
                whole = wholes.pop()
                for module in self.files:
                    if module == whole or module.startswith(f"{whole}."):
                        runs.append(module)
                        waiting += self.table(module).units
                        for bindings in self.table(module).bindings.values():
                            waiting += self._all_of(module, bindings)
            else:
                unit = waiting.pop()
                if unit in found:
                    continue
                found.add(unit)
                targets = self.targets(unit)
                waiting += [*targets.units, *tied.get(unit, [])]
                wholes += targets.wholes
                runs += [unit.module, *targets.runs]
        return found

    # --- what a statement refers to

    def targets(self, unit: Unit) -> Targets:
        """What a statement refers to."""
        if unit not in self._targets:
            found = Targets()
            for path in unit.uses.names:
                one = Targets()
                self._look(unit.module, path, one, own=True)
                self._merge(found, one, ".".join(path))
            for path in unit.uses.absolute:
                one = Targets()
                self._go(path, one)
                self._merge(found, one, ".".join(path))
            for module in unit.uses.runs:
                found.runs |= self._steps(module)
            if unit.uses.blind:
                found.wholes.add(unit.module)
            self._targets[unit] = found
        return self._targets[unit]

    @staticmethod
    def _merge(into: Targets, one: Targets, name: str) -> None:
        into.units |= one.units
        into.wholes |= one.wholes
        into.runs |= one.runs
        words = {f"{unit.module}.{unit.name}" for unit in one.units} | one.wholes | one.edges
        if words:
            into.edges.add(f"{name}={','.join(sorted(words))}")

    def _go(self, path: Path, into: Targets, seen: Seen = frozenset()) -> None:
        """Follow what an import brings, and the names behind it."""
        module, rest = path[0], path[1:]
        if module not in self.modules and rest and f"{module}.{rest[0]}" in self.modules:
            module, rest = f"{module}.{rest[0]}", rest[1:]  # out of a folder without an `__init__`
        if module in self.modules:
            self._look(module, rest, into, seen=seen)
        else:
            into.edges.add(".".join(path))

    def _look(self, module: str, path: Path, into: Targets, own: bool = False, seen: Seen = frozenset()) -> None:
        """Follow names from a module on; `own` if they stand in it, where an unknown one is Python's."""
        seen |= {(module, path)}
        into.runs |= self._steps(module)
        if not path:
            into.wholes.add(module)
            return
        first, rest = path[0], path[1:]
        found = False
        for binding in self.table(module).bindings.get(first, ()):
            if isinstance(binding, Unit):
                into.units.add(binding)
            elif (binding[0], (*binding[1:], *rest)) in seen:
                continue  # `from package import part` in the package itself: the module of that name is meant
            else:
                self._go((*binding, *rest), into, seen)
            found = True
        if not found and f"{module}.{first}" in self.modules:
            found = True
            self._look(f"{module}.{first}", rest, into, seen=seen)
        if found:
            return
        for star in self.table(module).stars:
            if star in self.modules and (star, path) not in seen:
                into.runs |= self._steps(star)
                self._look(star, path, into, own=True, seen=seen)
        if "__getattr__" in self.table(module).bindings or not (own or first.startswith("__")):
            into.wholes.add(module)  # it is made at run time, and who knows from what

    def _all_of(self, module: str, bindings: Iterable[Unit | Path]) -> Iterator[Unit]:
        """What a module's names stand for, without the whole of other modules."""
        for binding in bindings:
            if isinstance(binding, Unit):
                yield binding
            else:
                one = Targets()
                self._go(binding, one)
                yield from one.units

    def _steps(self, module: str) -> set[str]:
        """A module and the packages around it, which an import runs too."""
        parts = module.split(".")
        return {".".join(parts[: k + 1]) for k in range(len(parts))} & self.modules

    def found(self, module: str, paths: Iterable[Path]) -> set[Unit]:
        """What names stand for that stand in a module."""
        one = Targets()
        for path in paths:
            self._look(module, path, one, own=True)
        return one.units


def _module(path: File, root: File) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

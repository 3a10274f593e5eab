"""A module as a table: which statement of its top level binds which name, and which ones always run."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from course_tools.editions.reach.names import Path, Uses, bound, chain, imports, uses
from course_tools.editions.reach.normal import fingerprint

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TABLES = {"dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque"}


@dataclass(eq=False)
class Unit:
    """One statement of a module's top level: what counts, or does not, as a whole.

    Attributes:
        module: the full name of its module.
        name: what it binds, or its place among the statements that bind nothing.
        node: the statement.
        lazy: annotations are never evaluated in its module.
        is_package: its module is an `__init__`.
        always: it does something whenever its module is imported.
    """

    module: str
    name: str
    node: ast.stmt
    lazy: bool
    is_package: bool
    always: bool = False

    @functools.cached_property
    def digest(self) -> str:
        return fingerprint(self.node, lazy=self.lazy)

    @functools.cached_property
    def uses(self) -> Uses:
        return uses(self.node, self.module, self.is_package, self.lazy)

    @property
    def is_definition(self) -> bool:
        """Whether it is a function or a class, which does nothing by itself."""
        return isinstance(self.node, _DEFINITIONS)

    @property
    def is_table(self) -> bool:
        """Whether it binds a list, a dictionary or a set, which others may fill."""
        value = getattr(self.node, "value", None)
        made = isinstance(value, ast.Call) and (chain(value.func) or ("",))[-1] in _TABLES
        return made or isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))

    @property
    def has_hook(self) -> bool:
        """Whether it is a class that hears of its subclasses, or a metaclass."""
        return isinstance(self.node, ast.ClassDef) and any(
            isinstance(part, ast.FunctionDef) and part.name in ("__init_subclass__", "__set_name__", "__new__")
            for part in self.node.body
        )

    @functools.cached_property
    def at_import(self) -> tuple[set[Path], set[Path]]:
        """What it calls while the module is imported (decorators and base classes too), and what it hands over."""
        called: set[Path] = set()
        handed: set[Path] = set()
        for expression in self._expressions():
            called |= {path for path in [chain(expression)] if path}
            for node in ast.walk(expression):
                if isinstance(node, ast.Call):
                    called |= {path for path in [chain(node.func)] if path}
                    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                    handed |= {path for path in map(chain, arguments) if path}
        return called, handed

    @property
    def decorators_of_others(self) -> set[Path]:
        """Decorators that are something's attribute, without it: `show` for `@show.register` of functools."""
        paths = {chain(d.func if isinstance(d, ast.Call) else d) for d in getattr(self.node, "decorator_list", ())}
        return {path[:-1] for path in paths if path and len(path) > 1}

    def _expressions(self) -> Iterator[ast.expr]:
        if isinstance(self.node, _DEFINITIONS):
            yield from self.node.decorator_list
            if isinstance(self.node, ast.ClassDef):
                yield from [*self.node.bases, *(keyword.value for keyword in self.node.keywords)]
        elif isinstance(self.node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and self.node.value is not None:
            yield from (node for node in ast.walk(self.node.value) if isinstance(node, ast.Call))


@dataclass
class Table:
    """A module.

    Attributes:
        name: its full name.
        units: its statements, imports left out.
        bindings: name -> what binds it: statements of its own, or what an import brings.
        runs: the modules that it imports.
        stars: the modules from which it takes every name.
    """

    name: str
    units: list[Unit] = field(default_factory=list)
    bindings: dict[str, list[Unit | Path]] = field(default_factory=dict)
    runs: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)


def table(source: str, module: str, is_package: bool) -> Table:
    """Read a module's source.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = ast.parse(source)
    future = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    lazy = any(alias.name == "annotations" for node in future for alias in node.names)
    found = Table(module)
    for node in _running(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names, runs, stars = imports(node, module, is_package)
            found.runs |= runs
            found.stars += stars
            for name, paths in names.items():
                found.bindings.setdefault(name, []).extend(paths)
            continue
        names = bound([node], module, is_package)
        always = not _only_binds(node)
        own = [name for name, paths in names.items() if not paths]
        label = ", ".join(sorted(own)) if own and not always else f"[{len([u for u in found.units if u.always])}]"
        label += "'" * len([u for u in found.units if u.name == label])  # bound twice: in the order of the module
        unit = Unit(module, label, node, lazy, is_package, always)
        found.units.append(unit)
        for name, paths in names.items():
            found.bindings.setdefault(name, []).extend(paths or [unit])
        for inner in ast.walk(node) if always else ():
            if isinstance(inner, ast.ImportFrom):
                found.stars += imports(inner, module, is_package)[2]
    return found


def _running(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: not those for a type checker, nor for `python -m`."""
    for node in body:
        if isinstance(node, ast.If) and _is_never(node.test):
            yield from _running(node.orelse)
        elif isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        else:
            yield node


def _is_never(test: ast.expr) -> bool:
    return (chain(test) or ("",))[-1] == "TYPE_CHECKING" or ast.unparse(test) == "__name__ == '__main__'"


def _only_binds(node: ast.stmt) -> bool:
    """Whether a statement does nothing but bind names of its module."""
    if isinstance(node, ast.Assign):
        return all(_is_name(target) for target in node.targets)
    if isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        return _is_name(node.target)
    return isinstance(node, _DEFINITIONS)


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(_is_name(part) for part in target.elts)
    return isinstance(target, (ast.Name, ast.Starred))

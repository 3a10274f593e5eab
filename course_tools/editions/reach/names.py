"""What a statement refers to: names of its module with the attributes behind them, imports in functions, files.

Python's scopes are kept: a parameter `data` is not the module `data`. Where it is unclear, a name counts as one of
the module's: too much is counted rather than too little.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

#: ("data", "load") for data.load; what an import brings begins with its module: ("course_utils.data", "load")
Path = tuple[str, ...]
Scope = dict[str, list[Path]]  # a local name, with the imports that bind it, if any do

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# What reads names as text: then any name of the module may be meant.
_BLIND = {("globals",), ("eval",), ("exec",), ("sys", "modules")}
_MUTATORS = {
    "add", "append", "appendleft", "clear", "extend", "insert", "pop", "popitem", "register", "remove", "setdefault",
    "sort", "update", "discard", "reverse",
}  # fmt: skip


@dataclass
class Uses:
    """What a statement refers to.

    Attributes:
        names: of the module, with the attributes behind them.
        absolute: what imports inside functions bring, which begin with a module's full name.
        runs: the modules that these imports run.
        strings: short strings, some of which may name a file.
        blind: it looks names up by their text, so that it may mean the whole module.
        changes: it changes something that stands outside it: a list or table of a module, an attribute.
    """

    names: set[Path] = field(default_factory=set)
    absolute: set[Path] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    blind: bool = False
    changes: bool = False


def uses(statement: ast.AST, module: str, is_package: bool, lazy: bool) -> Uses:
    """What a statement at a module's top level refers to.

    Args:
        statement: the statement, or an expression in it.
        module: its module's full name, for relative imports.
        is_package: the module is an `__init__`.
        lazy: its annotations are never evaluated, so they are not followed.
    """
    walker = _Walker(module, is_package, lazy)
    walker.visit(statement)
    return walker.found


def imports(node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> tuple[Scope, set[str], list[str]]:
    """What an import binds, which modules it runs, and from which it takes every name."""
    bound: Scope = {}
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.split(".")[0]
            bound.setdefault(alias.asname or first, []).append((alias.name,) if alias.asname else (first,))
        return bound, {alias.name for alias in node.names}, []
    source = node.module or ""
    if node.level:
        parents = module.split(".")[: len(module.split(".")) - node.level + is_package]
        source = ".".join([*parents, *([node.module] if node.module else [])])
    runs, stars = {source}, []
    for alias in node.names:
        if alias.name == "*":
            stars.append(source)
            continue
        runs.add(f"{source}.{alias.name}")  # if it is a module
        bound.setdefault(alias.asname or alias.name, []).append((source, alias.name))
    return bound, runs, stars


def bound(body: Iterable[ast.AST], module: str, is_package: bool) -> Scope:
    """The names that statements bind in their own scope, those of nested functions and comprehensions left out."""
    found: Scope = {}
    elsewhere: set[str] = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, paths in imports(node, module, is_package)[0].items():
                found.setdefault(name, []).extend(paths)
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            found.setdefault(node.name, [])
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            elsewhere |= set(node.names)
        elif isinstance(node, _COMPREHENSIONS):
            walrus = [n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)]
            found.update({name: found.get(name, []) for name in walrus})
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, [])
            elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
                found.setdefault(node.name, [])
            elif isinstance(node, ast.MatchMapping) and node.rest:
                found.setdefault(node.rest, [])
            waiting.extend(ast.iter_child_nodes(node))
    return {name: paths for name, paths in found.items() if name not in elsewhere}


def chain(node: ast.AST) -> Path | None:
    """("a", "b", "c") for the expression a.b.c; None for another."""
    behind: list[str] = []
    while isinstance(node, ast.Attribute):
        behind.append(node.attr)
        node = node.value
    return (node.id, *reversed(behind)) if isinstance(node, ast.Name) else None


class _Walker(ast.NodeVisitor):
    def __init__(self, module: str, is_package: bool, lazy: bool) -> None:
        self.module, self.is_package, self.lazy = module, is_package, lazy
        self.scopes: list[Scope] = []
        self.in_class = False  # directly, and not in one of its methods
        self.found = Uses()

    # --- names

    def use(self, path: Path) -> None:
        for scope in reversed(self.scopes):
            if path[0] in scope:
                self.found.absolute |= {(*start, *path[1:]) for start in scope[path[0]]}
                return
        self.found.names.add(path)
        self.found.blind |= path in _BLIND or path[:2] in _BLIND

    def is_outside(self, node: ast.AST) -> bool:
        """Whether an expression begins with a name from outside the function, or with the class itself."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            if isinstance(node, ast.Attribute) and node.attr == "__class__":
                return True
            node = node.value
        if isinstance(node, ast.Call) and chain(node.func) == ("type",):
            return True
        if not isinstance(node, ast.Name):
            return False
        return node.id == "cls" or not any(node.id in scope for scope in self.scopes)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.use((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = chain(node)
        if not isinstance(node.ctx, ast.Load) and self.is_outside(node):
            self.found.changes = True
        if path:
            self.use(path)
        else:
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load) and self.is_outside(node):
            self.found.changes = True
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS and self.is_outside(node.func.value):
            self.found.changes = True
        path = chain(node.func)
        if path and path[-1] in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self.found.absolute.add((name.value,))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and len(node.value) < 100 and "." in node.value:
            self.found.strings.add(node.value)

    def visit_Global(self, node: ast.Global) -> None:
        self.found.changes = True
        self.found.names |= {(name,) for name in node.names}

    # --- imports that are not at the top level

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        names, runs, stars = imports(node, self.module, self.is_package)
        self.found.runs |= runs
        if self.in_class:
            self.found.absolute |= {path for paths in names.values() for path in paths}
        self.found.absolute |= {(star,) for star in stars}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.visit_Import(node)

    # --- scopes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for expression in [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults]:
            if expression is not None:
                self.visit(expression)
        if not self.lazy:
            for annotation in [node.returns, *(arg.annotation for arg in _arguments(node.args))]:
                if annotation is not None:
                    self.visit(annotation)
        self._inside(_arguments(node.args), node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for expression in [*node.args.defaults, *node.args.kw_defaults]:
            if expression is not None:
                self.visit(expression)
        self._inside(_arguments(node.args), [node.body])

    def _inside(self, arguments: list[ast.arg], body: list[ast.stmt] | list[ast.expr]) -> None:
        scope = bound(body, self.module, self.is_package)
        scope.update({arg.arg: [] for arg in arguments})
        self.scopes.append(scope)
        before, self.in_class = self.in_class, False
        for node in body:
            self.visit(node)
        self.in_class = before
        self.scopes.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        before, self.in_class = self.in_class, True  # its names are not seen in its methods, so it makes no scope
        self.generic_visit(node)
        self.in_class = before

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring names no file
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)
        if not self.lazy and (self.in_class or not self.scopes):  # of a local variable it is never evaluated
            self.visit(node.annotation)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)  # evaluated outside
        self.scopes.append(bound([g.target for g in node.generators], self.module, self.is_package))
        for k, generator in enumerate(node.generators):
            if k:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self.visit(part)
        self.scopes.pop()

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [argument for argument in every if argument is not None]

"""Which cells of a lesson an explorer stands on: read backwards from it, without running anything.

A lesson has fifty cells and an explorer needs a handful. A cell is needed if it binds a name that a later needed cell
uses, or changes the object behind such a name in place: `fit(net, …)`, `films["DDPM"] = …`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from course_tools.grading.code import binds, imports, statements

#: calls that change what they are given, or the object whose method they are
CHANGES = {
    *("fit", "train", "load", "load_state_dict", "manual_seed", "end"),
    *("append", "extend", "insert", "add", "update", "setdefault"),
    *("copy_", "add_", "mul_", "fill_", "zero_", "clamp_"),
}


def needed_cells(sources: Sequence[str], last: Iterable[int]) -> list[int]:
    """The indices of the cells to run, in order, so that those in `last` can be.

    Args:
        sources: of all code cells, in order.
        last: the indices of the cells that are wanted.
    """
    kept = set(last)
    wanted: set[str] = set()
    modules = {name for source in sources for statement in statements(source) for name in imports(statement)}
    for index in range(max(kept), -1, -1):
        source = sources[index]
        if index in kept or binds(source) & wanted or _changes(source, wanted - modules):
            kept.add(index)
            wanted = (wanted - _surely_binds(source)) | outside(source)
    return sorted(kept)


def outside(source: str) -> set[str]:
    """The names that a cell takes from the cells before it."""
    reader = _Reader(set())
    for statement in statements(source):
        reader.visit(statement)
    return reader.found


def _surely_binds(source: str) -> set[str]:
    """The names that a cell binds whatever happens: not in a branch or a loop."""
    branching = (ast.If, ast.For, ast.While, ast.Try)
    return {name for s in statements(source) if not isinstance(s, branching) for name in binds(ast.unparse(s))}


def _changes(source: str, wanted: set[str]) -> bool:
    """Whether a cell changes an object that one of these names stands for."""
    for node in (node for statement in statements(source) for node in ast.walk(statement)):
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            if _base(node) in wanted:
                return True
        elif isinstance(node, ast.Call):
            method = isinstance(node.func, ast.Attribute)
            name = node.func.attr if isinstance(node.func, ast.Attribute) else _base(node.func)
            given = [*node.args, *(k.value for k in node.keywords), *([node.func] if method else [])]
            if name in CHANGES and any(_base(value) in wanted for value in given):
                return True
    return False


def _base(node: ast.AST) -> str:
    """`films` of `films["DDPM"].x_t`; nothing where there is no name at the beginning."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


class _Reader(ast.NodeVisitor):
    """Collects the names that are used before they are bound, in the order in which Python would run."""

    def __init__(self, bound: set[str]) -> None:
        self.bound, self.found = set(bound), set[str]()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.found |= {node.id} - self.bound
        else:
            self.bound.add(node.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        for part in (node.value, *node.targets):
            self.visit(part)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.found |= {_base(node.target)} - self.bound - {""}
        self.visit(node.value)
        self.visit(node.target)

    def visit_For(self, node: ast.For) -> None:
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.bound |= {(name.asname or name.name).split(".")[0] for name in node.names}

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)):
            self.visit(part)
        self._inside(node.args, node.body)
        self.bound.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._inside(node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases):
            self.visit(part)
        self._inside(None, node.body)
        self.bound.add(node.name)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self.visit(node.generators[0].iter)
        self._inside(None, [*node.generators, *parts])

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    def _inside(self, arguments: ast.arguments | None, body: Sequence[ast.AST]) -> None:
        """What a function, class or comprehension takes from outside itself."""
        local = {a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)} if arguments else set()
        for node in (node for part in body for node in ast.walk(part)):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                local.add(node.id)
        reader = _Reader(self.bound | local)
        for part in body:
            reader.visit(part)
        self.found |= reader.found

"""What a piece of code changes of that which it is given: of its parameters, and of names from outside.

An object may be changed by an assignment to a part of it, by a method that works in place, by a call that is not known
to leave it alone (`callees` says which are), and through any other name that stands for it or holds it: an optimiser
holds the weights that it was made from, a row of a table is a part of it.

Two relations say this. A name is *part of* another where a change of its own insides is one of the other's:
`row = table["a"]`. It *holds* another where only what reaches deep does so: `optimiser = AdamW(net.parameters())`.
Everything is read on the safe side: what is not known may change, and a change in a branch or a loop is a change.

Not seen are PyTorch's own chance, which a seed in another cell sets, and an iterator that a loop uses up. The test that
the page shows the same picture as the whole run (`lecture.same`) watches over these.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from course_tools.cells import known
from course_tools.cells.names import base, taken_by

Name = TypeVar("Name", bound=Hashable)


@dataclass
class Refs:
    """Names whose objects a value may be a part of; that it may hold; that it looks up once it is called."""

    part: set[Any] = field(default_factory=set)
    held: set[Any] = field(default_factory=set)
    code: set[Any] = field(default_factory=set)

    def __or__(self, other: Refs) -> Refs:
        return Refs(self.part | other.part, self.held | other.held, self.code | other.code)

    @property
    def every(self) -> set[str]:
        """What a change that reaches deep may reach; what code does is known when it is called."""
        return self.part | self.held

    def inside(self) -> Refs:
        """The references of something that holds this value."""
        return Refs(held=self.every, code=self.code)


class Body(ast.NodeVisitor):
    """Reads the statements of one scope; afterwards its sets say what they do.

    Attributes:
        refs: name -> what it may be a part of, or hold.
        inside: names whose own insides are changed.
        deep: names of which everything that they hold may be changed.
        functions: functions and classes defined here -> the names that they take from outside.
    """

    def __init__(self, callees: Any, chance: Iterable[str] = (), nested: bool = False) -> None:
        self.callees, self.nested = callees, nested
        self.refs: dict[str, Refs] = {}
        self.inside: set[str] = set()
        self.deep: set[str] = set()
        self.functions: dict[str, set[str]] = {}
        self.changeable: set[str] = set()
        self.chance = set(chance)
        self.local: list[dict[str, Refs]] = []  # variables of comprehensions and lambdas

    # ---- what a value refers to

    def of(self, node: ast.AST | None) -> Refs:
        """What a value may be a part of, and hold."""
        if isinstance(node, ast.Name):
            for scope in reversed(self.local):
                if node.id in scope:
                    return scope[node.id]
            return Refs() if self.callees.is_constant(node.id) else Refs({node.id})
        if isinstance(node, ast.Attribute) and node.attr in known.PLAIN:
            return Refs()
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.NamedExpr, ast.Await)):
            return self.of(node.value)
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
            return self._union(parts)
        if isinstance(node, ast.Call):
            return self._of_call(node)
        if isinstance(node, (ast.Compare, ast.JoinedStr, ast.Constant, ast.UnaryOp)) or node is None:
            return Refs()
        if isinstance(node, ast.Lambda):
            return Refs(code=self._own(taken_by([node])))
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            self._enter(node.generators)
            elements = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            found = self._union(elements)
            self.local.pop()
            return found.inside()
        return self._union(ast.iter_child_nodes(node)).inside()

    def _union(self, nodes: Iterable[ast.AST]) -> Refs:
        found = Refs()
        for node in nodes:
            found |= self.of(node)
        return found

    def _of_call(self, node: ast.Call) -> Refs:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else base(node.func)
        if name in known.FRESH:
            return Refs()
        given = self._union([*node.args, *(k.value for k in node.keywords)]).inside()
        if self.callees.is_check(node):
            return Refs(code=given.held | given.code)
        if isinstance(node.func, ast.Attribute) and not self.callees.gives_new(node.func):
            return self.of(node.func.value) | given  # a method may give back its object, or a view of it
        return self.of(node.func).inside() | given

    def _own(self, names: set[str]) -> set[str]:
        """Without names that stand for what nothing can change, and without variables of a comprehension."""
        local = {name for scope in self.local for name in scope}
        return {name for name in names - local if not self.callees.is_constant(name)}

    def _enter(self, generators: Iterable[ast.comprehension]) -> None:
        self.local.append({})
        for generator in generators:
            self._bind(generator.target, generator.iter, self.local[-1])

    # ---- statements

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._bind(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)
            self._bind(node.target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind(node.target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        self.inside |= self.of(node.target).part  # `x0 += 1` works in place where x0 is a tensor
        self._hold(self.of(node.target).part, self.of(node.value))

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self._bind(node.target, node.iter, walked=True)
        for part in (*node.body, *node.orelse):
            self.visit(part)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars:
                self._bind(item.optional_vars, item.context_expr)
        for part in node.body:
            self.visit(part)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if not isinstance(target, ast.Name):
                self.inside |= self.of(target).part

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.callees.add_import(node)

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        free = taken_by([node])
        self.functions[node.name] = free
        self.refs[node.name] = Refs(code=self._own(free))
        for decorator in node.decorator_list:
            self.visit(decorator)
        if not self.nested:
            self.callees.define(node)
        elif isinstance(node, ast.FunctionDef):  # somebody will call it: as if it were now
            self._with_parameters(node.args, node.body)

    visit_ClassDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._with_parameters(node.args, [node.body])

    def _with_parameters(self, arguments: ast.arguments, body: Iterable[ast.AST]) -> None:
        for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d)):
            self.visit(default)
        self.local.append({a.arg: Refs() for a in ast.walk(arguments) if isinstance(a, ast.arg)})
        for part in body:
            self.visit(part)
        self.local.pop()

    def visit_ListComp(self, node: Any) -> None:
        self._enter(node.generators)
        self.generic_visit(node)
        self.local.pop()

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp  # noqa: N815

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):  # a function that is named may be called
            effects = self.callees.effects_of(node.id)
            self.deep |= set().union(*(effect.outside for effect in effects))
            self.inside |= set().union(*(effect.outside_touched for effect in effects))

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._call(node.value, used=False)
            self.generic_visit(node.value)
        else:
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        self._call(node, used=True)
        self.generic_visit(node)

    # ---- names

    def _bind(
        self, target: ast.AST, value: ast.AST, scope: dict[str, Refs] | None = None, walked: bool = False
    ) -> None:
        walked = walked or scope is not None
        if isinstance(target, (ast.Tuple, ast.List)):
            for one, its in zip(target.elts, self._matched(target, value, walked), strict=True):
                self._bind(one, its, scope, walked or (its is value and not isinstance(value, ast.Call)))
        elif isinstance(target, ast.Starred):
            self._bind(target.value, value, scope, walked)
        elif isinstance(target, ast.Name):
            found = self.of(value)
            if walked:  # one of those that are held is the thing itself
                found = Refs(found.every, code=found.code)
            if scope is not None:
                scope[target.id] = found
                return
            found.part.discard(target.id)
            if not self.callees.is_plain(value):
                self.changeable.add(target.id)
            self.refs[target.id] = self.refs.get(target.id, Refs()) | found
            self.callees.bound(target.id, value, plain=target.id not in self.changeable)
            if isinstance(value, ast.Call) and self.callees.is_check(value):
                self.functions[target.id] = set()
            if isinstance(value, ast.Lambda):  # like a function, it looks names up when it is called
                self.functions[target.id] = taken_by([value])
            if self.callees.gives_chance(value) or base(value) in self.chance:
                self.chance.add(target.id)
        else:
            into = self.of(target).part
            self.inside |= into
            self._hold(into, self.of(value))

    def _matched(self, target: ast.Tuple | ast.List, value: ast.AST, walked: bool) -> list[ast.AST]:
        """The value of each of several targets, where they can be told apart: `for a, b in zip(x, y)`."""
        if not any(isinstance(one, ast.Starred) for one in target.elts):
            if isinstance(value, (ast.Tuple, ast.List)) and not walked and len(value.elts) == len(target.elts):
                return list(value.elts)
            if isinstance(value, ast.Call) and walked:
                name = base(value.func)
                if name == "zip" and len(value.args) == len(target.elts):
                    return list(value.args)
                if name == "enumerate" and len(target.elts) == 2 and value.args:
                    return [ast.Constant(0), value.args[0]]
        return [value] * len(target.elts)

    def _hold(self, holders: set[str], refs: Refs) -> None:
        for name in holders:
            self.refs[name] = self.refs.get(name, Refs()) | Refs(held=refs.every - {name}, code=refs.code)

    # ---- calls

    def _call(self, node: ast.Call, used: bool) -> None:
        given: list[tuple[str | int, ast.AST]] = [
            *enumerate(node.args),
            *((k.arg or "", k.value) for k in node.keywords),
        ]
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        verdict = self.callees.judge(node, used)
        if verdict.trusted:
            return
        for key, value in given:
            if base(value) in self.chance or key in known.CHANCE:
                self.inside |= self.of(value).part
            if key == "out":
                self.inside |= self.of(value).part
            if verdict.changes(key):
                self.deep |= self.of(value).every
            if verdict.touches(key):
                self.inside |= self.of(value).part
        if receiver is not None:
            if verdict.own or base(receiver) in self.chance:
                self.inside |= self.of(receiver).part
            if verdict.deep:
                self.deep |= self.of(receiver).every
            if verdict.keeps:
                self._hold(self.of(receiver).part, self._union(value for _, value in given))
        elif verdict.deep:
            self.deep |= self.of(node.func).every

    # ---- the whole

    def changed(self) -> tuple[set[str], set[str]]:
        """All names whose own insides may be changed, and all that may be changed with what they hold."""
        return closure(self.inside, self.refs, "part"), closure(self.deep, self.refs, "every")


def closure(start: Iterable[Name], refs: Mapping[Name, Refs], kind: str) -> set[Name]:
    """What can be reached from here: by parts alone, by `every`thing that is held, or by `all`, code included."""
    seen, waiting = set(start), list(start)
    while waiting:
        there = refs.get(waiting.pop(), Refs())
        found: set[Name] = {"part": there.part, "every": there.every, "all": there.every | there.code}[kind]
        waiting += found - seen
        seen |= found
    return seen


def read_body(body: Iterable[ast.AST], callees: Any, chance: Iterable[str] = (), nested: bool = False) -> Body:
    """Read these statements."""
    reader = Body(callees, chance, nested)
    for statement in body:
        reader.visit(statement)
    return reader

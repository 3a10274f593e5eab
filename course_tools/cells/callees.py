"""What is known of a function that is called: read in its source if it is the lesson's or the course's, or trusted."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from pathlib import Path

from course_tools.cells import known
from course_tools.cells.effects import read_body
from course_tools.cells.names import base, bound_by, taken_by
from course_tools.cells.verdicts import ANYTHING, Effect, Verdict

PACKAGE = Path(__file__).parents[2] / "course_utils"


class Callees:
    """What the names of one module, or of one lesson as far as it has been read, stand for.

    Attributes:
        rebound: names that a function binds anew, by `global`.
        imported: name -> where it comes from, with dots.
        functions: name -> the definitions that it may mean.
        methods: likewise, of classes.
        values: names bound by assignment.
        plain: those of them that stand for a number, a text or the like.
        parameters: of the function whose inside this is.
        loaded: those of them that are functions made to change something when they are called.
    """

    def __init__(self, rebound: Iterable[str] = ()) -> None:
        self.rebound = set(rebound)
        self.imported: dict[str, str] = {}
        self.functions: dict[str, list[ast.FunctionDef]] = {}
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self.methods: dict[str, list[ast.FunctionDef]] = {}
        self.values: set[str] = set()
        self.plain: set[str] = set()
        self.parameters: set[str] = set()
        self.loaded: set[str] = set()
        self.drawn: set[str] = set()
        self.effects: dict[int, Effect] = {}

    # ---- what has been read

    def add_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                self.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            else:
                self.imported[(alias.asname or alias.name).split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )

    def define(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        if isinstance(node, ast.FunctionDef):
            self.functions[node.name] = [node]
            return
        self.classes[node.name] = [node]
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                self.methods.setdefault(part.name, []).append(part)

    def bound(self, name: str, value: ast.AST, plain: bool) -> None:
        """A name is bound to a value by assignment."""
        self.values.add(name)
        self.parameters.discard(name)
        root = base(value.func if isinstance(value, ast.Call) else value)
        for kind, member in (
            (self.plain, plain and name not in self.rebound),
            (self.drawn, root in self.drawn or self._path(value).startswith("matplotlib.")),
            (self.loaded, self._is_loaded(value, root)),
        ):
            (kind.add if member else kind.discard)(name)

    def _is_loaded(self, value: ast.AST, root: str) -> bool:
        """Whether a value may be a function that changes something later: `step = make_step(net, optimiser)`."""
        if not isinstance(value, ast.Call):
            return root in self.loaded
        called = [m for c in self.classes.get(root, []) for m in _methods(c) if m.name == "__call__"]
        if self._path(value.func) == "functools.partial" or any(self._effect(m) != Effect(_order(m)) for m in called):
            return True
        made_by = self.definitions(root) if self.ours(root) else package().resolve(self._path(value.func))
        gives_code = made_by is None or any(_gives_code(definition) for definition in made_by)
        return gives_code and not self.judge(value, used=True).nothing

    def is_constant(self, name: str) -> bool:
        """Whether nothing can change what a name stands for: a module, an imported or a built-in function."""
        return name in self.plain or (
            name not in self.values and (name in self.imported or (name in known.BUILTINS and not self.ours(name)))
        )

    def is_plain(self, node: ast.AST) -> bool:
        """Whether a value is a number, a text or a tuple of such."""
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare)):
            return True
        if isinstance(node, ast.Name):
            return node.id in self.plain
        if isinstance(node, ast.Attribute):
            return node.attr in known.PLAIN
        if isinstance(node, ast.Call):
            return (node.func.attr if isinstance(node.func, ast.Attribute) else base(node.func)) in known.NUMBERS
        if isinstance(node, ast.Subscript):
            return self.is_plain(node.value)
        parts = {
            ast.BinOp: lambda n: [n.left, n.right],
            ast.UnaryOp: lambda n: [n.operand],
            ast.BoolOp: lambda n: n.values,
            ast.IfExp: lambda n: [n.body, n.orelse],
            ast.Tuple: lambda n: n.elts,
        }.get(type(node))
        return parts is not None and all(self.is_plain(part) for part in parts(node))

    def is_check(self, node: ast.Call) -> bool:
        """Whether a call is `ex.q_sample.check(q_sample)`, which tries a function on numbers of its own."""
        path = self._path(node.func)
        return ".lessons." in path and path.endswith(".check")

    def gives_chance(self, value: ast.AST) -> bool:
        """Whether a value is a source of chance: `run.fresh_generator(1)`, `torch.Generator().manual_seed(1)`."""
        while isinstance(value, ast.Call):
            name = value.func.attr if isinstance(value.func, ast.Attribute) else base(value.func)
            if name in known.GENERATORS or name in package().chance:
                return True
            value = value.func.value if isinstance(value.func, ast.Attribute) else ast.Constant(0)
        return False

    # ---- calls

    def judge(self, node: ast.Call, used: bool) -> Verdict:
        """What a call may change. `used`: whether something is done with its value."""
        func = node.func
        path = self._path(func)
        if path:
            return self._judge_path(path, node, used)
        if isinstance(func, ast.Name):
            if self.ours(func.id):
                return self._verdict(self.definitions(func.id), node)
            if func.id in known.BUILTINS and func.id not in self.values:
                return Verdict(every=True) if func.id in known.IMPURE else Verdict(trusted=True)
            if func.id in self.values - self.loaded and (used or func.id in self.parameters):
                # What it does besides counts where it was made; what it does with its arguments is not known.
                given = {*range(len(node.args)), *(k.arg or "" for k in node.keywords)}
                return Verdict() if used else Verdict(touched=given, deep=True)
            return ANYTHING
        if isinstance(func, ast.Attribute):
            return self._judge_method(func, node, used)
        return Verdict() if used and base(func) not in self.loaded else ANYTHING

    def _judge_path(self, path: str, node: ast.Call, used: bool) -> Verdict:
        name = path.rpartition(".")[2]
        if path.startswith(known.SHOWS) or self.is_check(node):
            return Verdict()
        if path.split(".")[0] in known.LIBRARIES:
            return Verdict(every=not used, keys={0} if name.endswith("_") else set())
        if path.split(".")[0] == PACKAGE.name:
            found = package().resolve(path)
            return self._verdict(found, node) if found is not None else Verdict(every=True)
        return ANYTHING

    def _judge_method(self, func: ast.Attribute, node: ast.Call, used: bool) -> Verdict:
        name = func.attr
        if base(func) in self.drawn:
            return Verdict(own=True)
        if name in known.CONTAINER:
            return Verdict(own=True, keeps=True)
        if name.endswith("_") and not name.endswith("__"):
            return Verdict(own=True)
        if name in known.QUERIES:
            return Verdict()
        found = [*self.methods.get(name, []), *package().methods.get(name, [])]
        of_self = isinstance(func.value, ast.Name) and func.value.id == "self"
        if found and (used or of_self):
            return self._verdict(found, node, method=True)
        return Verdict() if used and of_self else ANYTHING  # a part of the object that is a function

    def _verdict(self, found: list[ast.FunctionDef], node: ast.Call, method: bool = False) -> Verdict:
        verdict = Verdict()
        for definition in found:
            effect = self._effect(definition)
            order = effect.parameters
            if method or definition.name == "__init__":
                verdict.deep |= method and bool(order) and order[0] in effect.changed
                order = order[1:]
                verdict.own |= method and bool(effect.parameters) and effect.parameters[0] in effect.touched
            verdict.keys |= effect.changed | {k for k, name in enumerate(order) if name in effect.changed}
            verdict.touched |= effect.touched | {k for k, name in enumerate(order) if name in effect.touched}
            if effect.rest:
                verdict.rest = min(len(order), len(order) if verdict.rest is None else verdict.rest)
        if verdict.keys and any(isinstance(value, ast.Starred) for value in node.args):
            verdict.every = True
        return verdict

    def gives_new(self, func: ast.Attribute) -> bool:
        """Whether a method of the lesson's or the course's own gives a new thing, and no part of its object."""
        found = [*self.methods.get(func.attr, []), *package().methods.get(func.attr, [])]
        if not found and isinstance(func.value, ast.Name) and func.value.id == "self":
            return func.attr not in known.QUERIES  # a part of the object that is a function
        given = [n.value for f in found for n in ast.walk(f) if isinstance(n, ast.Return)]
        return bool(found) and not any(isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)) for value in given)

    def effects_of(self, name: str) -> list[Effect]:
        """What a function or class of the lesson's own may change when it is called; nothing for other names."""
        if name in self.values or not self.ours(name):
            return []
        parts = [*self.definitions(name), *(m for c in self.classes.get(name, []) for m in _methods(c))]
        return [self._effect(part) for part in parts]

    # ---- definitions

    def ours(self, name: str) -> bool:
        return name in self.functions or name in self.classes

    def definitions(self, name: str) -> list[ast.FunctionDef]:
        made = [m for c in self.classes.get(name, []) for m in _methods(c) if m.name == "__init__"]
        return [*self.functions.get(name, []), *made]

    def _path(self, node: ast.AST) -> str:
        """`torch.nn.functional.pad` of `F.pad`; nothing for what does not begin at an import."""
        attributes = []
        while isinstance(node, (ast.Attribute, ast.Call)):
            if isinstance(node, ast.Attribute):
                attributes.append(node.attr)
                node = node.value
            elif attributes:
                return ""  # a method of what a call gave
            else:
                node = node.func
        if not isinstance(node, ast.Name) or node.id not in self.imported or node.id in self.values:
            return ""
        return ".".join([self.imported[node.id], *reversed(attributes)])

    def _effect(self, node: ast.FunctionDef) -> Effect:
        home = package().homes.get(id(node), self)
        if id(node) not in home.effects:
            home.effects[id(node)] = Effect()  # while it is read: a function that calls itself adds nothing
            home.effects[id(node)] = home.read(node)
        return home.effects[id(node)]

    def read(self, node: ast.FunctionDef) -> Effect:
        """Read a function's body."""
        if node.name in known.RESTORING:
            return Effect()
        a, order = node.args, _order(node)
        every = {p.arg for p in ast.walk(a) if isinstance(p, ast.arg)}
        chance = {
            p.arg for p in ast.walk(a) if isinstance(p, ast.arg)
            and (p.arg in known.CHANCE or (p.annotation is not None and "Generator" in ast.unparse(p.annotation)))
        }  # fmt: skip
        declared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
        plain = {
            p.arg for p in ast.walk(a) if isinstance(p, ast.arg) and p.annotation is not None
            and {n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(p.annotation)
                 if isinstance(n, (ast.Name, ast.Attribute))} <= known.NUMBER_TYPES
        }  # fmt: skip
        local = (every | bound_by(node.body)) - declared
        inner = self.inside(local, every, plain)
        body = read_body(node.body, inner, chance, nested=True)
        touched, changed = body.changed()
        free = taken_by([node])
        rebound = declared & bound_by(node.body)
        rest = a.vararg is not None and a.vararg.arg in touched | changed
        own = every - plain
        return Effect(
            order,
            frozenset(changed & own),
            frozenset(touched & own),
            rest,
            frozenset(changed & free),
            frozenset(touched & free | rebound),
        )

    def inside(self, local: set[str], parameters: set[str], plain: set[str]) -> Callees:
        """The names as they are inside a function."""
        inner = Callees()
        inner.imported = {k: v for k, v in self.imported.items() if k not in local}
        inner.functions = {k: v for k, v in self.functions.items() if k not in local}
        inner.classes = {k: v for k, v in self.classes.items() if k not in local}
        inner.methods, inner.effects = self.methods, self.effects
        inner.values = (self.values - local) | parameters
        inner.parameters = set(parameters)
        inner.plain = (self.plain - local) | plain
        inner.loaded = self.loaded - local
        return inner


class Package:
    """The course's own package, every module parsed: names -> definitions, wherever they stand."""

    def __init__(self, folder: Path) -> None:
        self.methods: dict[str, list[ast.FunctionDef]] = {}
        self.homes: dict[int, Callees] = {}
        self.modules: dict[str, Callees] = {}
        self.chance: set[str] = set()
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            self._add(".".join(parts).removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8")))

    def _add(self, dotted: str, module: ast.Module) -> None:
        home = self.modules[dotted] = Callees()
        home.values = bound_by(part for part in module.body if isinstance(part, (ast.Assign, ast.AnnAssign)))
        for node in ast.walk(module):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                home.add_import(node)
        for part in module.body:
            if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
                home.define(part)
        for name, methods in home.methods.items():
            self.methods.setdefault(name, []).extend(methods)
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef):
                self.homes[id(node)] = home
                if node.returns is not None and ast.unparse(node.returns).endswith("Generator"):
                    self.chance.add(node.name)

    def resolve(self, path: str) -> list[ast.FunctionDef] | None:
        """What `course_utils.data.load` may mean: a function, a constructor, methods of that name; None if unknown."""
        module, _, rest = path, "", ""
        while module and module not in self.modules:
            module, _, last = module.rpartition(".")
            rest = f"{last}.{rest}".rstrip(".")
        home, first = self.modules.get(module), rest.partition(".")[0]
        if home is None or not first:
            return None
        if first not in home.imported:
            return (
                home.definitions(first)
                if rest == first and home.ours(first)
                else self.methods.get(path.rpartition(".")[2])
            )
        return self.resolve(home.imported[first] + rest.removeprefix(first))


@functools.cache
def package() -> Package:
    """The course's package, read once."""
    return Package(PACKAGE)


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [part for part in node.body if isinstance(part, ast.FunctionDef)]


def _order(node: ast.FunctionDef) -> tuple[str, ...]:
    """The parameters that can be given by place."""
    return tuple(p.arg for p in (*node.args.posonlyargs, *node.args.args))


def _gives_code(node: ast.FunctionDef) -> bool:
    """Whether a function gives one that it has defined."""
    inner = {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)} - {node.name}
    parts = [part for n in ast.walk(node) if isinstance(n, ast.Return) and n.value for part in ast.walk(n.value)]
    return any(isinstance(p, ast.Lambda) or (isinstance(p, ast.Name) and p.id in inner) for p in parts)

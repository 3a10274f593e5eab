"""What a cell's source binds and uses, read without running it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Sequence

MOST_MAGICS = 50  # lines of a cell that only IPython understands


def syntax_error(source: str, magics: bool = True) -> SyntaxError | None:
    """The syntax error of a cell, or None. With `magics`, lines that only IPython understands are no error."""
    try:
        ast.parse(plain_python(source) if magics else source)
    except SyntaxError as error:
        return error
    except ValueError:  # a null byte
        return SyntaxError("the cell contains a null byte")
    except (RecursionError, MemoryError):  # of Python's parser, which has a stack of its own
        return SyntaxError("the cell is nested too deeply")
    return None


def statements(source: str) -> list[ast.stmt]:
    """The top-level statements of a cell; none if it has a syntax error."""
    return ast.parse(plain_python(source)).body if syntax_error(source) is None else []


@functools.lru_cache(maxsize=4096)
def plain_python(source: str) -> str:
    """A cell as IPython would compile it: `%magic` and `!shell` lines turned into calls, if they are not too many."""
    from IPython.core.inputtransformer2 import TransformerManager

    class Manager(TransformerManager):
        def do_token_transforms(self, lines: list[str]) -> list[str]:
            for _ in range(MOST_MAGICS):  # each reads the whole cell again: IPython's own limit can take minutes
                changed, lines = self.do_one_token_transform(lines)
                if not changed:
                    return list(lines)
            raise SyntaxError("the cell has too many magics")

    try:
        return str(Manager().transform_cell(source))
    except Exception:  # besides a SyntaxError whatever IPython raises for nonsense
        return source


def binds(source: str) -> set[str]:
    """The names that a cell binds at its top level."""
    return bound_by(statements(source))


def bound_by(body: Iterable[ast.AST]) -> set[str]:
    """The names that these statements bind in the scope they stand in."""
    names: set[str] = set()
    body = list(body)
    bare = {node.target for node in outer(body) if isinstance(node, ast.AnnAssign) and node.value is None}
    for node in outer(body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= imports(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in bare:
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
    return names


def surely_binds(source: str) -> set[str]:
    """The names that a cell binds whatever happens: not in a branch or a loop."""
    branching = (ast.If, ast.For, ast.While, ast.Try, ast.Match)
    return bound_by(part for part in statements(source) if not isinstance(part, branching))


def imports(node: ast.AST) -> set[str]:
    """The names that an import statement binds; none for any other node."""
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return set()
    return {(name.asname or name.name).split(".")[0] for name in node.names}


def loads(source: str, inside_functions: bool = True) -> set[str]:
    """The names that a cell uses; with those in the bodies of its functions, or without."""
    body = statements(source)
    nodes = [node for part in body for node in ast.walk(part)] if inside_functions else list(outer(body))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def outer(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """Every node that runs when these do: not the bodies of functions, comprehensions' variables included."""
    waiting = [*body][::-1]  # and no recursion, which an expression nested a thousand deep would exhaust
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += [*ast.iter_child_nodes(node)][::-1]


def outside(source: str) -> set[str]:
    """The names that a cell takes from the cells before it."""
    return taken_by(statements(source))


def taken_by(body: Iterable[ast.AST], bound: Iterable[str] = ()) -> set[str]:
    """The names that these statements use before they bind them, functions' bodies included."""
    reader = _Reader(set(bound))
    for statement in body:
        reader.visit(statement)
    return reader.found


def base(node: ast.AST) -> str:
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

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        for part in (node.annotation, *([node.value, node.target] if node.value else [])):
            self.visit(part)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.found |= {base(node.target)} - self.bound - {""}
        self.visit(node.value)
        self.visit(node.target)

    def visit_For(self, node: ast.For) -> None:
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.bound |= imports(node)

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *([node.returns] if node.returns else [])):
            self.visit(part)
        self._signature(node.args)
        self._inside(node.args, node.body)
        self.bound.add(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def _signature(self, arguments: ast.arguments) -> None:
        """Defaults and annotations, which are worked out when the function is defined."""
        annotations = [a.annotation for a in ast.walk(arguments) if isinstance(a, ast.arg)]
        for part in (*arguments.defaults, *arguments.kw_defaults, *annotations):
            if part is not None:
                self.visit(part)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.bound |= {node.name} if node.name else set()
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._signature(node.args)
        self._inside(node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
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
        local -= {
            name for part in body for node in ast.walk(part) if isinstance(node, ast.Global) for name in node.names
        }
        reader = _Reader(self.bound | local)
        for part in body:
            reader.visit(part)
        self.found |= reader.found

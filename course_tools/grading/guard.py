"""Run inside the kernel, around every check: puts back what an answer may have bent, and notes what the check returned.

The file is copied next to the graded notebook under a name nobody can guess, and imported in the notebook's first
cell, before any answer. It imports nothing of the course but the lesson's exercises.

It mends accidents and the obvious tricks: `ex` rebound, `check` replaced, `print`, `sys.stdout` or `torch.allclose`
patched, a default dtype left behind. It is no defence against code that sets out to defeat it: student and check
share a process.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from types import ModuleType
from typing import Any

# What checks stand on. Only callables are put back, so that caches and counters of a library stay its own.
TRUSTED_MODULES = (
    "builtins",
    "contextlib",
    "copy",
    "importlib",
    "inspect",
    "io",
    "math",
    "textwrap",
    "warnings",
    "numpy",
    "numpy.linalg",
    "numpy.testing",
    "torch",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.random",
    "torch.testing",
    "IPython.utils.capture",
)
TRUSTED_CLASSES = (("torch", "Tensor"), ("torch", "Generator"), ("torch.nn", "Module"))
MISSING = object()


class Guard:
    """One lesson's guard.

    Args:
        module: the lesson's exercise module, such as "course_utils.lessons.lesson01.checks".
        alias: its name in the notebook.
        names: the exercises' names.
        secret: marks this guard's own lines in the output.
        limit: characters that one cell may print; what is more is dropped, or it would fill the memory.
    """

    def __init__(self, module: str, alias: str, names: list[str], secret: str, limit: int) -> None:
        self.module, self.alias, self.names, self.secret = module, alias, names, secret
        self.shell: Any = importlib.import_module("IPython").get_ipython()
        self.space: dict[str, Any] = self.shell.user_ns
        self.placeholders: dict[str, Any] = {}
        self.references: dict[str, list[Any]] = {name: [] for name in names}
        self.answer: Any = MISSING
        self.held: dict[str, Any] = {}
        self._import_exercises()  # brings in torch and all that the checks use, before any answer can
        self._limit_output(limit)
        self._remember()

    # -- called by the cells around each check

    def hold(self, name: str) -> None:
        """Remember what the name stands for: below its check, a number or a table under that name is no answer."""
        self.held[name] = self.space.get(name, MISSING)

    def before(self, name: str, drop: bool = False) -> None:
        """Put everything back, import the exercises afresh, and remember the answer that the check will get.

        With `drop` the answer is forgotten first, so that the check hands out the reference without calling it.
        """
        self._restore()
        if drop:
            self.space.pop(name, None)
        elif callable(self.held.get(name)) and not callable(self.space.get(name)):
            self.space[name] = self.held[name]
        copied = any(self.space.get(name) is reference for reference in self.references[name])
        self._import_exercises()
        if copied:  # the reference of an earlier import is the reference still
            self.space[name] = self.references[name][-1]
        self.answer = self.space.get(name, MISSING)

    def after(self, name: str) -> None:
        """Say whether the check handed the answer back (it passed) or replaced it by the reference."""
        self._restore()
        kept = self.answer is not MISSING and self.space.get(name) is self.answer
        print(f"{self.secret} {name} {'kept' if kept else 'replaced'}")

    # -- the exercises, always from their files

    def _import_exercises(self) -> None:
        for name, placeholder in self.placeholders.items():
            if self.space.get(name) is placeholder:
                del self.space[name]  # it belongs to the modules that are about to go
        for loaded in list(sys.modules):
            if loaded == self.module or loaded.startswith(("course_utils.exercises", f"{self.module}.")):
                del sys.modules[loaded]
        absent = [name for name in self.names if name not in self.space]
        module = importlib.import_module(self.module)
        self.placeholders = {name: self.space[name] for name in absent if name in self.space}
        for name in self.names:
            reference = getattr(getattr(module, name, None), "reference", None)
            if reference is not None and reference not in self.references[name]:
                self.references[name].append(reference)
        self.space[self.alias] = module

    def _limit_output(self, limit: int) -> None:
        """Drop what a cell prints beyond the limit. (What an answer prints inside its check, the check drops.)"""

        def wrap(info: object) -> None:  # in each cell anew, because IPython wraps and unwraps `write` in each cell
            for name in ("stdout", "stderr"):
                stream = self.streams[name]
                stream.write = Limited(getattr(stream.write, "inner", stream.write), stream.flush, limit)

        self.shell.events.register("pre_run_cell", wrap)

    # -- everything else: remembered once, compared before each check

    def _remember(self) -> None:
        modules = [sys.modules[name] for name in TRUSTED_MODULES if name in sys.modules]
        modules += [m for name, m in sys.modules.items() if name.startswith("course_utils.") and m]
        classes = [getattr(sys.modules[m], c) for m, c in TRUSTED_CLASSES if m in sys.modules]
        classes += [type(sys.stdout)]
        self.modules = [(module, _callables(vars(module))) for module in modules]
        self.classes = [(cls, dict(vars(cls))) for cls in classes]
        self.codes = [
            (value, value.__code__, value.__defaults__)
            for module, names in self.modules
            if isinstance(module, ModuleType) and module.__name__.startswith("course_utils.")
            for value in names.values()
            if hasattr(value, "__code__")
        ]
        self.streams = {name: getattr(sys, name) for name in ("stdout", "stderr", "displayhook", "excepthook")}
        self.paths = (list(sys.path), list(sys.meta_path), list(sys.path_hooks))
        self.folder, self.depth = str(os.getcwd()), sys.getrecursionlimit()  # noqa: PTH109 - no pathlib here
        self.shell_state = {
            name: list(getattr(self.shell, name))
            for name in ("ast_transformers", "input_transformers_cleanup", "input_transformers_post")
            if isinstance(getattr(self.shell, name, None), list)
        }
        self.shell_names = set(vars(self.shell))
        self.callbacks = {event: list(calls) for event, calls in self.shell.events.callbacks.items()}

    def _restore(self) -> None:
        for module, names in self.modules:  # builtins first: the rest of this function uses them
            space = module.__dict__
            for name, value in names.items():
                if space.get(name) is not value:
                    space[name] = value
        for cls, names in self.classes:
            now = dict(cls.__dict__)
            for name, value in names.items():
                if now.get(name) is not value:
                    with contextlib.suppress(AttributeError, TypeError):
                        setattr(cls, name, value)
            for name in now.keys() - names.keys():
                if callable(now[name]):
                    with contextlib.suppress(AttributeError, TypeError):
                        delattr(cls, name)
        for function, code, defaults in self.codes:
            function.__code__, function.__defaults__ = code, defaults
        sys.settrace(None)
        sys.setprofile(None)
        sys.setrecursionlimit(self.depth)
        sys.path[:], sys.meta_path[:], sys.path_hooks[:] = self.paths
        for name, stream in self.streams.items():
            setattr(sys, name, stream)
        for name in ("stdout", "stderr"):
            for method in ("write", "flush", "writelines"):  # patched on the object itself
                vars(self.streams[name]).pop(method, None)
        os.chdir(self.folder)
        self._restore_shell()
        self._restore_torch()

    def _restore_shell(self) -> None:
        for name, value in self.shell_state.items():
            getattr(self.shell, name)[:] = value
        own = vars(self.shell)
        for name in set(own) - self.shell_names:
            if callable(own[name]) and hasattr(type(self.shell), name):
                del own[name]  # such as `showtraceback = lambda *args: None`
        for event, calls in self.callbacks.items():
            self.shell.events.callbacks[event][:] = calls

    def _restore_torch(self) -> None:
        torch = sys.modules.get("torch")
        if torch is None:
            return
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        if hasattr(torch, "get_default_device") and torch.get_default_device().type != "cpu":
            torch.set_default_device(None)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")


class Limited:
    """A stream's `write` that drops what is beyond the limit."""

    def __init__(self, inner: Any, flush: Any, limit: int) -> None:
        self.inner, self.flush, self.left = inner, flush, limit

    def __call__(self, text: str, *rest: Any, **more: Any) -> Any:
        if self.left > 0:
            self.left -= len(text)
            if self.left > 0:
                return self.inner(text, *rest, **more)
            self.flush()  # so that whoever waits for this cell sees how much it printed
        return len(text)


def _callables(space: dict[str, Any]) -> dict[str, Any]:
    # IPython hangs `_` and `display` on builtins; neither matters, and `_` changes all the time
    return {name: value for name, value in space.items() if callable(value) and name != "_"}

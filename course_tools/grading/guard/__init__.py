"""Run inside the kernel, around every answer and its check: puts back what an answer bent, and says what it saw.

The folder is copied next to the graded notebook under a name nobody can guess, and imported in the notebook's first
cell, before any answer. Of the course it imports the lesson's exercises, and where the data are.

data        the course's image sets and weights, linked into the run's folder
patches     functions replaced in modules and classes
settings    switches of Python, NumPy, matplotlib and PyTorch; signals, paths, the environment
streams     where output goes, and how much of it
shell       IPython's own state
names       the notebook's names

It mends accidents and the obvious tricks: `ex` rebound, `check` replaced, `print`, `sys.stdout` or `torch.allclose`
patched, a default dtype left behind, `%reset`. Where it cannot, its cell fails, and the grade goes on without the
answer before it (`rounds`). It is no defence against code that sets out to defeat it, which shares a process with
its check.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

from .data import link_data
from .names import Names
from .patches import Patches
from .settings import Settings, default_device
from .shell import Shell
from .streams import Limited, Streams

__all__ = ["Guard", "Limited", "guard", "start"]

MISSING = object()
MOST_NAMED = 4  # things that an answer left behind

guard: Guard  # of this kernel, once `start` has run


def start(module: str, alias: str, names: list[str], secret: str, limit: int) -> None:
    """Make this kernel's guard; see `Guard` for the arguments."""
    global guard
    link_data()
    guard = Guard(module, alias, names, secret, limit)
    print(secret, "started")


class Guard:
    """One lesson's guard. What it says are lines `SECRET EXERCISE WORD ...`, which `said` reads.

    Args:
        module: the lesson's exercise module, such as "course_utils.lessons.lesson01.checks".
        alias: its name in the notebook.
        names: the exercises' names.
        secret: marks this guard's own lines in the output.
        limit: characters that one cell may print; what is more is dropped, or it would fill the memory.
    """

    def __init__(self, module: str, alias: str, names: list[str], secret: str, limit: int) -> None:
        self.module, self.alias, self.exercises, self.secret = module, alias, names, secret
        shell: Any = importlib.import_module("IPython").get_ipython()
        self.space: dict[str, Any] = shell.user_ns
        self.placeholders: dict[str, Any] = {}
        self.references: dict[str, list[Any]] = {name: [] for name in names}
        self.answer: Any = MISSING
        self.held: dict[str, Any] = {}
        self.entered = False  # whether an answer has run since the last check
        self.closed = False  # whether it closed the stream that a check prints to
        self.left: list[str] = []
        self.threads: set[threading.Thread] = set()
        self._import_exercises()  # brings in torch and all that the checks use, before any answer can
        self.streams = Streams(shell, limit)
        shell.events.register("post_run_cell", self._at_once)
        self.shell = Shell(shell, self.space)
        self.patches = Patches(self.space, self._is_exercises)
        self.settings = Settings()
        self.names = Names(self.space, names, alias)

    # -- called by the cells around each answer and each check

    def enter(self, name: str) -> None:
        """Before an answer: put back what a function of an earlier one may have switched, and remember the rest."""
        self._switch_back()
        self.patches.extend()
        self.settings.note()
        self.names.note()
        self.threads = set(threading.enumerate())
        self.shell.line = 0
        self.left, self.closed, self.entered = [], False, True
        self._say(name, "entered")

    def hold(self, name: str) -> None:
        """Between two cells of an answer: remember what the name stands for, because below its check a number or a
        table under that name is no answer.
        """
        self.held[name] = self.space.get(name, MISSING)
        self._say(name, "held")

    def before(self, name: str, drop: bool = False) -> None:
        """Put everything back, import the exercises afresh, and remember the answer that the check will get.

        With `drop` the answer is forgotten first, so that the check hands out the reference without calling it.
        """
        if self.entered:
            broken = self._broken()
            self._restore()
            self.names.note_answer()
            if self.shell.line:
                self._say(name, "line", str(self.shell.line))
            if broken:
                self._say(name, "broken", broken)
        if drop:
            self.space.pop(name, None)
        elif callable(self.held.get(name)) and not callable(self.space.get(name)):
            self.space[name] = self.held[name]
        copied = any(self.space.get(name) is reference for reference in self.references[name])
        self._import_exercises()
        if copied:  # the reference of an earlier import is the reference still
            self.space[name] = self.references[name][-1]
        self.answer = self.space.get(name, MISSING)
        if self.entered and self.answer is self.placeholders.get(name, MISSING):
            self._say(name, "undefined")
        self._say(name, "ready")

    def after(self, name: str) -> None:
        """Say what was bent, and whether the check handed the answer back (it passed) or put the reference for it."""
        kept = self.answer is not MISSING and self.space.get(name) is self.answer
        if self.entered:
            self._restore()
            self.left += self.names.put_back(name)
            if set(threading.enumerate()) - self.threads:
                self.left.append("a thread that still runs")
            self.entered = False
        else:
            self.left = []
        for thing in list(dict.fromkeys(self.left))[:MOST_NAMED]:
            self._say(name, "left", thing)
        self._say(name, "kept" if kept else "replaced")

    def _say(self, name: str, *words: str) -> None:
        print(self.secret, name, *words)

    def _restore(self) -> None:
        self.left += self.patches.put_back()  # builtins first: what follows uses them
        self._switch_back()

    def _switch_back(self) -> None:
        self.streams.put_back()
        self.settings.put_back()
        self.shell.put_back()

    def _at_once(self, result: object) -> None:
        """At the end of a cell: put back what the kernel itself needs to say that it is done."""
        if self.entered:
            self.left += self.patches.put_back_builtins()
            self.closed |= self.streams.closed()
            self.streams.put_back()
            self.shell.put_back()  # a broken transformer would keep the next cell from running

    def _broken(self) -> str:
        """Why the check could not even start in the student's own notebook, in a word; "" if it could."""
        if self.alias not in self.space:
            return "names"
        if self.closed:
            return "stdout"
        device = default_device()
        return f"device {device}" if device else ""

    # -- the exercises, always from their files

    def _is_exercises(self, module: str) -> bool:
        return module == self.module or module.startswith(("course_utils.exercises", f"{self.module}."))

    def _import_exercises(self) -> None:
        for name, placeholder in self.placeholders.items():
            if self.space.get(name) is placeholder:
                del self.space[name]  # it belongs to the modules that are about to go
        for loaded in list(sys.modules):
            if self._is_exercises(loaded):
                del sys.modules[loaded]
        absent = [name for name in self.exercises if name not in self.space]
        module = importlib.import_module(self.module)
        self.placeholders = {name: self.space[name] for name in absent if name in self.space}
        for name in self.exercises:
            reference = getattr(getattr(module, name, None), "reference", None)
            if reference is not None and reference not in self.references[name]:
                self.references[name].append(reference)
        self.space[self.alias] = module

"""Functions that an answer replaced in modules and classes: remembered, compared and put back around each check."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

FUNCTIONS = (FunctionType, classmethod, staticmethod, property)
OPEN_CLASSES = (("torch", "Tensor"), ("torch", "Generator"), ("torch.nn", "Module"))  # what is added to them goes too
CAN_CHANGE = 1 << 9  # in a class's flags: it was made by Python, or allows new attributes
# What IPython and its kernel set themselves, in every cell.
KERNELS = {
    "builtins": ("_", "display", "get_ipython", "input"),
    "getpass": ("getpass",),
    "sys": ("displayhook", "excepthook"),
}


class Patches:
    """What every loaded module and class offers to call. Only that is put back, so that caches and counters of a
    library stay its own.

    Args:
        space: the notebook's namespace, which is no library's.
        skip: names of modules that are imported afresh anyway.
    """

    def __init__(self, space: dict[str, Any], skip: Callable[[str], bool]) -> None:
        self.space, self.skip = space, skip
        self.loaded: dict[str, ModuleType] = {}
        self.modules: list[tuple[ModuleType, dict[str, Any]]] = []
        self.classes: dict[type, dict[str, Any]] = {}
        self.codes: list[tuple[Any, Any, Any]] = []
        self._remember(sys.modules["builtins"])  # first, because what puts back the rest uses it
        self.extend()
        self.open = {cls: dict(vars(cls)) for cls in self._open_classes()}

    def extend(self) -> None:
        """Take in the modules that were loaded since."""
        for name, module in list(sys.modules.items()):
            inner = any(part.startswith("_") for part in name.split(".")[1:])  # beyond the reach of an accident
            known = name in self.loaded or inner or self.skip(name)
            if not known and isinstance(module, ModuleType) and vars(module) is not self.space:
                self.loaded[name] = module
                self._remember(module)

    def put_back_builtins(self) -> list[str]:
        """Python's own functions alone, without which nothing works, not even the kernel."""
        return _put_back(*self.modules[0])

    def put_back(self) -> list[str]:
        """Put back what was replaced; name it."""
        changed = self.put_back_builtins()
        for module, names in self.modules:
            changed += _put_back(module, names)
        for name, module in self.loaded.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                changed.append(f"the module `{name}`")
        for cls, own in [*self.classes.items(), *self.open.items()]:
            now = cls.__dict__
            for name, value in own.items():
                found = now.get(name)
                if found is not value:
                    with contextlib.suppress(AttributeError, TypeError):
                        setattr(cls, name, value)
                        if not _librarys(found, name, cls.__module__):
                            changed.append(f"`{cls.__name__}.{name}`")
        for cls, own in self.open.items():
            for name in set(cls.__dict__) - set(own):
                if callable(cls.__dict__[name]):
                    with contextlib.suppress(AttributeError, TypeError):
                        delattr(cls, name)
        for function, code, defaults in self.codes:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                function.__code__, function.__defaults__ = code, defaults
                changed.append(f"`{function.__name__}`")
        return changed

    def _remember(self, module: ModuleType) -> None:
        kernels = KERNELS.get(module.__name__, ())
        space = {name: value for name, value in list(vars(module).items()) if callable(value) and name not in kernels}
        self.modules.append((module, space))
        for value in space.values():
            if isinstance(value, type):
                if value not in self.classes and value.__flags__ & CAN_CHANGE:
                    own = {name: thing for name, thing in vars(value).items() if isinstance(thing, FUNCTIONS)}
                    self.classes[value] = own
            elif module.__name__.startswith("course_utils.") and isinstance(value, FunctionType):
                self.codes.append((value, value.__code__, value.__defaults__))

    def _open_classes(self) -> list[type]:
        found = [getattr(sys.modules[module], name) for module, name in OPEN_CLASSES if module in sys.modules]
        return [*found, type(sys.stdout)]


def _put_back(module: ModuleType, names: dict[str, Any]) -> list[str]:
    space, changed = module.__dict__, []
    for name, value in names.items():
        found = space.get(name)
        if found is not value:
            space[name] = value
            if not _librarys(found, name, module.__name__):
                changed.append(f"`{module.__name__}.{name}`")
    return changed


def _librarys(value: object, name: str, module: str) -> bool:
    """Whether a library put this there itself, as PyTorch replaces `torch.manual_seed` once its compiler is loaded."""
    function = value.fget if isinstance(value, property) else value
    if not isinstance(function, FunctionType) or (function is value and function.__name__ != name):
        return False
    library = getattr(sys.modules.get(module.split(".")[0]), "__file__", None) or ""
    return bool(library) and function.__code__.co_filename.startswith(library.removesuffix("__init__.py"))

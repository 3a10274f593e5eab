"""Switches that an answer may leave in another position: each is read, and set again where it differs."""

from __future__ import annotations

import gc
import importlib
import locale
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

MISSING = object()


class Switch(NamedTuple):
    """One setting. A steady one is no business of a lesson's own cells, and is remembered from the start."""

    get: Callable[[], Any]
    put: Callable[[Any], Any]
    steady: bool = True
    compare: bool = True


class Settings:
    """All of them. Those of a library belong to it only once it is loaded."""

    def __init__(self) -> None:
        self.switches = [*_python(), *_numpy(), *_torch()]
        self.values = [switch.get() for switch in self.switches]

    def note(self) -> None:
        """Before an answer: take what the lesson's own cells have set since."""
        if "matplotlib" in sys.modules and not any(switch.get is _style for switch in self.switches):
            self.switches.append(Switch(_style, _set_style, steady=False))
            self.values.append(None)
        for index, switch in enumerate(self.switches):
            if not switch.steady:
                self.values[index] = switch.get()

    def put_back(self) -> None:
        for switch, value in zip(self.switches, self.values, strict=True):
            if not switch.compare or _now(switch) != value:
                switch.put(value)


def _now(switch: Switch) -> Any:
    try:
        return switch.get()
    except Exception:  # such as the current folder, deleted
        return MISSING


def default_device() -> str:
    """The default device that an answer has set, if it is not there; "" otherwise."""
    torch = sys.modules.get("torch")
    if torch is None:
        return ""
    try:
        torch.get_default_device()  # makes a tensor there, if the device was given without a number
        torch.zeros(1)
        return ""
    except Exception:
        modes = importlib.import_module("torch.overrides")._get_current_function_mode_stack()
        return next((str(mode.device) for mode in modes if hasattr(mode, "device")), "?")


def _python() -> list[Switch]:
    signals = sorted(signal.valid_signals() - {getattr(signal, "SIGKILL", None), getattr(signal, "SIGSTOP", None)})

    def handlers() -> dict[Any, Any]:
        return {number: signal.getsignal(number) for number in signals}

    def handle(saved: dict[Any, Any]) -> None:
        for number, handler in saved.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    def environ(saved: dict[str, str]) -> None:
        for name in set(os.environ) - set(saved):
            del os.environ[name]
        os.environ.update(saved)

    def filters(saved: list[Any]) -> None:
        warnings.resetwarnings()  # so that what was decided under the answer's filters is forgotten
        warnings.filters[:] = saved  # type: ignore[index]

    root = logging.getLogger()
    found = [
        Switch(sys.gettrace, sys.settrace),
        Switch(sys.getprofile, sys.setprofile),
        Switch(sys.getrecursionlimit, sys.setrecursionlimit),
        Switch(sys.getswitchinterval, sys.setswitchinterval),
        Switch(lambda: list(sys.path), lambda saved: sys.path.__setitem__(slice(None), saved)),
        Switch(lambda: list(sys.meta_path), lambda saved: sys.meta_path.__setitem__(slice(None), saved)),
        Switch(lambda: list(sys.path_hooks), lambda saved: sys.path_hooks.__setitem__(slice(None), saved)),
        Switch(os.getcwd, os.chdir),
        Switch(gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
        Switch(gc.get_threshold, lambda saved: gc.set_threshold(*saved)),
        Switch(handlers, handle),
        Switch(lambda: locale.setlocale(locale.LC_ALL), lambda saved: locale.setlocale(locale.LC_ALL, saved)),
        Switch(lambda: dict(os.environ), environ, steady=False),
        Switch(lambda: list(warnings.filters), filters, steady=False),
        Switch(lambda: root.manager.disable, logging.disable, steady=False),
        Switch(lambda: root.level, root.setLevel, steady=False),
        Switch(lambda: list(root.handlers), lambda saved: root.handlers.__setitem__(slice(None), saved), steady=False),
        Switch(random.getstate, random.setstate, steady=False),
    ]
    if hasattr(signal, "setitimer"):
        timer = signal.ITIMER_REAL
        found.append(Switch(lambda: signal.getitimer(timer)[0] > 0, lambda on: on or signal.setitimer(timer, 0)))
    return found


def _numpy() -> list[Switch]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return []
    return [
        Switch(numpy.geterr, lambda saved: numpy.seterr(**saved)),
        Switch(numpy.get_printoptions, lambda saved: numpy.set_printoptions(**saved), steady=False),
        Switch(numpy.random.get_state, numpy.random.set_state, steady=False, compare=False),
    ]


def _style() -> dict[str, Any]:
    return {**dict.copy(sys.modules["matplotlib"].rcParams)}


def _set_style(saved: dict[str, Any]) -> None:
    matplotlib: Any = sys.modules["matplotlib"]
    was, now = saved["backend"], dict.get(matplotlib.rcParams, "backend")
    if was != now and isinstance(was, str):
        importlib.import_module("matplotlib.pyplot").switch_backend(was)
    dict.clear(matplotlib.rcParams)
    dict.update(matplotlib.rcParams, saved)


def _torch() -> list[Switch]:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return []
    modules: Any = importlib.import_module("torch.nn.modules.module")
    overrides: Any = importlib.import_module("torch.overrides")
    dispatch: Any = importlib.import_module("torch.utils._python_dispatch")
    options: Any = importlib.import_module("torch._tensor_str").PRINT_OPTS
    hooks = [value for name, value in vars(modules).items() if name.startswith("_global_") and isinstance(value, dict)]
    entered: list[Any] = []  # kept, because leaving an inference mode is undone when the one inside it is forgotten

    def modes(saved: tuple[int, int]) -> None:
        torch.set_default_device(None)
        while len(overrides._get_current_function_mode_stack()) > saved[0]:
            overrides._pop_mode()
        while len(dispatch._get_current_dispatch_mode_stack()) > saved[1]:
            dispatch._pop_mode()

    def depth() -> tuple[int, int]:
        return len(overrides._get_current_function_mode_stack()), len(dispatch._get_current_dispatch_mode_stack())

    def inference(on: bool) -> None:
        entered.append(torch.inference_mode(on))
        entered[-1].__enter__()

    def deterministic() -> tuple[bool, bool]:
        return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()

    def set_hooks(saved: list[dict[Any, Any]]) -> None:
        for own, before in zip(hooks, saved, strict=True):
            own.clear()
            own.update(before)

    return [
        Switch(depth, modes),
        Switch(torch.is_inference_mode_enabled, inference),
        Switch(torch.is_grad_enabled, torch.set_grad_enabled),
        Switch(torch.get_default_dtype, torch.set_default_dtype),
        Switch(deterministic, lambda saved: torch.use_deterministic_algorithms(saved[0], warn_only=saved[1])),
        Switch(lambda: torch.is_autocast_enabled("cpu"), lambda on: torch.set_autocast_enabled("cpu", on)),
        Switch(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        Switch(lambda: torch.backends.mkldnn.enabled, torch._C._set_mkldnn_enabled),
        Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        Switch(lambda: torch.tensor(1e-40).mul(1).item() == 0, torch.set_flush_denormal),
        Switch(lambda: [dict(hook) for hook in hooks], set_hooks),
        Switch(torch.get_num_threads, torch.set_num_threads, steady=False),
        Switch(lambda: dict(vars(options)), vars(options).update, steady=False),
        Switch(torch.get_rng_state, torch.set_rng_state, steady=False, compare=False),
    ]

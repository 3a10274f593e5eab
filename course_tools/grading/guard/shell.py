"""IPython's own state: its hooks and options, the names that it keeps in the notebook, and where a cell failed."""

from __future__ import annotations

import contextlib
from typing import Any, NoReturn

LISTS = ("ast_transformers", "input_transformers_cleanup", "input_transformers_post")
OPTIONS = ("ast_node_interactivity", "autoawait", "automagic", "autocall", "display_page", "show_rewritten_input")


class Shell:
    """The kernel's shell.

    Attributes:
        line: where the last cell's own code stopped with an exception; 0 if none has since this was set to 0.
    """

    def __init__(self, shell: Any, space: dict[str, Any]) -> None:
        self.shell, self.space, self.line = shell, space, 0
        shell.ask_exit = _exit  # `exit()` would stop the kernel a moment later, in the middle of another cell
        shell.events.register("post_run_cell", self._note_error)
        self.lists = {name: list(getattr(shell, name)) for name in LISTS if isinstance(getattr(shell, name, 0), list)}
        self.options = {name: getattr(shell, name) for name in OPTIONS if hasattr(shell, name)}
        self.hidden = {name: space[name] for name in {*shell.user_ns_hidden, "__builtins__"} if name in space}
        self.own = {name: value for name, value in vars(shell).items() if callable(value)}
        self.callbacks = {event: list(calls) for event, calls in shell.events.callbacks.items()}
        self.mode = getattr(shell.InteractiveTB, "mode", None)

    def put_back(self) -> None:
        shell = self.shell
        for name, value in self.lists.items():
            getattr(shell, name)[:] = value
        for name, option in self.options.items():
            if getattr(shell, name) != option:
                with contextlib.suppress(Exception):  # traitlets are particular about some of them
                    setattr(shell, name, option)
        own = vars(shell)
        for name in [name for name, value in own.items() if callable(value) and hasattr(type(shell), name)]:
            if name not in self.own:
                del own[name]  # such as `showtraceback = lambda *args: None`
        own.update(self.own)
        for event, calls in self.callbacks.items():
            shell.events.callbacks[event][:] = calls
        shell.set_custom_exc((), None)
        if self.mode is not None and shell.InteractiveTB.mode != self.mode:  # %xmode
            shell.InteractiveTB.set_mode(mode=self.mode)
        for name, value in self.hidden.items():
            self.space.setdefault(name, value)

    def _note_error(self, result: Any) -> None:
        """Remember the line of the cell in which its first exception passed."""
        trace = getattr(result.error_in_exec, "__traceback__", None)
        while trace is not None and not self.line:
            code = trace.tb_frame.f_code.co_name  # "<cell line: 3>" in older releases
            if trace.tb_frame.f_globals is self.space and code.startswith(("<module>", "<cell")):
                self.line = trace.tb_lineno
            trace = trace.tb_next


def _exit() -> NoReturn:
    raise SystemExit

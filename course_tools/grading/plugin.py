"""A pytest plugin around nbval 0.11: it notices what nbval alone does not, and reports each cell as it ends.

nbval runs the cells and compares a check's output with the recorded one. Here is what it lacks for a grade:

- whether the kernel still lives is asked four times a second (nbval waits for the whole timeout);
- an error in the shell's reply counts, whatever the cell did to the traceback on display;
- each kind of cell has its own timeout, and output beyond a limit is thrown away instead of piling up;
- of a check's output only its verdict line is compared, so that warnings, progress bars and displays do no harm;
- cell metadata, not comments or tags that came with an answer, decide how a cell is treated;
- where the guard's own cell fails, or its words do not arrive, the run ends too;
- one JSON line a cell goes to a file at once, so that a grade that is cut off still says what it had found.

After a hang, a crash or a flood the run ends: `rounds` grades the rest without the culprit. It also copies this file
next to the graded notebook, so that pytest need not import the course.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import deque
from pathlib import Path
from queue import Empty
from typing import Any

import psutil
import pytest

# A checker of addresses in JSON, which notebooks do not need, builds a whole grammar when nbformat is imported: a
# second of every run. It is optional to those who import it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
import nbval.plugin as nbval  # noqa: E402

CONFIG_VARIABLE = "COURSE_GRADE_CONFIG"
CHECK, ANSWER, GUARD, SETUP = "check", "answer", "guard", "setup"
KEPT_OUTPUT = 200_000  # characters of a cell's text output that are reported
POLL = 0.25
VERDICT = r": (?:PASS \(\d+ of \d+\)|FAIL \(\d+ of \d+\)|not tried yet)"


class KernelLostError(Exception):
    """The kernel can no longer be used: `event` says why ("died", "timeout", "flood")."""

    def __init__(self, event: str) -> None:
        super().__init__(event)
        self.event = event


class GradingKernel(nbval.RunningKernel):
    """nbval's kernel, watched."""

    limit_bytes: float = float("inf")

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the shell's reply and keep it; raise `KernelLostError` on death, timeout or flood."""
        deadline = time.monotonic() + (timeout if timeout is not None else 60.0)
        self.reply: dict[str, Any] = {}
        self.printed = 0
        while True:
            self._drain()
            try:
                message = self.kc.get_shell_msg(timeout=POLL if not self._waiting else 0.01)
            except Empty:
                self._must_live()
                # the guard in the kernel drops what is beyond the limit, unless the answer went around it
                flooded = self.printed > 0.9 * self.limit_bytes
                if self.printed > 3 * self.limit_bytes or (flooded and time.monotonic() > deadline):
                    raise KernelLostError("flood") from None
                if time.monotonic() > deadline:
                    raise KernelLostError("timeout") from None
                continue
            if message["parent_header"].get("msg_id") == msg_id:
                self.reply = message["content"]
                return

    def get_message(self, stream: str, timeout: float | None = None) -> Any:
        """The next message; those of iopub that came in while the cell ran are handed out first."""
        if stream != "iopub":
            return super().get_message(stream, timeout=timeout)
        deadline = time.monotonic() + (timeout if timeout is not None else 60.0)
        while not self._stash:
            self._drain()
            if self._stash:
                break
            try:
                self._keep(self.kc.get_iopub_msg(timeout=POLL))
            except Empty:
                self._must_live()
                if time.monotonic() > deadline:
                    raise
        return self._stash.popleft()

    @property
    def _stash(self) -> deque[Any]:
        return self.__dict__.setdefault("stashed", deque())

    def _drain(self) -> None:
        """Take what iopub has, at most for a moment, so that a kernel that prints cannot fill the memory."""
        self._waiting = False
        until = time.monotonic() + POLL
        while time.monotonic() < until:
            try:
                self._keep(self.kc.get_iopub_msg(timeout=0))
            except Empty:
                return
        self._waiting = True

    def _keep(self, message: Any) -> None:
        text = message["content"].get("text", "") if message["msg_type"] == "stream" else ""
        self.printed = getattr(self, "printed", 0) + len(text)
        if text and self.printed > KEPT_OUTPUT:
            message["content"]["text"] = text[-KEPT_OUTPUT:]
            while len(self._stash) > 50:
                old = next((m for m in self._stash if m["msg_type"] == "stream"), None)
                if old is None:
                    break
                self._stash.remove(old)
        self._stash.append(message)

    def _must_live(self) -> None:
        if not self.is_alive():
            raise KernelLostError("died")


_run_cell = nbval.IPyNbCell.runtest
_compare = nbval.IPyNbCell.compare_outputs


def runtest(self: Any) -> None:
    """nbval's, with this kind of cell's limits, and honouring the shell's reply."""
    kernel, settings = self.parent.kernel, self.config.stash[_SETTINGS]
    kernel.limit_bytes = settings["limit_bytes"]
    self.config.option.nbval_cell_timeout = settings["timeouts"][_info(self)["role"]]
    _run_cell(self)
    if kernel.reply.get("status") == "error":  # nbval has seen no traceback, yet the cell failed
        self.raise_cell_error("Cell execution caused an exception")


def compare_outputs(self: Any, test: Any, ref: Any, skip_compare: Any = None) -> bool:
    """nbval's, on the check's own words alone."""
    name = _info(self)["exercise"]
    return bool(_compare(self, _verdicts(test, name), _verdicts(ref, name), skip_compare))


def _info(item: Any) -> dict[str, Any]:
    return dict(item.cell.metadata.get("course_grade", {}))


def _verdicts(outputs: Any, name: str) -> Any:
    """A check's output without anything but its verdicts, of which there should be one."""
    lines = re.findall(re.escape(name) + VERDICT, "\n".join(_text(outputs)))
    return [nbval.NotebookNode(output_type="stream", name="stdout", text="".join(f"{x}\n" for x in lines))]


def _text(outputs: Any) -> list[str]:
    text = "".join(out.text for out in outputs if out.output_type == "stream" and out.name == "stdout")
    return re.split(r"\r\n|[\r\n]", text)


_SETTINGS = pytest.StashKey[dict[str, Any]]()


def pytest_configure(config: pytest.Config) -> None:
    settings = json.loads(Path(os.environ[CONFIG_VARIABLE]).read_text(encoding="utf-8"))
    config.stash[_SETTINGS] = settings
    nbval.RunningKernel = GradingKernel
    nbval.IPyNbCell.runtest = runtest  # not a subclass: nbval's constructor names its own class
    nbval.IPyNbCell.compare_outputs = compare_outputs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, nbval.IPyNbCell):
            item.user_properties.extend(_info(item).items())
            item.options.clear()  # forgets NBVAL_SKIP and its kind, which an answer may contain
            item.options["check"] = _info(item)["role"] == CHECK


def _write(config: pytest.Config, record: dict[str, Any]) -> None:
    with Path(config.stash[_SETTINGS]["report"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    kernel = getattr(item.parent, "kernel", None)
    process = psutil.Process(kernel.km.provisioner.pid) if kernel is not None else None
    _write(
        item.config,
        {
            "kind": "begin",
            **dict(item.user_properties),
            "kernel": [process.pid, process.create_time()] if process else None,
        },
    )
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if isinstance(item, nbval.IPyNbCell) and (call.when == "call" or (call.when == "setup" and report.failed)):
        error = call.excinfo.value if call.excinfo else None
        event = error.event if isinstance(error, KernelLostError) else ("died" if call.when == "setup" else "")
        kernel = item.parent.kernel
        reply = getattr(kernel, "reply", {})
        text = "\n".join(_text(item.test_outputs or []))
        settings = item.config.stash[_SETTINGS]
        if _info(item).get("role") == GUARD and not event and (report.failed or settings["secret"] not in text):
            event = "guard"  # nothing that runs after it could be trusted
        _write(
            item.config,
            {
                "kind": "end",
                **dict(item.user_properties),
                "passed": report.passed,
                "event": event,
                "seconds": round(call.duration, 3),
                "ename": reply.get("ename", ""),
                "evalue": str(reply.get("evalue", ""))[:500],
                "text": text[-KEPT_OUTPUT:],
                "printed": getattr(kernel, "printed", 0),
                "problem": str(error)[:500] if error else "",
            },
        )
        if event:
            item.session.shouldstop = f"the kernel cannot go on: {event}"
            if kernel is not None:
                kernel.stop()
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    _write(session.config, {"kind": "finish"})

"""A real JupyterLab on the loopback interface, driven in a real Chromium: the few moves the browser tests need.

Start a server with `lab_server(folder)`, a browser with `chromium()`, and open a notebook with `LabPage`. All of the
server's settings live in a temporary folder, so that a reader's own JupyterLab neither changes a test nor is changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_tools.doctor import chromium as chromium_program

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A headless page counts as hidden by other windows and would be given fewer frames.
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]

#: Pattern of a console error that does not fail a test -> why. Empty: none has been seen that is not a fault.
JUSTIFIED: dict[str, str] = {}

HOW_TO_INSTALL = (
    "no Chromium found: install it (Debian, Ubuntu: `sudo apt install chromium`; others: "
    f"`python -m playwright install chromium`), or set {chromium_program.VARIABLE} to its path"
)


def find_chromium() -> str | None:
    """The browser's path: the one that `course doctor` names, else Playwright's own."""
    found = chromium_program.find_chromium()
    if found or os.environ.get(chromium_program.VARIABLE, "").strip():
        return found  # a program that was named and is not there is an error, not a reason to take another
    with contextlib.suppress(Exception):
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            own = playwright.chromium.executable_path
        if own and Path(own).exists():
            return own
    return None


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _setting(home: Path, plugin: str, **values: object) -> None:
    """Write one of JupyterLab's settings, as its settings editor would."""
    path = home / "lab_user_settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


@contextlib.contextmanager
def lab_server(notebooks: Path, home: Path, extra_env: dict[str, str] | None = None) -> Iterator[str]:
    """Run JupyterLab on `notebooks` until the block ends; gives its address.

    Args:
        notebooks: the folder that JupyterLab shows.
        home: an empty folder for its settings, runtime files and log.
    """
    port = free_port()
    env = {**os.environ, **(extra_env or {})}
    for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        folder = home / variable.lower()
        folder.mkdir(parents=True, exist_ok=True)
        env[variable] = str(folder)
    # The default of `windowingMode` changed between versions; with "none" every cell is on the page.
    _setting(home, "notebook-extension/tracker", windowingMode="none")
    _setting(home, "apputils-extension/notification", fetchNews="false", checkForUpdates=False, doNotDisturbMode=True)
    env["JUPYTERLAB_SETTINGS_DIR"] = str(home / "lab_user_settings")
    env["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "lab_workspaces")
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={notebooks}",
        "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = home / "lab.log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=notebooks)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for_server(server, address, log)
            yield address
        finally:
            # Asked through its own door it also ends its kernels; terminate alone would leave them on Windows.
            with contextlib.suppress(Exception):
                urllib.request.urlopen(urllib.request.Request(f"{address}/api/shutdown", method="POST"), timeout=5)
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.terminate()
                try:
                    server.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    server.kill()


def _wait_for_server(server: subprocess.Popen[bytes], address: str, log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/api/status", timeout=2)
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


@contextlib.contextmanager
def chromium(path: str) -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class LabPage:
    """One notebook open in JupyterLab.

    Attributes:
        page: Playwright's page.
        errors: what the console and the page reported as errors, less what `JUSTIFIED` names.
        requests: addresses outside the loopback interface that the page asked for.
    """

    page: Any
    address: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("request", self._on_request)

    def _on_console(self, message: Any) -> None:
        text = f"{message.text} ({(message.location or {}).get('url', '')})"
        if message.type == "error" and not any(re.search(pattern, text) for pattern in JUSTIFIED):
            self.errors.append(text)

    def _on_request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:", "about:")):
            self.requests.append(request.url)

    def open(self, notebook: str, seconds: float = 60) -> None:
        """Open a notebook by its name and wait until its kernel is ready."""
        self.page.goto(f"{self.address}/lab/workspaces/test-{uuid.uuid4().hex[:8]}/tree/{notebook}")
        self.page.wait_for_function("() => window.jupyterapp", timeout=seconds * 1000)
        self._await("window.jupyterapp.restored", seconds)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell", timeout=seconds * 1000)
        # Where the notebook names no kernel, JupyterLab asks for one in a dialogue and this never comes.
        self._await("window.jupyterapp.shell.currentWidget.sessionContext.ready", seconds)

    def _await(self, promise: str, seconds: float) -> None:
        """Wait for a promise in the page, but not for ever (`evaluate` has no time limit of its own)."""
        done = self.page.evaluate(
            f"""() => Promise.race([
                Promise.resolve({promise}).then(() => true),
                new Promise((resolve) => setTimeout(() => resolve(false), {seconds * 1000})),
            ])"""
        )
        if not done:
            raise TimeoutError(f"{promise} was not settled after {seconds:g} s")

    def run_all(self, seconds: float = 300) -> None:
        """Run all cells and wait until the kernel is idle."""
        self._await("window.jupyterapp.commands.execute('notebook:run-all-cells')", seconds)
        self.wait_idle(seconds)

    def wait_idle(self, seconds: float = 60) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'",
            timeout=seconds * 1000,
        )

    def cell_errors(self) -> list[str]:
        """The tracebacks shown below the cells."""
        return [
            node.inner_text()
            for node in self.page.query_selector_all("[data-mime-type='application/vnd.jupyter.error']")
        ]

    def notebook(self) -> Any:
        """The notebook as JupyterLab would save it now."""
        return self.page.evaluate("window.jupyterapp.shell.currentWidget.content.model.toJSON()")

    @property
    def explorer(self) -> Any:
        """The first explorer on the page, scrolled into view."""
        found = self.page.locator(".course-explorer").first
        found.scroll_into_view_if_needed()
        return found

    def sliders(self) -> list[Any]:
        """The handles of the explorer's sliders, in order."""
        self.explorer.get_by_role("slider").first.wait_for()
        return list(self.explorer.get_by_role("slider").all())

    def value(self, slider: Any) -> str:
        """What a slider says to a screen reader."""
        return str(slider.get_attribute("aria-valuenow"))

    def press(self, slider: Any, key: str) -> None:
        """Move a slider by keyboard."""
        slider.focus()
        self.page.keyboard.press(key)

    def picture(self) -> str:
        """A digest of the picture that the explorer shows, once it has been decoded."""
        data = self.explorer.locator("img.course-picture").first.evaluate(
            """async (img) => {
                // Decoding fails when ipywidgets replaces the picture meanwhile: take the next one.
                for (let i = 0; i < 20; i++) {
                    try { await img.decode(); break; } catch (error) { await new Promise(requestAnimationFrame); }
                }
                const canvas = document.createElement('canvas');
                canvas.width = img.naturalWidth; canvas.height = img.naturalHeight;
                canvas.getContext('2d').drawImage(img, 0, 0);
                return canvas.toDataURL('image/png');
            }"""
        )
        return hashlib.sha256(data.encode()).hexdigest()

    def settle(self, milliseconds: int = 300) -> None:
        """Wait until the picture has been the same for a while."""
        old, since = self.picture(), time.monotonic()
        while time.monotonic() - since < milliseconds / 1000:
            self.page.wait_for_timeout(30)
            new = self.picture()
            if new != old:
                old, since = new, time.monotonic()

    def wait_for_new_picture(self, old: str, seconds: float = 15) -> str:
        """Wait until the picture differs from `old`; gives the new one's digest."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            new = self.picture()
            if new != old:
                return new
            self.page.wait_for_timeout(20)
        raise AssertionError(f"the picture did not change within {seconds:g} s")

"""Voilà, told to serve one notebook to this machine only, offline, and to stop without a trace."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from course_tools.lab import ROOT, has_screen
from course_tools.lecture.page import lecture_notebook
from course_utils.environment import BACKEND_VARIABLE, SCREEN_VARIABLE
from course_utils.errors import CourseError

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1"


def open_lecture(lesson: str, port: int | None = None, browser: bool | None = None, root: Path = ROOT) -> None:
    """Show a lesson's explorer full screen, in the foreground; returns when it has been stopped with Ctrl-C.

    Models that were trained ahead are loaded (preset `lecture`), unless COURSE_PRESET says otherwise.

    Args:
        lesson: such as "12".
        port: where the server listens; a free one if None.
        browser: open a browser window; None decides by whether there is a screen.
        root: the folder that holds `notebooks/`.

    Raises:
        CourseError: no such lesson, one without an explorer, Voilà is not installed, or the port is taken.
    """
    notebook = lecture_notebook(lesson, root)
    server = _server_class()
    chosen = port or free_port()
    if not _can_listen(chosen):
        raise CourseError(f"Port {chosen} is taken by another program: choose another one, or name none.")
    os.environ.setdefault(SCREEN_VARIABLE, "large")
    os.environ.pop(BACKEND_VARIABLE, None)  # which the kernel would inherit: see `without_backend`
    show = has_screen() if browser is None else browser
    with tempfile.TemporaryDirectory(prefix="lecture_", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / f"{notebook.metadata.title.split(' ')[0]}_explorer.ipynb"
        nbformat.write(notebook, path)
        print(f"{notebook.metadata.title}: http://{ADDRESS}:{chosen}/ (F for the full screen, Ctrl-C here to stop)")
        sys.stdout.flush()
        server.launch_instance(server_arguments(path, chosen, show))


def server_arguments(notebook: Path, port: int, browser: bool) -> list[str]:
    """What Voilà is called with."""
    return [
        str(notebook),
        f"--Voila.ip={ADDRESS}",
        f"--port={port}",
        "--Voila.port_retries=0",
        f"--Voila.open_browser={browser}",
        "--Voila.log_level=ERROR",
        "--VoilaConfiguration.theme=light",
        "--VoilaConfiguration.show_tracebacks=True",
        # Extensions of JupyterLab that are installed beside it have nothing to do on this page.
        "--VoilaConfiguration.extension_allowlist=@jupyter-widgets/jupyterlab-manager",
        "--VoilaConfiguration.extension_allowlist=@voila-dashboards/widgets-manager8",
    ]


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((ADDRESS, port)) != 0


def _server_class() -> Any:
    try:
        from voila.app import Voila
    except ImportError:
        raise CourseError("Voilà is not installed: run `pip install -c constraints.txt -e .`.") from None

    class Lecture(Voila):  # type: ignore[misc, unused-ignore]
        """Voilà with the course's page, which fetches nothing from the network."""

        def setup_template_dirs(self) -> None:
            super().setup_template_dirs()
            self.template_paths.insert(0, str(HERE))

    return Lecture

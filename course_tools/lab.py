"""`course lab`: JupyterLab, opened on a lesson of the student edition."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from course_utils.environment import BACKEND_VARIABLE
from course_utils.errors import CourseError
from course_utils.files import check_writable

ROOT = Path(__file__).resolve().parents[1]


def open_lab(lesson: str = "00", port: int | None = None, browser: bool | None = None) -> None:
    """Start JupyterLab in the foreground; returns when the server has been stopped.

    Args:
        lesson: the lesson to open.
        port: where the server listens; 8888, or the next free one, if None.
        browser: open a browser window; None decides by whether there is a screen.

    Raises:
        CourseError: JupyterLab is not installed, the lesson is not there, or the port is taken.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ImportError:
        raise CourseError("JupyterLab is not installed: run `pip install -c constraints.txt -e .`.") from None
    if port is not None and not _free(port):
        raise CourseError(f"Port {port} is taken by another program: choose another one, or name none.")
    notebook = find_notebook(lesson)
    open_browser = has_screen() if browser is None else browser
    if not open_browser:
        print("No browser is opened from here: open the address with the token below.", file=sys.stderr)
    try:
        check_writable(notebook.parent)
    except CourseError as error:
        print(f"You can read and run the lessons here, and save nothing: {error}", file=sys.stderr)
    os.environ.pop(BACKEND_VARIABLE, None)  # which kernels would inherit: see `without_backend`
    LabApp.launch_instance(lab_arguments(ROOT, notebook, port, open_browser))


def find_notebook(lesson: str, root: Path = ROOT) -> Path:
    """The student edition of a lesson, found by its file: a class may have been given no `solutions/`.

    Raises:
        CourseError: there is none; the message lists those there are.
    """
    there = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    wanted = lesson.strip().removesuffix(".ipynb")
    for notebook in there:
        if notebook.stem == wanted or notebook.stem[:2] == wanted.zfill(2):
            return notebook
    have = ", ".join(notebook.stem for notebook in there) or "none yet (`course build` makes them)"
    raise CourseError(f"There is no notebook of lesson {lesson!r}: there are {have}.")


def lab_arguments(root: Path, notebook: Path, port: int | None, browser: bool) -> list[str]:
    """What JupyterLab is called with."""
    arguments = [
        f"--ServerApp.root_dir={root}",  # not `notebooks/`: lessons show pictures from `docs/`
        f"--LabApp.default_url=/lab/tree/{notebook.relative_to(root).as_posix()}",
        "--LabApp.news_url=",  # no question about news, no look for updates: a lesson works offline
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--ServerApp.open_browser={browser}",
    ]
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # in a container one usually is root, and Jupyter refuses otherwise
    return arguments


def has_screen(environment: Mapping[str, str] | None = None, system: str = sys.platform) -> bool:
    """Whether a browser can be expected to open a window here."""
    env = os.environ if environment is None else environment
    if env.get("CI"):
        return False
    if system in ("win32", "darwin"):
        return not env.get("SSH_CONNECTION")
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def _free(port: int) -> bool:
    """Whether nothing listens on this port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0

"""The folder of one run as the home of all that an answer writes: no cache, setting or package outside changes.

The image sets and the weights trained on the spot are read where they are: the guard links them into the run's folder.
pip and its kind do nothing: an answer that installs something goes on at once, with what the course has.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import sys
from pathlib import Path

HOMES = {
    "HOME": "home",
    "USERPROFILE": "home",
    "APPDATA": "home/appdata",
    "LOCALAPPDATA": "home/local",
    "XDG_CACHE_HOME": "home/.cache",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_STATE_HOME": "home/.local/state",
    "TMPDIR": "tmp",
    "TEMP": "tmp",
    "TMP": "tmp",
    "IPYTHONDIR": "ipython",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "jupyter",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "MPLCONFIGDIR": "matplotlib",
    "PIP_TARGET": "installed",  # for a pip that does not find the one below, such as `python -I -m pip`
}
# Where libraries write if these say so; without them, under the home folder.
ELSEWHERE = (
    "TORCH_HOME",
    "HF_HOME",
    "HF_HUB_CACHE",
    "SCIKIT_LEARN_DATA",
    "KERAS_HOME",
    "NUMBA_CACHE_DIR",
    "JOBLIB_TEMP_FOLDER",
)
OUTSIDE_VARIABLE = "COURSE_GRADE_OUTSIDE"  # what the guard needs to find the data: JSON
DATA_VARIABLES = ("COURSE_DATA_DIR", "COURSE_OWN_DIR", "HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME")
INSTALLERS = (
    "pip",
    "pip3",
    "pipx",
    "conda",
    "mamba",
    "micromamba",
    "uv",
    "poetry",
    "easy_install",
    "apt",
    "apt-get",
    "brew",
)
NOTHING = "Nothing is installed during a grade."
PIP = f"""def main(args=None):
    print("{NOTHING}")
    return 0
"""


def environment(folder: Path) -> dict[str, str]:
    """The variables that keep what a run writes inside `folder`. Makes the folders, and the pip that does nothing."""
    homes = {name: folder / place for name, place in HOMES.items()}
    for place in homes.values():
        place.mkdir(parents=True, exist_ok=True)
    _keep_fonts(homes["MPLCONFIGDIR"])
    _pip(folder / "path" / "pip")
    _commands(folder / "commands")
    env = {key: value for key, value in os.environ.items() if key not in ELSEWHERE and not key.startswith("PIP_")}
    outside = {name: os.environ[name] for name in DATA_VARIABLES if name in os.environ}
    env |= {name: str(place) for name, place in homes.items()}
    env |= {OUTSIDE_VARIABLE: json.dumps(outside), "PIP_NO_INDEX": "1", "PIP_NO_INPUT": "1"}
    env["PATH"] = os.pathsep.join([str(folder / "commands"), os.environ.get("PATH", os.defpath)])
    if site.ENABLE_USER_SITE:
        env["PYTHONUSERBASE"] = site.getuserbase()  # where the course itself may have been installed
    return env


def python_path(folder: Path) -> str:
    """The folder that goes first on Python's path."""
    return str(folder / "path")


def _keep_fonts(to: Path) -> None:
    """matplotlib's list of fonts, or it would look through all of them in every run."""
    named = os.environ.get("MPLCONFIGDIR")
    unix = sys.platform.startswith(("linux", "freebsd"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib"
    for file in (Path(named) if named else cache if unix else Path.home() / ".matplotlib").glob("fontlist-*.json"):
        shutil.copyfile(file, to / file.name)


def _pip(package: Path) -> None:
    """A `pip` for `import pip`, for `python -m pip` and for the command, whose script imports `pip._internal`."""
    inner = package / "_internal" / "cli"
    inner.mkdir(parents=True, exist_ok=True)
    for file in (
        package / "__init__.py",
        package / "_internal" / "__init__.py",
        inner / "__init__.py",
        inner / "main.py",
    ):
        file.write_text(PIP, encoding="utf-8")
    (package / "__main__.py").write_text("from pip import main\n\nmain()\n", encoding="utf-8")


def _commands(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in INSTALLERS:
        if os.name == "nt":
            (folder / f"{name}.cmd").write_text(f"@echo {NOTHING}\r\n", encoding="utf-8")
        else:
            command = folder / name
            command.write_text(f"#!/bin/sh\necho '{NOTHING}'\n", encoding="utf-8")
            command.chmod(0o755)

"""Where Chromium or Chrome is. Only the browser tests need one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from course_tools.doctor.finding import OPTIONAL, Finding, short

VARIABLE = "COURSE_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
MAC = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")
WINDOWS = ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe")
REMEDY = (
    "for the browser tests, install Chromium (Debian and Ubuntu: `apt-get install chromium`), "
    f"or set {VARIABLE} to the program."
)


def find_chromium() -> str | None:
    """The program's path: what COURSE_CHROMIUM says, else what is on the path, else the usual place of each system."""
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return named if Path(named).is_file() else None
    for name in NAMES:
        if found := shutil.which(name):
            return found
    places: list[Path] = []
    if sys.platform == "darwin":
        places = [Path("/Applications") / name for name in MAC]
    elif sys.platform == "win32":
        roots = [os.environ.get(key) for key in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        places = [Path(root) / name for root in roots if root for name in WINDOWS]
    return next((str(place) for place in places if place.is_file()), None)


def finding() -> Finding:
    """Chromium, which a student can do without."""
    found = find_chromium()
    return Finding("Chromium", short(found)) if found else Finding("Chromium", "not found", OPTIONAL, REMEDY)

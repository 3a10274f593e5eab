"""Data files of a package that code names: "style.css", or "*.json"."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from pathlib import Path

RESULTS = ("studies", "results")  # folders of stored results, which count where a lesson has loaded them
_CODE = (".py", ".pyc", ".pyi")


class Named:
    """The files below a folder, found by their names; each folder is listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, list[Path]] = {}

    def by(self, strings: Iterable[str], folder: Path) -> set[Path]:
        """The data files below a folder that one of these strings names."""
        names = {text.rpartition("/")[2] for text in strings}
        names = {name for name in names if name and not name.startswith(".")}
        return {
            path
            for name in names
            for path in self._below(folder)
            if path.name == name or ("*" in name and fnmatch.fnmatchcase(path.name, name))
        }

    def _below(self, folder: Path) -> list[Path]:
        if folder not in self._listed:
            every = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in _CODE]
            self._listed[folder] = [path for path in every if path.parent.name not in RESULTS]
        return self._listed[folder]

"""The course's data, linked into the run's folder: an answer reads them, and what it adds stays in that folder."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

DATA_VARIABLE, OWN_VARIABLE = "COURSE_DATA_DIR", "COURSE_OWN_DIR"
OUTSIDE_VARIABLE = "COURSE_GRADE_OUTSIDE"  # what `process` found in the environment of whoever grades: JSON


def link_data() -> None:
    """Make folders of links to what is in the course's two folders, and name them to the course."""
    outside = os.environ.pop(OUTSIDE_VARIABLE, "")
    if not outside:
        return
    with _as(json.loads(outside)):
        from course_utils.places import data_folder, own_folder

        real = {DATA_VARIABLE: data_folder(), OWN_VARIABLE: own_folder()}
    own = {folder: Path(f"data-{number}").absolute() for number, folder in enumerate(dict.fromkeys(real.values()))}
    with contextlib.suppress(OSError, NotImplementedError):  # where no links can be made the data are used as they are
        for folder, place in own.items():
            _mirror(folder, place)
        real = {variable: own[folder] for variable, folder in real.items()}
    os.environ.update({variable: str(folder) for variable, folder in real.items()})


def _mirror(real: Path, own: Path) -> None:
    own.mkdir(exist_ok=True)
    for item in sorted(real.iterdir()) if real.is_dir() else []:
        if item.is_dir():
            _mirror(item, own / item.name)
        elif item.suffix not in (".part", ".lock") and item.name != ".lock":
            try:
                (own / item.name).symlink_to(item)
            except OSError:  # Windows asks for a privilege
                os.link(item, own / item.name)


@contextlib.contextmanager
def _as(variables: dict[str, str]) -> Iterator[None]:
    """These environment variables, for a moment; the course's folders are the caller's or none."""
    before = dict(os.environ)
    for name in (DATA_VARIABLE, OWN_VARIABLE):
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)

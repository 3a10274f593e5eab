"""Which image sets are here, and fetching those that are not."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from course_tools.doctor.finding import OPTIONAL, Finding

MADE_HERE = {"flowers": "drawn on the spot", "digits": "inside scikit-learn"}


def here(name: str) -> Path | None:
    """The folder of a downloaded set, if any of its files is there."""
    from course_utils import data

    for folder in data.folders(name):
        files = [file for file in folder.rglob("*") if file.is_file() and file.suffix in ("", ".gz", ".bin")]
        if [file for file in files if not file.name.startswith(".")]:
            return folder
    return None


def finding() -> Finding:
    """All sets in one line. Nothing is needed: the default one is drawn."""
    from course_utils import data

    there = [name for name in data.NAMES if name in MADE_HERE or here(name)]
    absent = [name for name in data.NAMES if name not in there]
    if not absent:
        return Finding("image sets", ", ".join(there))
    remedy = f"`course data {' '.join(absent)}` fetches the others; the lessons' default is flowers."
    return Finding("image sets", ", ".join(there), OPTIONAL, remedy)


def table() -> Table:
    """A row for each set: where it is, or how to get it."""
    from course_utils import data

    rows = Table(title=f"Image sets in {escape(str(data.cache_dir()))}", title_justify="left")
    rows.add_column("name", no_wrap=True)
    rows.add_column("where", overflow="fold")
    for name in data.NAMES:
        folder = here(name)
        place = MADE_HERE.get(name) or (str(folder) if folder else f"not here yet: `course data {name}` fetches it")
        rows.add_row(name, escape(place))
    return rows


def fetch(name: str) -> str:
    """Load a set once, which downloads and checks it where it is not here yet. Returns what to say.

    Raises:
        CourseError: no such set, or it cannot be had.
    """
    from course_utils import data

    counts = [len(data.load(name, split=split)) for split in ("train", "test")]
    where = MADE_HERE.get(name) or str(here(name))
    if name == "flowers":
        return f"flowers: {where}, as many as you like."
    return f"{name}: {counts[0]:,} images to train on, {counts[1]:,} to test on; {where}."

"""Writing a file all at once, and only if there is something new to write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from course_utils.places import unwritable


def write_atomically(target: Path, content: bytes) -> None:
    """Write `target` in one step: whoever looks sees the old file or the new one, never a part, even after a crash.

    Raises:
        CourseError: the disk is full, or the place cannot be written to. What was there is there still.
    """
    write_together({target: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files that belong together: none gets its name before all are on the disk.

    Raises:
        CourseError: as for `write_atomically`.
    """
    written: dict[Path, Path] = {}
    target = Path()
    try:
        for target, content in contents.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
            written[target] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            written[target].chmod(0o644)  # mkstemp makes it private; it is to be as readable as its neighbours
        for target, temporary in written.items():
            temporary.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def write_if_changed(target: Path, content: bytes) -> bool:
    """Write `target` unless it holds these bytes already. Returns whether it wrote.

    Raises:
        CourseError: as for `write_atomically`.
    """
    if target.is_file() and target.read_bytes() == content:
        return False
    write_atomically(target, content)
    return True


def check_writable(folder: Path) -> None:
    """Make a folder and try it, better before a long piece of work than after.

    Raises:
        CourseError: files cannot be made there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # permission bits alone do not tell, on network drives or as root
    except OSError as error:
        raise unwritable(folder, error) from error

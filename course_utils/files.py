"""Writing a file all at once, and only if there is something new to write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_atomically(target: Path, content: bytes) -> None:
    """Write `target` in one step: whoever looks sees the old file or the new one, never a part, even after a crash."""
    write_together({target: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together, each in one step: if the disk is full, all of them stay as they were."""
    temporaries: list[Path] = []
    try:
        for target, content in contents.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
            temporaries.append(Path(name))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).chmod(0o644)  # mkstemp makes it private; it is to be as readable as its neighbours
        for temporary, target in zip(temporaries, contents, strict=True):
            temporary.replace(target)
    except BaseException:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)
        raise


def write_if_changed(target: Path, content: bytes) -> bool:
    """Write `target` unless it holds these bytes already. Returns whether it wrote."""
    if target.is_file() and target.read_bytes() == content:
        return False
    write_atomically(target, content)
    return True

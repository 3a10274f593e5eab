"""A folder that cannot be written to, for root too.

Permissions do not stop root, as whom a container runs the tests, and a file system cannot be mounted everywhere. An
audit hook sees every call by which Python opens, makes, moves or deletes a file, whoever is the user; inside a sealed
folder it refuses those that would change something. The text of this file also serves as `sitecustomize` of another
process, so that a notebook's kernel meets the same folder.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

FOLDERS: dict[str, int] = {}  # folder -> the number of the error
_CHANGES = {"os.mkdir": 1, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2, "os.chmod": 1}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def seal(folder: Any, number: int = errno.EROFS) -> None:
    """From now on nothing below `folder` can be written: EROFS as where it is read-only, ENOSPC as on a full disk."""
    FOLDERS[os.path.abspath(folder)] = number  # noqa: PTH100 - text for another process, kept small


def inside(path: Any) -> str | None:
    """The sealed folder in which a path lies."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
    return next((folder for folder in FOLDERS if whole == folder or whole.startswith(folder + os.sep)), None)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not FOLDERS:
        return
    if event == "open":
        changed = arguments[:1] if (arguments[2] or 0) & _WRITING else ()
    else:
        changed = arguments[: _CHANGES.get(event, 0)]
    for path in changed:
        folder = inside(path)
        if folder is not None:
            raise OSError(FOLDERS[folder], os.strerror(FOLDERS[folder]), os.fsdecode(path))


_access = os.access


def _access_too(path: Any, mode: int, **choices: Any) -> bool:
    folder = inside(path) if mode & os.W_OK else None
    return _access(path, mode, **choices) and (folder is None or FOLDERS[folder] != errno.EROFS)


os.access = _access_too
sys.addaudithook(_refuse)

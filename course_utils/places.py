"""Where things lie: the folder that image sets are read from, and the folder of what a person makes.

| what | where |
|---|---|
| image sets to be read: may be shared and read-only | what COURSE_DATA_DIR names, else the platform's cache folder |
| downloads, unfinished trainings, weights trained on the spot | what COURSE_OWN_DIR names, else the same |

Nothing is ever written into the folder that COURSE_DATA_DIR names, unless COURSE_OWN_DIR names it too. A relative path
starts at the course's folder, so that it means the same in the command, in a notebook and in a test.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from course_utils.environment import DATA_VARIABLE, OWN_VARIABLE
from course_utils.errors import CourseError, UnwritableError

APP_NAME = "diffusion-course"
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that image sets are read from, one sub-folder a set.

    Raises:
        CourseError: COURSE_DATA_DIR names a relative path, and there is no checkout that it could start from.
    """
    return _named(DATA_VARIABLE, environment) or _platforms()


def own_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of what a person makes.

    Raises:
        CourseError: as for `data_folder`.
    """
    return _named(OWN_VARIABLE, environment) or _platforms()


def checkout() -> Path | None:
    """The course's folder, which holds `pyproject.toml`; None if the package was installed without one."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else None


def is_full(error: OSError) -> bool:
    """Whether it is for want of room that something could not be written."""
    return error.errno in _FULL


def is_unwritable(error: OSError) -> bool:
    """Whether something could not be written, for want of room or of permission."""
    return is_full(error) or error.errno in _FORBIDDEN


def unwritable(path: Path, error: OSError, variable: str = "") -> UnwritableError:
    """The sentence for a file or folder that could not be written. What to do depends on where it lies.

    Args:
        path: the file or folder.
        error: why not.
        variable: the environment variable that chooses the place; left out, COURSE_OWN_DIR in a person's own folder.
    """
    variable = variable or (OWN_VARIABLE if path.is_relative_to(own_folder()) else "")
    if is_full(error):
        other = f", or set {variable} to a folder on another disk" if variable else ""
        return UnwritableError(f"The disk is full, so {path} was not written: free some space{other}.")
    root = checkout()
    if variable:
        what = f"set {variable} to a folder that you may write to"
    elif root is not None and path.is_relative_to(root):
        what = "copy the course to a folder that you may write to, and work there"
    else:
        what = "name a place that you may write to"
    return UnwritableError(f"{path} cannot be written ({error.strerror or error}): {what}.")


def _platforms() -> Path:
    return Path(platformdirs.user_cache_dir(APP_NAME))


def _named(variable: str, environment: Mapping[str, str]) -> Path | None:
    """What a variable names; None if it is not set."""
    said = environment.get(variable, "").strip()
    if not said:
        return None
    path, root = Path(said).expanduser(), checkout()
    if path.is_absolute():
        return path
    if root is None:
        raise CourseError(
            f"{variable} is {said!r}, which would be another folder in every process: set {variable} to a whole path."
        )
    return root / path

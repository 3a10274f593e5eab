"""Finding the files of the image sets, and downloading one without ever leaving half a file behind.

A set is looked for in the folder that COURSE_DATA_DIR names, then in the person's own; a download goes to the latter.

A download goes to `NAME.part` beside its destination, is checked there, and is then renamed. The rename is
atomic, so a file under its final name is a whole and checked one. A lock makes a second process
wait and use what the first one fetched; the operating system releases it when its owner dies. A `.part` file
found by the lock's holder is therefore the remains of a crash, and is overwritten.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import filelock
import pooch
import requests

from course_utils.environment import DATA_VARIABLE
from course_utils.errors import CourseError
from course_utils.places import data_folder, own_folder, unwritable

AGAIN = "delete it, and the next call downloads it anew; or put a good copy there"
_WAIT_FOR_OTHER = 3600.0  # seconds to wait for another process that is downloading the same set
_TIMEOUT = 30.0  # seconds without a byte before a server counts as unreachable


def folders(name: str) -> list[Path]:
    """Where a set may lie: first among what may be shared, then in the person's own folder."""
    return list(dict.fromkeys([data_folder() / name, own_folder() / name]))


def find(places: Sequence[Path], *names: str) -> Path | None:
    """The first of `names`, or of the same with `.gz` added, that is a file in one of the folders `places`."""
    for folder in places:
        for name in names:
            for candidate in (folder / name, folder / f"{name}.gz"):
                if candidate.is_file():
                    return candidate
    return None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make `folder` and hold its lock, so that one process at a time changes it. If it stays empty, it goes again."""
    lock = filelock.FileLock(str(folder.with_name(f".{folder.name}.lock")), timeout=_WAIT_FOR_OTHER)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        folder.mkdir(exist_ok=True)  # now: whoever held the lock before may have taken an empty one away
    except filelock.Timeout as error:
        raise CourseError(
            f"Another process has been downloading into {folder} for an hour: stop it, or wait, and try again."
        ) from error
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()
        lock.release()


def download(urls: list[str], target: Path, check: Callable[[Path], str | None]) -> None:
    """Fetch the first of `urls` that answers to `target`. The caller holds the lock of its folder.

    Args:
        urls: the publisher's address, then mirrors.
        target: the final path. Nothing is ever written there but a whole, checked file.
        check: given the path of the download, says what is wrong with it, or None.
    """
    part = target.with_name(target.name + ".part")
    trouble = ""
    try:
        for url in urls:
            try:
                fetch = pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT)
                fetch(url, str(part), None)
            except requests.exceptions.RequestException as error:
                trouble = _reason(error)
                continue
            wrong = check(part)
            if wrong is None:
                part.replace(target)
                return
            trouble = wrong
        raise CourseError(
            f"{target.name} could not be downloaded ({trouble}; tried {', '.join(urls)}): connect to the internet "
            f"and try again, or put the file into {target.parent} yourself."
        )
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):  # also after Ctrl-C: no half-written file stays
            part.unlink(missing_ok=True)


def _reason(error: requests.exceptions.RequestException) -> str:
    """Why a download failed, in a few words, without the chain of library errors."""
    if error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.exceptions.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the download broke off before its end"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection"
    return type(error).__name__


def digest(path: Path, kind: str) -> str:
    """The checksum of a file as it lies there. `kind` is "md5" or "sha256"."""
    # MD5 is what two publishers give; it guards against accidents here, not against attackers.
    state = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
    return state.hexdigest()


def read(path: Path, remedy: str = AGAIN) -> bytes:
    """The bytes of a file, decompressed if it is gzip (told by its first two bytes, not by its name).

    Raises:
        CourseError: it is damaged, with what to do about it, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if not packed:
            return path.read_bytes()
        with gzip.open(path, "rb") as file:
            return file.read()
    except (gzip.BadGzipFile, zlib.error) as error:
        raise damaged(path, f"its gzip data are corrupt: {error}", remedy) from error
    except EOFError as error:
        raise damaged(path, "it breaks off before its end", remedy) from error
    except OSError as error:
        raise CourseError(
            f"{path} cannot be read ({error.strerror or error}): check the file and its permissions."
        ) from error


def damaged(path: Path, what: str, remedy: str = AGAIN) -> CourseError:
    """The sentence for a file whose content is not what it should be."""
    return CourseError(f"{path} is damaged ({what}): {mend(path, remedy)}.")


def mend(path: Path, remedy: str) -> str:
    """What to do about a file that is no good: the remedy, or another where its folder is shared and read-only."""
    if os.access(path.parent, os.W_OK) or path.is_relative_to(own_folder()):
        return remedy
    return (
        f"ask whoever keeps the folder for a good copy, or take {DATA_VARIABLE} away, and the next call downloads "
        "one of your own"
    )

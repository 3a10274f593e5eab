"""CIFAR-10 (Krizhevsky, 2009) in its publisher's binary format.

A record is one label byte, then 3,072 bytes: the red, the green and the blue plane of a 32 x 32 photo. The set
is published as one archive with five training batches and a test batch of 10,000 records each.

What is checked: a downloaded archive must have the publisher's MD5. It is unpacked into a folder `downloaded`, which is
whole or is downloaded anew. Batches that you put there yourself (`data_batch_*.bin`, `test_batch.bin`, each gzipped or
not, in the folder or in `cifar-10-batches-bin` below it) are checked by structure instead: whole records, and labels
from 0 to 9. They may be fewer than five, if they are the first ones.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from course_utils.data import cache
from course_utils.data.imageset import ImageSet, check_split, shuffled, to_images
from course_utils.errors import CourseError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
URLS = ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"]
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"  # as the archive unpacks
DOWNLOADED = "downloaded"
BATCHES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = "test_batch.bin"
_RECORD = 1 + 3 * 32 * 32
_BY_HAND = "put a good copy there; or move all batches away, and the next call downloads the whole set"


def load(n: int | None, size: int | None, split: str, seed: int, fewer: bool = False) -> ImageSet:
    """CIFAR-10 as an ImageSet: (N, 3, 32, 32), or (N, 3, size, size)."""
    check_split(split)
    there = _there(split) or _obtain(split)
    paths = [path for name, path in there.items() if (name == TEST) == (split == "test")]
    records = np.concatenate([_records(path) for path in paths])
    rows = shuffled(len(records), n, seed, "cifar10", split, fewer=fewer)
    chosen = records[rows]
    return ImageSet(
        name="cifar10",
        images=to_images(chosen[:, 1:].reshape(-1, 3, 32, 32), size),
        labels=torch.from_numpy(chosen[:, 0].astype(np.int64)),
        classes=CLASSES,
    )


def _there(split: str) -> dict[str, Path]:
    """The batches of the first folder that has any, in their order: name -> path. Empty if no folder has."""
    for folder in cache.folders("cifar10"):
        for place in (folder, folder / FOLDER, folder / DOWNLOADED):
            found = {name: path for name in (*BATCHES, TEST) if (path := cache.find([place], name)) is not None}
            if place.name == DOWNLOADED and len(found) < len((*BATCHES, TEST)):
                continue  # one was deleted: the next call downloads them all
            if found:
                _check_gaps(place, found, split)
                return found
    return {}


def _check_gaps(place: Path, found: dict[str, Path], split: str) -> None:
    """Batches put there by hand may be the first ones only: say how many, and refuse if one before another is gone."""
    count = 1 + max((i for i, name in enumerate(BATCHES) if name in found), default=0)
    for name in BATCHES[:count] if split == "train" else (TEST,):
        if name not in found:
            other = next(iter(found.values()))
            remedy = "put it beside it, or move the other batches away, and the next call downloads the whole set"
            raise CourseError(
                f"{name} is missing in {place}, though {other.name} is there: {cache.mend(other, remedy)}."
            )
    if count < len(BATCHES) and split == "train":
        _say_few(count)


@functools.cache
def _say_few(batches: int) -> None:
    """Once, so that nobody takes a part for the whole."""
    print(f"cifar10: {batches} of {len(BATCHES)} training batches are here.")


def _records(path: Path) -> np.ndarray:
    """uint8 (N, 3073): a label and a photo in each row."""
    remedy = cache.AGAIN if path.parent.name == DOWNLOADED else _BY_HAND
    raw = cache.read(path, remedy)
    if not raw or len(raw) % _RECORD:
        what = f"its {len(raw):,} bytes are not a whole number of records of {_RECORD:,} bytes"
        raise cache.damaged(path, what, remedy)
    records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, _RECORD)
    if records[:, 0].max() > 9:
        raise cache.damaged(path, f"it has a label {records[:, 0].max()}, and labels go from 0 to 9", remedy)
    return records


def _obtain(split: str) -> dict[str, Path]:
    """Download the archive, unless it is there, and unpack it. Needs 350 MB while it works, 180 MB after."""
    places = cache.folders("cifar10")
    own = places[-1]
    with cache.locked(own):
        if there := _there(split):
            return there  # another process did it while we waited
        given = cache.find(places, ARCHIVE)
        archive = given or own / ARCHIVE
        if given is None:
            cache.download(URLS, archive, _wrong)
        _unpack(archive, own / DOWNLOADED)
        if given is None:  # a file that the user put there is the user's
            with contextlib.suppress(OSError):
                archive.unlink()
    return _there(split)


def _wrong(part: Path) -> str | None:
    return None if cache.digest(part, "md5") == MD5 else "its checksum is not the publisher's"


def _unpack(archive: Path, target: Path) -> None:
    """Unpack the six batches into a folder that gets its final name when all of them are whole."""
    part = target.with_name(target.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # what a crash may have left
        part.mkdir()
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = Path(member.name).name  # a path in an archive is never followed
                source = tar.extractfile(member) if member.isfile() and name in (*BATCHES, TEST) else None
                if source is not None:
                    with source, (part / name).open("wb") as file:
                        shutil.copyfileobj(source, file, 1 << 20)
        missing = [name for name in (*BATCHES, TEST) if not (part / name).is_file()]
        if missing:
            raise cache.damaged(archive, f"it lacks {', '.join(missing)}")
        shutil.rmtree(target, ignore_errors=True)  # an empty or broken folder of that name: nothing in it was usable
        part.replace(target)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise cache.damaged(archive, "it is not a whole tar.gz archive") from error
    except OSError as error:
        if "gzip" in type(error).__name__.lower():  # gzip.BadGzipFile is an OSError
            raise cache.damaged(archive, "it is not a whole tar.gz archive") from error
        raise cache.unwritable(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)

"""CIFAR-10 (Krizhevsky, 2009) in its publisher's binary format.

A record is one label byte, then 3,072 bytes: the red, the green and the blue plane of a 32 x 32 photo. The set
is published as one archive with five training batches and a test batch of 10,000 records each.

What is checked: a downloaded archive must have the publisher's MD5. Files that you put into the folder yourself
(`data_batch_*.bin`, `test_batch.bin`, each gzipped or not, in the folder or in `cifar-10-batches-bin` below it,
however many batches there are) are checked by structure instead: whole records, and labels from 0 to 9.
"""

from __future__ import annotations

import contextlib
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
FOLDER = "cifar-10-batches-bin"
BATCHES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = "test_batch.bin"
_RECORD = 1 + 3 * 32 * 32


def load(n: int | None, size: int | None, split: str, seed: int, fewer: bool = False) -> ImageSet:
    """CIFAR-10 as an ImageSet: (N, 3, 32, 32), or (N, 3, size, size)."""
    check_split(split)
    folder = cache.cache_dir() / "cifar10"
    wanted = BATCHES if split == "train" else (TEST,)
    paths = _present(folder, wanted)
    if not paths:
        others = _present(folder, (*BATCHES, TEST))
        if others:
            raise CourseError(
                f"{' or '.join(wanted[:1])} is missing in {others[0].parent}, though {others[0].name} is there: put it "
                "beside it, or move the other batches away, and the next call downloads the whole set."
            )
        _obtain(folder)
        paths = _present(folder, wanted)
    records = np.concatenate([_records(path) for path in paths])
    rows = shuffled(len(records), n, seed, "cifar10", split, fewer=fewer)
    chosen = records[rows]
    return ImageSet(
        name="cifar10",
        images=to_images(chosen[:, 1:].reshape(-1, 3, 32, 32), size),
        labels=torch.from_numpy(chosen[:, 0].astype(np.int64)),
        classes=CLASSES,
    )


def _present(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Those of the batches that are there, in the folder itself or as the archive unpacks."""
    for place in (folder, folder / FOLDER):
        found = [path for name in names if (path := cache.find(place, name)) is not None]
        if found:
            return found
    return []


def _records(path: Path) -> np.ndarray:
    """uint8 (N, 3073): a label and a photo in each row."""
    raw = cache.read(path)
    if not raw or len(raw) % _RECORD:
        raise cache.damaged(path, f"its {len(raw):,} bytes are not a whole number of records of {_RECORD:,} bytes")
    records = np.frombuffer(raw, dtype=np.uint8).reshape(-1, _RECORD)
    if records[:, 0].max() > 9:
        raise cache.damaged(path, f"it has a label {records[:, 0].max()}, and labels go from 0 to 9")
    return records


def _obtain(folder: Path) -> None:
    """Download the archive, unless it is there, and unpack it. Needs 350 MB while it works, 180 MB after."""
    with cache.locked(folder):
        if _present(folder, (*BATCHES, TEST)):
            return  # another process did it while we waited
        archive = folder / ARCHIVE
        given = archive.is_file()
        if not given:
            cache.download(URLS, archive, _wrong)
        _unpack(archive, folder / FOLDER)
        if not given:  # a file that the user put there is the user's
            with contextlib.suppress(OSError):
                archive.unlink()


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

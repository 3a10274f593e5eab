"""MNIST and Fashion-MNIST: one loader for the IDX format in which both are published.

An IDX file is four bytes (0, 0, 8 for unsigned bytes, the number of dimensions), each dimension as
a big-endian 32-bit integer, then the values. Files may be gzipped or not.

What is checked: a download must have the publisher's checksum (MNIST: SHA-256 of the decompressed bytes, since
mirrors compress differently; Fashion-MNIST: the MD5 of the gzip file that its authors list). A file that you
put into the folder yourself is checked by structure instead: header, length, and labels from 0 to 9.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from course_utils.data import cache
from course_utils.data.imageset import ImageSet, check_split, shuffled, to_images
from course_utils.errors import CourseError

_SIDE = 28


@dataclass(frozen=True)
class Published:
    """Where a data set is published: base addresses in order of preference, classes, checksums by file."""

    bases: tuple[str, ...]
    classes: tuple[str, ...]
    checksums: dict[str, str]


PUBLISHED: dict[str, Published] = {
    "mnist": Published(
        bases=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        classes=tuple("0123456789"),
        checksums={  # sha256: of the decompressed bytes
            "train-images-idx3-ubyte": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion_mnist": Published(
        bases=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        classes=(
            "t-shirt",
            "trousers",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "trainer",
            "bag",
            "ankle boot",
        ),
        checksums={  # md5: of the gzip file, as its authors publish it
            "train-images-idx3-ubyte": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}


def load(name: str, n: int | None, size: int | None, split: str, seed: int, fewer: bool = False) -> ImageSet:
    """MNIST or Fashion-MNIST as an ImageSet: (N, 1, 28, 28), or (N, 1, size, size)."""
    check_split(split)
    stem = "train" if split == "train" else "t10k"
    image_path = _locate(name, f"{stem}-images-idx3-ubyte")
    label_path = _locate(name, f"{stem}-labels-idx1-ubyte")
    pixels = parse(cache.read(image_path), 3, image_path)
    labels = parse(cache.read(label_path), 1, label_path)
    if pixels.shape[1:] != (_SIDE, _SIDE):
        raise cache.damaged(
            image_path, f"its images are {pixels.shape[1]} x {pixels.shape[2]} px, not {_SIDE} x {_SIDE}"
        )
    if len(pixels) != len(labels):
        raise CourseError(
            f"{image_path} holds {len(pixels):,} images and {label_path.name} holds {len(labels):,} labels, so they "
            f"are not of one set: {cache.mend(image_path, 'delete both, and the next call downloads them anew')}."
        )
    if labels.max() > 9:
        raise cache.damaged(label_path, f"it has a label {labels.max()}, and labels go from 0 to 9")
    rows = shuffled(len(pixels), n, seed, name, split, fewer=fewer)
    return ImageSet(
        name=name,
        images=to_images(pixels[rows][:, None], size),
        labels=torch.from_numpy(labels[rows].astype(np.int64)),
        classes=PUBLISHED[name].classes,
    )


def parse(raw: bytes, dimensions: int, path: Path) -> np.ndarray:
    """The uint8 array of an IDX file. `path` is named in the error if the bytes are not one."""
    header = 4 + 4 * dimensions
    if len(raw) < header:
        raise cache.damaged(path, "it is too short to hold even a header")
    if raw[:4] != bytes((0, 0, 8, dimensions)):
        raise cache.damaged(path, f"it does not begin as an IDX file of {dimensions} dimension(s) does")
    shape = struct.unpack(f">{dimensions}I", raw[4:header])
    expected = int(np.prod(shape, dtype=np.float64))
    if len(raw) - header != expected or expected == 0:
        raise cache.damaged(path, f"it holds {len(raw) - header:,} values and its header promises {expected:,}")
    return np.frombuffer(raw, dtype=np.uint8, offset=header).reshape(shape)


def _locate(name: str, file: str) -> Path:
    """The path of one file, downloaded first if it is not there."""
    places = cache.folders(name)
    plain = file.replace("-idx", ".idx")  # some unpackers write train-images.idx3-ubyte
    found = cache.find(places, file, plain)
    if found is not None:
        return found
    folder = places[-1]
    with cache.locked(folder):
        found = cache.find([folder], file, plain)  # another process may have fetched it while we waited
        if found is None:
            found = folder / f"{file}.gz"
            urls = [base + found.name for base in PUBLISHED[name].bases]
            cache.download(urls, found, lambda part: _wrong(part, PUBLISHED[name].checksums[file]))
    return found


def _wrong(part: Path, checksum: str) -> str | None:
    """What is wrong with a download, or None if it has the publisher's checksum."""
    kind, expected = checksum.split(":")
    if kind == "md5":
        got = cache.digest(part, "md5")
    else:
        try:
            got = hashlib.sha256(cache.read(part)).hexdigest()
        except CourseError:
            return "the download was cut short or changed on its way"
    return None if got == expected else "its checksum is not the publisher's"

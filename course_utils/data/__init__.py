"""The image sets of the course behind one function, `load`.

| name | images | from where |
|---|---|---|
| flowers | drawn flowers with attributes and captions, any size from 16 to 128 px | made on the spot |
| digits | 1,797 handwritten digits, 8 x 8 px | scikit-learn |
| mnist, fashion_mnist | 70,000 images each, 28 x 28 px | downloaded once, with checksums |
| cifar10 | 60,000 colour photos, 32 x 32 px | downloaded once, with a checksum |

Sets are read from `cache_dir()`, in a folder with the set's name: what the environment variable COURSE_DATA_DIR names,
to which nothing is ever written. What is not there is downloaded, once, into your own folder: what COURSE_OWN_DIR
names. Left out, both are the platform's cache folder for the course. A download must have the publisher's checksum;
files that you put there yourself are checked by their structure instead, so that a subset, or a set of your own in
the same format, can be used.
"""

from __future__ import annotations

from course_utils.data import cifar, digits, flowers, idx
from course_utils.data.cache import folders
from course_utils.data.imageset import ImageSet
from course_utils.errors import CourseError
from course_utils.places import data_folder as cache_dir

__all__ = ["NAMES", "ImageSet", "cache_dir", "fingerprint", "flowers", "folders", "load"]

NAMES = ("flowers", "digits", "mnist", "fashion_mnist", "cifar10")
SMALLEST, LARGEST = 4, 512


def load(
    name: str,
    n: int | None = None,
    size: int | None = None,
    split: str = "train",
    seed: int = 0,
    *,
    most: int | None = None,
) -> ImageSet:
    """Load an image set.

    Args:
        name: one of `NAMES`.
        n: how many images. Left out: 1,024 flowers, or all of a real set.
        size: width and height in pixels. Left out: 32 for flowers, as published for the others. A real
            set is resized with antialiasing.
        split: "train" or "test". The two never share an image.
        seed: which flowers, or the order of a real set. With the same seed, a larger `n` begins with the
            images of a smaller one, at every size.
        most: in the place of `n`: this many, or all of a real set that has fewer.

    Returns:
        An `ImageSet`; its images are float32 (n, C, size, size) in [-1, 1].

    Raises:
        CourseError: an unknown name or impossible number; a file that is missing and cannot be
            downloaded, or is damaged. The message says what to do.
    """
    if name not in NAMES:
        raise CourseError(f'There is no image set called "{name}": choose one of {", ".join(NAMES)}.')
    if n is not None and n < 1:
        raise CourseError(f"You asked for n = {n} images: ask for 1 or more.")
    if most is not None and n is not None:
        raise CourseError(f"You asked for n = {n} images and for most = {most}: give one of the two.")
    if most is not None and most < 1:
        raise CourseError(f"You asked for most = {most} images: ask for 1 or more.")
    if size is not None and not SMALLEST <= size <= LARGEST:
        raise CourseError(f"You asked for size = {size} px: choose {SMALLEST} to {LARGEST}.")
    count, fewer = (n, False) if most is None else (most, True)
    if name == "flowers":
        return flowers.load(count, size, split, seed)
    if name == "digits":
        return digits.load(count, size, split, seed, fewer)
    if name == "cifar10":
        return cifar.load(count, size, split, seed, fewer)
    return idx.load(name, count, size, split, seed, fewer)


def fingerprint(name: str) -> list[float]:
    """The mean of each of the first 16 training images at 32 px: tells whether the images are still those of a card.

    Raises:
        CourseError: as for `load`.
    """
    return [round(mean, 4) for mean in load(name, n=16, size=32).images.mean(dim=(1, 2, 3)).tolist()]

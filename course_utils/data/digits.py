"""Handwritten digits of 8 x 8 px that come with scikit-learn, so there is nothing to download."""

from __future__ import annotations

import numpy as np
import torch

from course_utils.data.hashing import hash64
from course_utils.data.imageset import ImageSet, check_split, shuffled, to_images

CLASSES = tuple("0123456789")
_TEST = 360  # of 1,797


def load(n: int | None, size: int | None, split: str, seed: int, fewer: bool = False) -> ImageSet:
    """The digits as an ImageSet: (N, 1, 8, 8), or (N, 1, size, size). 1,437 to train, 360 to test.

    They have no published split that would be the same for everybody: a fixed fifth of them, the same for
    every seed, is the test set.
    """
    from sklearn.datasets import load_digits  # takes a second to import, so only when wanted

    check_split(split)
    bunch = load_digits()
    pixels = bunch.images.astype(np.uint8)[:, None]  # (1797, 1, 8, 8), values 0 to 16
    labels = bunch.target.astype(np.int64)
    order = np.argsort(hash64(0, "digits", "split", index=np.arange(len(labels))), kind="stable")
    mine = order[_TEST:] if split == "train" else order[:_TEST]
    rows = mine[shuffled(len(mine), n, seed, "digits", split, fewer=fewer)]
    return ImageSet(
        name="digits",
        images=to_images(pixels[rows], size, top=16),
        labels=torch.from_numpy(labels[rows]),
        classes=CLASSES,
    )

"""What every loader returns, an `ImageSet`, and the two steps that make one: ordering and resizing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from course_utils.data.hashing import hash64
from course_utils.errors import CourseError

SPLITS = ("train", "test")
_CHUNK = 4096  # images converted at a time, so that a large set needs little more memory than its result


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Images with their labels, and for drawn flowers what is in each picture.

    Attributes:
        name: the data set's name, as given to `load`.
        images: float32 (N, C, H, W) in [-1, 1].
        labels: int64 (N,), an index into `classes`.
        classes: the name of each label.
        table: one row an image with its attributes (flowers), else None.
        captions: one sentence an image (flowers), else None.

    `len(s)` is N. `s[3]`, `s[:10]`, `s[[1, 5]]` and `s[mask]` are ImageSets again, of one or more images.
    """

    name: str
    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]
    table: pd.DataFrame | None = None
    captions: list[str] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int | slice | Sequence[int] | np.ndarray | torch.Tensor) -> ImageSet:
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"index {index} is outside an image set of {len(self)} images")
            index = [int(index)]
        if isinstance(index, torch.Tensor):
            index = index.detach().cpu().numpy()
        rows = np.atleast_1d(np.arange(len(self))[index])
        where = torch.from_numpy(rows)
        return ImageSet(
            name=self.name,
            images=self.images[where],
            labels=self.labels[where],
            classes=self.classes,
            table=None if self.table is None else self.table.iloc[rows].reset_index(drop=True),
            captions=None if self.captions is None else [self.captions[i] for i in rows],
        )

    def __iter__(self) -> Iterator[ImageSet]:
        return (self[i] for i in range(len(self)))

    def one_of_each(self) -> ImageSet:
        """The first image of each class that occurs, in the order of `classes`."""
        labels = self.labels.tolist()
        return self[[labels.index(k) for k in range(len(self.classes)) if k in labels]]

    def __repr__(self) -> str:
        shape = " x ".join(str(d) for d in self.images.shape[1:])
        return f"ImageSet({self.name}: {len(self):,} images of {shape}, {len(self.classes)} classes)"


def check_split(split: str) -> None:
    """Raise CourseError unless `split` is "train" or "test"."""
    if split not in SPLITS:
        raise CourseError(f'There is no split called "{split}": choose "train" or "test".')


def shuffled(count: int, n: int | None, seed: int, *names: str, fewer: bool = False) -> np.ndarray:
    """The first `n` of `count` indices in an order that depends only on `seed` and `names`; all, where `fewer` will do.

    The publishers' files are partly sorted by class or by writer. In this order any prefix is a mixture, and
    a larger `n` adds images at the end without changing the first ones.
    """
    if n is not None and n > count and not fewer:
        raise CourseError(f"You asked for {n:,} images and there are {count:,}: ask for fewer, or leave n out for all.")
    order = np.argsort(hash64(seed, "order", *names, index=np.arange(count)), kind="stable")
    return order[: count if n is None else n]


def to_images(pixels: np.ndarray, size: int | None, top: int = 255) -> torch.Tensor:
    """uint8 (N, C, H, W) with values 0 to `top` -> float32 (N, C, size, size) in [-1, 1].

    Smaller is antialiased bilinear, so that no line of a digit drops out. Larger is bicubic, which keeps
    an 8 x 8 digit smooth instead of blocky; its slight overshoot at an edge is cut off at -1 and 1.
    """
    count, channels, native, _ = pixels.shape
    size = native if size is None else size
    out = torch.empty(count, channels, size, size)
    for start in range(0, count, _CHUNK):
        x = torch.from_numpy(pixels[start : start + _CHUNK]).float() * (2.0 / top) - 1.0
        if size != native:
            mode = "bilinear" if size < native else "bicubic"
            x = F.interpolate(x, size=(size, size), mode=mode, antialias=True, align_corners=False)
        out[start : start + _CHUNK] = x.clamp_(-1.0, 1.0)
    return out

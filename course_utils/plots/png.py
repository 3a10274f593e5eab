"""A picture as a PNG that is no larger than the eye needs.

Of a few ways to spend fewer bits the smallest is taken that nobody can see: a palette of 256 colours or fewer, for
charts; and 64 levels a channel in the place of 256, for photographs and everything else. Whether it can be seen is
measured on the picture itself, in two ways. No pixel may be far off, or a thin line would pale. And no neighbourhood
may be off on the average, or a pale band would change its colour: a blue band once came out green although no pixel
was wrong by more than a sixteenth.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

# Colours, and how often they then move to the mean of the pixels that they stand for. That takes time, and helps where
# many pale shades lie side by side.
PALETTES = ((64, 0), (128, 0), (256, 0), (256, 1))
MOST = 256  # colours of a palette
LEVELS = 64  # of a channel
NEIGHBOURHOOD = 8  # device pixels
NONE, UP = 0, 2  # filters of PNG: a row as it is, and its difference from the row above
MOST_OF_A_PIXEL, MOST_OF_A_NEIGHBOURHOOD = 16, 3  # of 255, in any channel


def compress(picture: Image.Image, exact: bool = False) -> bytes:
    """The smallest PNG that nobody can tell from the picture.

    Args:
        picture: of any mode, opaque.
        exact: it shows photographs. No palette then, unless every pixel keeps its value; 64 levels a channel are
            within 2 of 255 everywhere.
    """
    full = picture.convert("RGB")
    few = full.getcolors(MOST) is not None
    tried = ((MOST, 0),) if few else ()  # which keeps every pixel as it is
    for colours, moves in tried if exact else PALETTES:
        fewer = full.quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=moves, dither=Image.Dither.NONE)
        if unseen(full, fewer):
            return encode(fewer)
    return encode(with_levels(full))


def unseen(picture: Image.Image, other: Image.Image) -> bool:
    """Whether nobody can tell two pictures of one size apart."""
    off = np.asarray(picture.convert("RGB"), np.int16) - np.asarray(other.convert("RGB"), np.int16)  # (H, W, 3)
    if np.abs(off).max() > MOST_OF_A_PIXEL:
        return False
    return float(np.abs(_means(off)).max()) <= MOST_OF_A_NEIGHBOURHOOD


def _means(off: np.ndarray) -> np.ndarray:
    """The mean of each neighbourhood (H, W, 3) -> (rows, columns, 3); at the right and lower edge of what is left."""
    rows, columns = (np.arange(0, side, NEIGHBOURHOOD) for side in off.shape[:2])
    total = np.add.reduceat(np.add.reduceat(off.astype(np.int64), rows, axis=0), columns, axis=1)
    counts = [np.diff([*starts, side]) for starts, side in zip((rows, columns), off.shape[:2], strict=True)]
    return total / (counts[0][:, None, None] * counts[1][None, :, None])


def with_levels(picture: Image.Image, levels: int = LEVELS) -> Image.Image:
    """Each channel rounded to so many levels, evenly from 0 to 255."""
    step = 255 / (levels - 1)
    return picture.point([round(round(value / step) * step) for value in range(256)] * 3)


def encode(picture: Image.Image) -> bytes:
    """A picture, RGB or with a palette, as PNG, without loss.

    Pillow leaves no choice how a row is written. The figures of a course have few gradients, and many rows that
    repeat the one above them (enlarged pixels, empty paper): a row that repeats is written as the difference, which
    is nothing, and any other as it is. That takes about a tenth less than Pillow's choice.
    """
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)  # (H, W * channels)
    repeats = np.concatenate([[False], (rows[1:] == rows[:-1]).all(axis=1)])
    filters = np.where(repeats, UP, NONE).astype(np.uint8)
    written = np.concatenate([filters[:, None], np.where(repeats[:, None], np.uint8(0), rows)], axis=1)
    colour = 3 if picture.mode == "P" else 2
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))]
    if picture.mode == "P":
        parts.append((b"PLTE", bytes(picture.getpalette() or b"")))
    parts += [(b"IDAT", zlib.compress(written.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )

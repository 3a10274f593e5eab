"""Drawing with Pillow in CSS pixels: text, dots, bars and images of whole pixels, for pictures made in milliseconds."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_utils.plots.style import INK, PAPER


@functools.lru_cache(maxsize=64)
def font(size: float, bold: bool = False) -> Any:
    """DejaVu Sans as it ships with matplotlib, so that every machine draws the same; `size` in device pixels."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name), size)


class Brush:
    """A sheet of paper of `width` by `height` CSS pixels with `scale` device pixels for each."""

    def __init__(self, width: int, height: int, scale: float) -> None:
        self.scale = scale
        self.image = Image.new("RGB", (round(width * scale), round(height * scale)), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 13,
        bold: bool = False,
        fill: str = INK,
        anchor: str = "ls",
        halo: float = 0,
    ) -> None:
        """Write at (x, y); `anchor` as in Pillow: l, m or r, then t, m or s for the baseline.

        `halo` is the width of a rim of paper that keeps the text readable where it crosses a line.
        """
        place, rim = (x * self.scale, y * self.scale), round(halo * self.scale)
        look = {"font": font(size * self.scale, bold), "anchor": anchor}
        self.draw.text(place, text, fill=fill, stroke_width=rim, stroke_fill=PAPER, **look)
        if rim:  # the rim eats into the letters of some versions of Pillow: write them once more
            self.draw.text(place, text, fill=fill, **look)

    def text_width(self, text: str, size: float = 13, bold: bool = False) -> float:
        """CSS pixels that a text takes."""
        return float(font(size * self.scale, bold).getlength(text)) / self.scale

    def bar(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A filled rectangle; nothing where it has no width."""
        s = self.scale
        if width * s >= 0.5:
            right = max((x + width) * s - 1, x * s)  # Pillow counts the last pixel in, and refuses less than one
            self.draw.rectangle((x * s, y * s, right, (y + height) * s - 1), fill=fill)

    def paste(self, x: float, y: float, picture: Image.Image) -> None:
        """Put a picture, in device pixels already, with its upper left corner at (x, y)."""
        self.image.paste(picture, (round(x * self.scale), round(y * self.scale)))

    def pixels(self, x: float, y: float, side: float, image: np.ndarray[Any, Any]) -> None:
        """Put a small image (H, W, C) uint8 in the middle of a square, each pixel as a square of whole pixels."""
        height, width, channels = image.shape
        k = max(1, int(side * self.scale) // max(height, width))
        big = image.repeat(k, axis=0).repeat(k, axis=1)
        picture = Image.fromarray(big[:, :, 0] if channels == 1 else big)
        left = round(x * self.scale + (side * self.scale - k * width) / 2)
        top = round(y * self.scale + (side * self.scale - k * height) / 2)
        self.image.paste(picture, (left, top))

    def dot(self, x: float, y: float, fill: str, radius: float = 7) -> None:
        """A disc with a rim of paper and ink, smooth at the edge; (x, y) in device pixels."""
        sprite = _disc(fill, round(radius * self.scale * 2 + 4))
        self.image.paste(sprite, (round(x - sprite.width / 2), round(y - sprite.height / 2)), sprite)


@functools.lru_cache(maxsize=32)
def _disc(fill: str, size: int) -> Image.Image:
    big = Image.new("RGBA", (size * 4, size * 4), (0, 0, 0, 0))
    draw = ImageDraw.Draw(big)
    for share, shade in ((1.0, INK), (0.86, PAPER), (0.66, fill)):
        margin = size * 2 * (1 - share)
        draw.ellipse((margin, margin, size * 4 - 1 - margin, size * 4 - 1 - margin), fill=shade)
    return big.resize((size, size), Image.Resampling.LANCZOS)

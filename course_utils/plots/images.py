"""Image batches as pictures: a grid of them, or rows of them over time.

Each pixel of a small image becomes a square of whole screen pixels, so that what one sees is what the tensor holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import torch

from course_utils.errors import CourseError
from course_utils.plots.output import ShownFigure, new_figure, show
from course_utils.plots.style import INK, PIXELS_PER_INCH, SCALE, SOFT_INK, WIDTH, settings

Images = Any  # a torch tensor or a numpy array, (N, C, H, W)
GAP = 6  # CSS pixels between two images
LARGEST_PANEL = 168  # CSS pixels: a lone image of 32 px should not fill the screen
FAR_OUT = 30.0  # noise rarely leaves [-5, 5]; beyond this the numbers are in another unit


def _checked(images: Images, name: str = "images") -> np.ndarray[Any, Any]:
    """The batch as float numpy (N, C, H, W), or a sentence that says what to change."""
    array = images.detach().cpu().numpy() if isinstance(images, torch.Tensor) else np.asarray(images)
    shape = tuple(array.shape)
    if array.ndim == 3:
        raise CourseError(f"{name} has shape {shape}: a batch is (N, C, H, W), so write {name}[None] for one image.")
    if array.ndim != 4:
        raise CourseError(f"{name} has shape {shape}: a batch of images is (N, C, H, W).")
    if shape[0] == 0:
        raise CourseError(f"{name} is an empty batch: there is nothing to show.")
    if shape[1] not in (1, 3):
        if shape[3] in (1, 3):
            raise CourseError(f"{name} has shape {shape}, channels last: write {name}.permute(0, 3, 1, 2) first.")
        raise CourseError(f"{name} has {shape[1]} channels: images have 1 (grey) or 3 (red, green, blue).")
    if array.dtype == np.uint8:
        raise CourseError(f"{name} holds bytes from 0 to 255: write {name} / 127.5 - 1 to bring them to [-1, 1].")
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).any(axis=(1, 2, 3)).sum())
        raise CourseError(f"{bad} of {shape[0]} {name} hold NaN or infinity: look one step earlier for where it began.")
    low, high = float(array.min()), float(array.max())
    if max(-low, high) > FAR_OUT:
        if low >= 0 and high <= 255:
            raise CourseError(
                f"{name} runs from {low:g} to {high:g}, which looks like bytes: write {name} / 127.5 - 1 "
                "to bring them to [-1, 1]."
            )
        raise CourseError(
            f"{name} runs from {low:.3g} to {high:.3g}, and [-1, 1] is shown: divide by the standard deviation first."
        )
    return array


def to_uint8(images: Images) -> np.ndarray[Any, Any]:
    """Bytes for the screen. What lies outside [-1, 1] is cut off.

    Args:
        images: (N, C, H, W) floats in [-1, 1], C = 1 or 3.

    Returns:
        (N, H, W, C) numpy uint8: -1 becomes 0, and 1 becomes 255.

    Raises:
        CourseError: if the shape or the range is not that of an image batch.
    """
    return _bytes(_checked(images))


def _bytes(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.rint((np.clip(array, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)


def _whole_scale(height: int, width: int, room: float) -> int:
    """Device pixels for one image pixel: a whole number, at least 1, so that the image's width fits `room`."""
    panel = min(room, LARGEST_PANEL) * SCALE
    return max(1, int(panel // max(height, width)))


def _place(figure: ShownFigure, image: np.ndarray[Any, Any], left: float, top: float, k: int) -> None:
    """Put one image (H, W, C) with its upper left corner at (left, top), in device pixels."""
    height, width = image.shape[:2]
    fig_width, fig_height = figure.get_size_inches() * PIXELS_PER_INCH * SCALE
    box = (left / fig_width, 1 - (top + k * height) / fig_height, k * width / fig_width, k * height / fig_height)
    axes = figure.add_axes(box)
    axes.set_axis_off()
    # Three channels of bytes are shown as they are; a colour map may miss a grey by one.
    axes.imshow(np.broadcast_to(image, (height, width, 3)), interpolation="nearest", aspect="auto")


def _text(figure: ShownFigure, x: float, y: float, text: str, **style: Any) -> None:
    """Write at (x, y) device pixels from the upper left corner."""
    width, height = figure.get_size_inches() * PIXELS_PER_INCH * SCALE
    figure.text(x / width, 1 - y / height, text, **{"color": INK, **style})


def _points(css_pixels: float) -> float:
    return css_pixels * 72 / PIXELS_PER_INCH


def _wrapped(title: str, width: float, size: float) -> str:
    """Break a title into lines that fit `width` CSS pixels (a bold letter is about 0.62 of its size wide)."""
    import textwrap

    room = max(16, int(width / (0.62 * size)))
    return "\n".join(line for part in title.splitlines() for line in textwrap.wrap(part, room))


def grid(
    images: Images,
    titles: Sequence[object] | None = None,
    columns: int = 8,
    title: str | None = None,
    alt: str | None = None,
) -> ShownFigure:
    """Show a batch as a grid, row by row.

    Args:
        images: (N, C, H, W) in [-1, 1], C = 1 or 3.
        titles: N short texts, one above each image.
        columns: how many images a row holds at most.
        title: the figure's message.
        alt: the figure in words; by default the title and the count.

    Returns:
        The figure, already shown.

    Raises:
        CourseError: if the batch is not (N, C, H, W) in [-1, 1], or the number of titles differs from N.
    """
    array = _checked(images)
    n = len(array)
    if titles is not None and len(titles) != n:
        raise CourseError(f"There are {n} images and {len(titles)} titles: give one title to each image, or none.")
    if columns < 1:
        raise CourseError(f"columns={columns}: a grid has at least one column.")
    columns = min(columns, n)
    rows = [array[i : i + columns] for i in range(0, n, columns)]
    texts = None if titles is None else [[str(t) for t in titles[i : i + columns]] for i in range(0, n, columns)]
    words = alt or f"{title + ': ' if title else ''}a grid of {n} image{'s' if n != 1 else ''}" + (
        ", " + ", ".join(map(str, titles)) if titles is not None and n <= 16 else ""
    )
    return _panels(rows, texts, [""] * len(rows), title, words)


def strip(
    rows: Mapping[str, Images] | Sequence[Images],
    column_titles: Sequence[object] | None = None,
    title: str | None = None,
    alt: str | None = None,
) -> ShownFigure:
    """Show rows of images, time running from left to right: one row for each method, schedule or image.

    Args:
        rows: a dict from a row's name to its images (N, C, H, W), or a list of such batches without names.
        column_titles: N short texts above the columns, such as "t = 0".
        title, alt: as for `grid`.

    Returns:
        The figure, already shown.

    Raises:
        CourseError: as for `grid`; also if the rows differ in shape.
    """
    names = [str(name) for name in rows] if isinstance(rows, Mapping) else [""] * len(rows)
    batches = list(rows.values()) if isinstance(rows, Mapping) else list(rows)
    if not batches:
        raise CourseError("plots.strip got no rows: pass a dict from a name to a batch (N, C, H, W).")
    labels = [f"row {name!r}" if name else "images" for name in names]
    arrays = [_checked(batch, label) for label, batch in zip(labels, batches, strict=True)]
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        raise CourseError(f"The rows of a strip have the same shape, and these have {sorted(shapes)}.")
    n = arrays[0].shape[0]
    if column_titles is not None and len(column_titles) != n:
        raise CourseError(f"Each row has {n} images and there are {len(column_titles)} column titles.")
    texts = None if column_titles is None else [[str(t) for t in column_titles]] + [None] * (len(arrays) - 1)
    named = ", ".join(name for name in names if name)
    words = alt or (
        f"{title + ': ' if title else ''}{len(arrays)} row{'s' if len(arrays) != 1 else ''} of {n} images"
        + (f" ({named})" if named else "")
        + (f", from {column_titles[0]} to {column_titles[-1]}" if column_titles is not None else "")
    )
    return _panels(arrays, texts, names, title, words)


def _panels(
    rows: list[np.ndarray[Any, Any]],
    texts: Sequence[Sequence[str] | None] | None,
    names: list[str],
    title: str | None,
    alt: str,
) -> ShownFigure:
    """Lay rows of images out on whole device pixels, with texts above and names to the left, and show them."""
    columns = max(len(row) for row in rows)
    _, _, height, width = rows[0].shape
    label_room = max((8.2 * len(line) for name in names for line in name.splitlines()), default=0.0)
    label_room = min(190.0, label_room + 12) if label_room else 0.0
    room = (WIDTH - label_room - 2 * GAP) / columns - GAP
    k = _whole_scale(height, width, room)
    panel_w, panel_h, gap, s = k * width, k * height, GAP * SCALE, SCALE
    content = columns * (panel_w + gap) - gap
    total = max(label_room * s + content + 2 * gap, min(WIDTH * s, (10.0 * len(title) * s + 4 * gap) if title else 0))
    title = _wrapped(title, total / s - 2 * GAP, 17) if title else None
    title_room = (24 * (title.count("\n") + 1) + 8) * s if title else gap
    text_size = min(13.0, max(8.0, panel_w / s / 7))
    heights = [panel_h + (1.7 * text_size * s if texts is not None and texts[i] else 0) for i in range(len(rows))]
    total_height = title_room + sum(heights) + gap * len(rows)
    with mpl.rc_context(settings()):
        figure = new_figure(round(total) / s, round(total_height) / s)
        figure.set_layout_engine("none")
        figure.exact = True
        if title:
            _text(figure, gap, 8 * s, title, size=_points(17), weight="bold", va="top", linespacing=1.25)
        top = round(title_room)
        for i, row in enumerate(rows):
            captions = texts[i] if texts is not None else None
            start = top
            if captions:
                start = round(top + 1.7 * text_size * s)
            if names[i]:
                _text(
                    figure,
                    gap + label_room * s - 10 * s,
                    start + panel_h / 2,
                    _wrapped(names[i], label_room, 12),
                    size=_points(14),
                    ha="right",
                    va="center",
                )
            for j, image in enumerate(_bytes(row)):
                left = round(gap + label_room * s) + j * (panel_w + gap)
                _place(figure, image, left, start, k)
                if captions:
                    style = {"size": _points(text_size), "ha": "center", "va": "bottom", "color": SOFT_INK}
                    _text(figure, left + panel_w / 2, start - 0.35 * text_size * s, captions[j], **style)
            top = round(start + panel_h + gap)
        show(figure, alt)
    return figure

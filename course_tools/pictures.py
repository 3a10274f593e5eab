"""The opening pictures of lessons: `course pictures` makes them again, each from the `opening.py` of its slice."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from course_tools import editions
from course_utils import slices
from course_utils.errors import CourseError
from course_utils.files import write_if_changed

NAME = "opening.png"


def make(numbers: Iterable[str] | None = None) -> Iterator[tuple[Path, Image.Image, bool]]:
    """Make the opening pictures of the lessons named, or of all that have one.

    Yields:
        The file, the picture, and whether the file changed.

    Raises:
        CourseError: there is no such lesson, or its slice has no `opening.py`.
    """
    for number in [editions.find(number).number for number in numbers or []] or slices.numbers():
        opening = slices.part(number, "opening")
        if opening is None:
            raise CourseError(f"The slice of lesson {number} has no opening.py: write one with a function picture().")
        picture = opening.picture()
        yield slices.folder(number) / NAME, picture, save(picture, slices.folder(number) / NAME)


def save(picture: Image.Image, file: Path) -> bool:
    """Write a picture as a small PNG file; False if the same pixels were there already."""
    if file.is_file():
        with Image.open(file) as old:
            if old.size == picture.size and old.convert("RGB").tobytes() == picture.convert("RGB").tobytes():
                return False
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return write_if_changed(file, buffer.getvalue())

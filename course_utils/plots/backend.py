"""matplotlib is loaded here first, so that a backend that it does not know is said in one sentence."""

from __future__ import annotations

import os

from course_utils.environment import BACKEND_VARIABLE
from course_utils.errors import CourseError

try:
    import matplotlib as mpl
except ValueError:
    named = os.environ.get(BACKEND_VARIABLE)
    if not named:
        raise
    raise CourseError(
        f"matplotlib knows no backend {named!r}: take the environment variable {BACKEND_VARIABLE} away."
    ) from None

__all__ = ["mpl"]

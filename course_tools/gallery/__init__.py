"""`course run`: every lesson executed headless, and a gallery of pages to look at.

    build/notebooks/NN_slug.ipynb   the lesson as it ran                      (`runner`)
    build/gallery/NN_slug.html      the same as a page                        (`pages`, `formulas`)
    build/gallery/index.html        a card for each lesson, with a picture    (`pages`)

The pages need no network: pictures are inside them, and formulas are MathML, which browsers draw themselves.
"""

from __future__ import annotations

from course_tools.gallery.runner import LessonRun, run_lessons
from course_tools.gallery.summary import summary

__all__ = ["LessonRun", "run_lessons", "summary"]

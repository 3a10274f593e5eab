"""Where a lesson keeps its training."""

from __future__ import annotations

import os
from pathlib import Path

from course_utils import weights
from course_utils.environment import TRAININGS_VARIABLE
from course_utils.runtime import Run


def checkpoint_of(run: Run, name: str = "training") -> Path:
    """The file in which a lesson keeps a training, for `fit(..., checkpoint=...)`.

    It stands in the cache folder. Where the course's own tools run a lesson, they give it an empty folder
    (COURSE_TRAININGS), so that what is built or graded has really been trained.

    Args:
        run: of the lesson; lesson, data set and preset are in the file's name.
        name: which of its trainings.
    """
    chosen = os.environ.get(TRAININGS_VARIABLE, "").strip()
    folder = Path(chosen).expanduser() if chosen else weights.cache() / "trainings"
    return folder / f"lesson{run.lesson}-{name}-{run.dataset}-{run.preset}.safetensors"

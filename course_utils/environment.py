"""The environment variables that a lesson reads, named where nothing heavy has to be loaded to know them."""

from __future__ import annotations

PRESET_VARIABLE = "COURSE_PRESET"  # where set, it wins over the preset that a lesson asks for
QUIET_VARIABLE = "COURSE_QUIET"  # set it to anything to have no progress bars, as where a notebook runs headless
SCREEN_VARIABLE = "COURSE_SCREEN"  # "large": an explorer that can draws more pixels, as `course lecture` asks
TRAININGS_VARIABLE = "COURSE_TRAININGS"  # a folder where lessons keep their trainings; each headless run has its own

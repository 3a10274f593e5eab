"""The environment variables that the course reads, named where nothing heavy has to be loaded to know them."""

from __future__ import annotations

from collections.abc import Mapping

PRESET_VARIABLE = "COURSE_PRESET"  # where set, it wins over the preset that a lesson asks for
QUIET_VARIABLE = "COURSE_QUIET"  # set it to anything to have no progress bars, as where a notebook runs headless
SCREEN_VARIABLE = "COURSE_SCREEN"  # "large": an explorer that can draws more pixels, as `course lecture` asks
TRAININGS_VARIABLE = "COURSE_TRAININGS"  # a folder where lessons keep their trainings; each headless run has its own
DATA_VARIABLE = "COURSE_DATA_DIR"  # the folder that image sets are read from: see places.py
OWN_VARIABLE = "COURSE_OWN_DIR"  # the folder of what a person makes: see places.py
BACKEND_VARIABLE = "MPLBACKEND"  # matplotlib's own: how figures are shown


def without_backend(environment: Mapping[str, str]) -> dict[str, str]:
    """What a kernel may inherit: a backend chosen for scripts would hide every figure, and an unknown one end it."""
    return {name: value for name, value in environment.items() if name != BACKEND_VARIABLE}

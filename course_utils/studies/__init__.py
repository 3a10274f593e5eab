"""Slow comparisons, run ahead over several seeds, stored with their settings, and loaded by the lessons.

In a lesson, where a comparison is wanted that would take half an hour:

    results = studies.load("ema", figure="Fréchet distance")    # an experiments.Comparison
    experiments.claim("…", "…", results, more="without EMA", less="EMA")
    studies.settings("ema")                                      # what was run, to print

A study is declared in the slice of its lesson, `course_utils/lessons/lessonNN/studies.py`, in the list STUDIES;
`course claims NAME` runs it again, and writes `results/NAME.json` beside it. Most studies compare an `Arm`, one
training of the course's U-Net and how it is judged, with another that differs in one setting. A study of something
else brings its own function as `run`.
"""

from course_utils.studies.arm import Arm
from course_utils.studies.figures import LEVELS
from course_utils.studies.runner import run
from course_utils.studies.storage import load, settings, stale
from course_utils.studies.study import Study, find, studies
from course_utils.studies.summary import listing
from course_utils.studies.trial import run_arm

__all__ = ["LEVELS", "Arm", "Study", "find", "listing", "load", "run", "run_arm", "settings", "stale", "studies"]

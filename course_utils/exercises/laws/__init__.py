"""Laws that exercises obey, each written once: a check names those that apply to its exercise.

    q_sample = Exercise("q_sample", reference=diffusion.q_sample, inputs=laws.Inputs(first=0),
                        laws=(laws.gradients("x0", "eps"), laws.dtypes(), laws.by_itself(), laws.any_size()))

Each law is one more part of the check, after those that the check has of its own. A law that applies by the signature
(see `registry`) and is not named is waived with a reason: `waive={"settings": "..."}`; a test sees to that.
"""

from course_utils.exercises.laws.batches import any_size, by_itself
from course_utils.exercises.laws.flow import gradients
from course_utils.exercises.laws.garden import Garden, distribution
from course_utils.exercises.laws.inputs import Inputs, Sizes
from course_utils.exercises.laws.kinds import devices, dtypes, float64, layouts
from course_utils.exercises.laws.law import Law, Trial
from course_utils.exercises.laws.network import Asked
from course_utils.exercises.laws.randomness import generator, noise, unlike_noise
from course_utils.exercises.laws.registry import APPLIES, Signature, applicable
from course_utils.exercises.laws.use import asks, settings, unchanged, wrong_time

__all__ = [
    "APPLIES",
    "Asked",
    "Garden",
    "Inputs",
    "Law",
    "Signature",
    "Sizes",
    "Trial",
    "any_size",
    "applicable",
    "asks",
    "by_itself",
    "devices",
    "distribution",
    "dtypes",
    "float64",
    "generator",
    "gradients",
    "layouts",
    "noise",
    "settings",
    "unchanged",
    "unlike_noise",
    "wrong_time",
]

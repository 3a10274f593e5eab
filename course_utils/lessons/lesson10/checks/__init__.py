"""The checks of lesson 10: distances between sets of images, scores of one set, and bits per dimension."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson10.checks.bits import bits_of_last_step, bits_of_step
from course_utils.lessons.lesson10.checks.bug_hunt import fair_scores
from course_utils.lessons.lesson10.checks.distances import extrapolate, frechet_distance, kernel_distance
from course_utils.lessons.lesson10.checks.inception_and_recall import inception_score, precision_recall
from course_utils.lessons.lesson10.checks.variational_bound import variational_bound

ORDER = (
    frechet_distance,
    extrapolate,
    kernel_distance,
    inception_score,
    precision_recall,
    bits_of_step,
    bits_of_last_step,
    variational_bound,
    fair_scores,
)

prepare_notebook(ORDER)

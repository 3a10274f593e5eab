"""The checks of lesson 11: a classifier of noisy pictures, its gradient, and two ways to steer with it."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson11.checks.bug_hunt import mended_steered_sampler
from course_utils.lessons.lesson11.checks.classifier import classifier_gradient, noisy_classifier_loss
from course_utils.lessons.lesson11.checks.mixture import mixture_guided_score
from course_utils.lessons.lesson11.checks.steering import classifier_predict, guided_eps, guided_mean

ORDER = (
    noisy_classifier_loss,
    classifier_gradient,
    guided_mean,
    guided_eps,
    classifier_predict,
    mixture_guided_score,
    mended_steered_sampler,
)

prepare_notebook(ORDER)

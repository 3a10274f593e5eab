"""The checks of lesson 01: schedules, the forward process, and the way back when the noise is known."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson01.checks.alpha_bars import alpha_bars, linear_schedule, snr
from course_utils.lessons.lesson01.checks.bug_hunt import mended_schedule
from course_utils.lessons.lesson01.checks.curved_schedules import cosine_schedule, sigmoid_schedule
from course_utils.lessons.lesson01.checks.forward import noise_one_step, q_sample, recover_x0

ORDER = (
    noise_one_step,
    linear_schedule,
    alpha_bars,
    q_sample,
    recover_x0,
    snr,
    cosine_schedule,
    sigmoid_schedule,
    mended_schedule,
)

prepare_notebook(ORDER)

"""The checks of lesson 01: schedules, the forward process, and the way back when the noise is known."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.exercises.lesson01.curved import cosine_schedule, mended_schedule, sigmoid_schedule
from course_utils.exercises.lesson01.forward import noise_one_step, q_sample, recover_x0
from course_utils.exercises.lesson01.simple import alpha_bars, linear_schedule, snr

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

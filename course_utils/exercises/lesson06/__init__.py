"""The checks of lesson 06: fewer steps, DDIM, noise as a code, a head start, and a learned variance."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.exercises.lesson06.ddim import ddim_step
from course_utils.exercises.lesson06.hunt import mended_fast_sampler
from course_utils.exercises.lesson06.latents import ddim_invert, sample_truncated, slerp
from course_utils.exercises.lesson06.loop import sample_ddim
from course_utils.exercises.lesson06.steps import ddim_sigma, respace
from course_utils.exercises.lesson06.variance import interpolate_log_variance

ORDER = (
    respace,
    ddim_sigma,
    ddim_step,
    sample_ddim,
    interpolate_log_variance,
    slerp,
    ddim_invert,
    sample_truncated,
    mended_fast_sampler,
)

prepare_notebook(ORDER)

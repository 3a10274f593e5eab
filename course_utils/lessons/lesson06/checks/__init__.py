"""The checks of lesson 06: fewer steps, DDIM, noise as a code, a head start, and a learned variance."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson06.checks.bug_hunt import mended_fast_sampler
from course_utils.lessons.lesson06.checks.ddim_step import ddim_step
from course_utils.lessons.lesson06.checks.latents import ddim_invert, sample_truncated, slerp
from course_utils.lessons.lesson06.checks.learned_variance import interpolate_log_variance
from course_utils.lessons.lesson06.checks.respace import ddim_sigma, respace
from course_utils.lessons.lesson06.checks.sample_ddim import sample_ddim

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

"""The checks of lesson 04: the posterior, the loss, the average of weights, the loop, and the walk from noise."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson04.checks.bug_hunt import mended_sampler
from course_utils.lessons.lesson04.checks.loop import training_loop
from course_utils.lessons.lesson04.checks.posterior import bound_weight, posterior_mean, posterior_variance
from course_utils.lessons.lesson04.checks.sampling import p_sample
from course_utils.lessons.lesson04.checks.training import ddpm_loss, ema_update
from course_utils.lessons.lesson04.checks.walk import sample_ddpm

ORDER = (
    posterior_variance,
    posterior_mean,
    bound_weight,
    ddpm_loss,
    ema_update,
    training_loop,
    p_sample,
    sample_ddpm,
    mended_sampler,
)

prepare_notebook(ORDER)

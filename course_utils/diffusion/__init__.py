"""The mathematics of diffusion, without any network: schedules and the forward process."""

from course_utils.diffusion.forward import noise_one_step, q_sample, recover_x0
from course_utils.diffusion.ideal import ideal_denoiser
from course_utils.diffusion.schedules import (
    alpha_bars,
    cosine_schedule,
    linear_schedule,
    mended_schedule,
    sigmoid_schedule,
    snr,
)

__all__ = [
    "alpha_bars",
    "cosine_schedule",
    "ideal_denoiser",
    "linear_schedule",
    "mended_schedule",
    "noise_one_step",
    "q_sample",
    "recover_x0",
    "sigmoid_schedule",
    "snr",
]

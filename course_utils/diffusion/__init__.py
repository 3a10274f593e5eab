"""The mathematics of diffusion, without any network: schedules, the forward process, one step back, and losses."""

from course_utils.diffusion.bits import (
    bits_of_last_step,
    bits_of_prior,
    bits_of_step,
    bound_terms,
    to_levels,
    variational_bound,
)
from course_utils.diffusion.forward import noise_one_step, per_image, q_sample, recover_x0
from course_utils.diffusion.guess import guess_noise_level, step_of_noise_level
from course_utils.diffusion.ideal import blind_ideal_denoiser, ideal_denoiser
from course_utils.diffusion.losses import ddpm_loss, denoising_loss, diffusion_loss
from course_utils.diffusion.posterior import bound_weight, posterior_mean, posterior_variance
from course_utils.diffusion.schedules import (
    alpha_bars,
    cosine_schedule,
    linear_schedule,
    mended_schedule,
    sigmoid_schedule,
    snr,
)
from course_utils.diffusion.targets import target, to_eps, to_x0
from course_utils.diffusion.times import middle_heavy_times, model_time, schedule_step, uniform_times
from course_utils.diffusion.variance import hybrid_loss, interpolate_log_variance

__all__ = [
    "alpha_bars",
    "bits_of_last_step",
    "bits_of_prior",
    "bits_of_step",
    "blind_ideal_denoiser",
    "bound_terms",
    "bound_weight",
    "cosine_schedule",
    "ddpm_loss",
    "denoising_loss",
    "diffusion_loss",
    "guess_noise_level",
    "hybrid_loss",
    "ideal_denoiser",
    "interpolate_log_variance",
    "linear_schedule",
    "mended_schedule",
    "middle_heavy_times",
    "model_time",
    "noise_one_step",
    "per_image",
    "posterior_mean",
    "posterior_variance",
    "q_sample",
    "recover_x0",
    "schedule_step",
    "sigmoid_schedule",
    "snr",
    "step_of_noise_level",
    "target",
    "to_eps",
    "to_levels",
    "to_x0",
    "uniform_times",
    "variational_bound",
]

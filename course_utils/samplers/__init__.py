"""From noise to data: samplers as plain functions over `predict(x, t)`, which names the noise in x."""

from course_utils.samplers.ddim import ddim_step, sample_ddim
from course_utils.samplers.ddpm import ddpm_step, p_sample, sample_ddpm
from course_utils.samplers.latent import ddim_invert, sample_truncated, slerp
from course_utils.samplers.predict import Predict, as_predict, ideal_predict
from course_utils.samplers.steps import respace

__all__ = [
    "Predict",
    "as_predict",
    "ddim_invert",
    "ddim_step",
    "ddpm_step",
    "ideal_predict",
    "p_sample",
    "respace",
    "sample_ddim",
    "sample_ddpm",
    "sample_truncated",
    "slerp",
]

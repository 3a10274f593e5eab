"""Models trained ahead, for lectures and for the lessons that only sample.

plans       what was trained on what: one `Plan` a name
training    the recipe, `train_ddpm`, behind `course train ddpm-flowers` and its like
denoiser    lesson 02's network, which guesses the clean image in one go, and its recipe, `train_denoiser`
judging     what a card says of the images, and the grid of samples
loading     `ddpm(dataset)`, `guided(dataset)`: the model, its schedule, and a `predict` for the samplers
"""

from course_utils.pretrained.denoiser import OneShot, rms_errors, train_denoiser, train_one_shot
from course_utils.pretrained.loading import Pretrained, available_ddpm, available_guided, ddpm, guided
from course_utils.pretrained.plans import PLANS, Plan
from course_utils.pretrained.training import train_ddpm

__all__ = [
    "PLANS",
    "OneShot",
    "Plan",
    "Pretrained",
    "available_ddpm",
    "available_guided",
    "ddpm",
    "guided",
    "rms_errors",
    "train_ddpm",
    "train_denoiser",
    "train_one_shot",
]

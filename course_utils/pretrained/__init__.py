"""Models trained ahead, for lectures and for the lessons that only sample.

plans       what was trained on what: one `Plan` a name
training    the recipe, `train_ddpm`, behind `course train ddpm-flowers` and its like
readers     lesson 11's network, which names the class of a noisy image and steers `ddpm(dataset)`, and its recipe
judging     what a card says of the images, and the grid of samples
loading     `ddpm(dataset)`, `guided(dataset)`: the model, its schedule, and a `predict` for the samplers
ahead       `ddpm_or_ideal(dataset)`: the same where there is a model, the exact denoiser where there is none
"""

from course_utils.pretrained.ahead import Denoiser, ddpm_or_ideal
from course_utils.pretrained.loading import Pretrained, available_ddpm, available_guided, ddpm, guided
from course_utils.pretrained.plans import PLANS, Plan
from course_utils.pretrained.readers import (
    Reader,
    accuracy_by_time,
    available_noisy_classifier,
    noisy_classifier,
    reading_batches,
    train_noisy_classifier,
    train_reader,
)
from course_utils.pretrained.training import train_ddpm

__all__ = [
    "PLANS",
    "Denoiser",
    "Plan",
    "Pretrained",
    "Reader",
    "accuracy_by_time",
    "available_ddpm",
    "available_guided",
    "available_noisy_classifier",
    "ddpm",
    "ddpm_or_ideal",
    "guided",
    "noisy_classifier",
    "reading_batches",
    "train_ddpm",
    "train_noisy_classifier",
    "train_reader",
]

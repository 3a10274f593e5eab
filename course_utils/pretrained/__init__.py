"""Models trained ahead, for lectures and for the lessons that only sample.

recipes     how each was made: a file a concept, found by name; `course train ddpm-flowers` follows one
diffusion   what a diffusion model is, and how it is trained
judging     what a card says of the images, and the grid of samples
readers     lesson 11's network, which names the class of a noisy image and steers `ddpm(dataset)`
loading     `ddpm(dataset)`, `guided(dataset)`: the model, its schedule, and a `predict` for the samplers
ahead       `ddpm_or_ideal(dataset)`: the same where there is a model, the exact denoiser where there is none
"""

from course_utils.pretrained.ahead import Ready, ddpm_or_ideal
from course_utils.pretrained.diffusion import DiffusionTraining
from course_utils.pretrained.loading import (
    Pretrained,
    available_ddpm,
    available_guided,
    ddpm,
    diffusion_trainings,
    guided,
    training_of,
)
from course_utils.pretrained.readers import (
    Reader,
    accuracy_by_time,
    available_noisy_classifier,
    noisy_classifier,
    reading_batches,
)

__all__ = [
    "DiffusionTraining",
    "Pretrained",
    "Reader",
    "Ready",
    "accuracy_by_time",
    "available_ddpm",
    "available_guided",
    "available_noisy_classifier",
    "ddpm",
    "ddpm_or_ideal",
    "diffusion_trainings",
    "guided",
    "noisy_classifier",
    "reading_batches",
    "training_of",
]

"""Asking for something and getting it: guidance of a sampler towards a class.

classifier  a classifier of noisy pictures, and the push that its gradient gives to a sampler (lesson 11)
mixture     classes that are normal distributions, for which all of this is a formula (lesson 11)
free        classifier-free guidance: one network, asked with and without the class (lesson 12)
training    the loss that teaches it both
implicit    the classifier that such a network is, read off its predictions
"""

from course_utils.guidance.classifier import (
    Classifier,
    classifier_gradient,
    classifier_predict,
    guided_eps,
    guided_mean,
    noisy_classifier_loss,
    sample_guided,
    sample_guided_ddpm,
    step_back,
)
from course_utils.guidance.free import (
    bernoulli_mask,
    cfg_from_scale,
    drop_condition,
    guide,
    guided_predict,
    sample_cfg,
)
from course_utils.guidance.implicit import implicit_accuracy, implicit_class, implicit_gradient
from course_utils.guidance.mixture import Mixture, mixture_guided_score
from course_utils.guidance.training import cfg_loss

__all__ = [
    "Classifier",
    "Mixture",
    "bernoulli_mask",
    "cfg_from_scale",
    "cfg_loss",
    "classifier_gradient",
    "classifier_predict",
    "drop_condition",
    "guide",
    "guided_eps",
    "guided_mean",
    "guided_predict",
    "implicit_accuracy",
    "implicit_class",
    "implicit_gradient",
    "mixture_guided_score",
    "noisy_classifier_loss",
    "sample_cfg",
    "sample_guided",
    "sample_guided_ddpm",
    "step_back",
]

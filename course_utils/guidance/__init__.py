"""Asking for something and getting it: guidance of a sampler towards a class.

free        classifier-free guidance: one network, asked with and without the class (lesson 12)
"""

from course_utils.guidance.free import (
    bernoulli_mask,
    cfg_from_scale,
    drop_condition,
    guide,
    guided_predict,
    sample_cfg,
)

__all__ = [
    "bernoulli_mask",
    "cfg_from_scale",
    "drop_condition",
    "guide",
    "guided_predict",
    "sample_cfg",
]

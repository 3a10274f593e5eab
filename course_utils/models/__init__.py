"""Networks. They know nothing of schedules, losses or data sets.

plain         lesson 02's first U-Net, which is not told the time, and which pixels it looks at
time          lesson 03: the step t as a vector, in several ways, and its way into a block
blocks        lesson 05: norms, pooling, residual blocks, attention
unet          the U-Net that all later lessons use
noisy_classifier  lesson 11: names what it sees in a noisy picture, and is told how noisy it is
recogniser    names what it sees, however much noise lies over it
"""

from course_utils.models import plain
from course_utils.models.blocks import GELU, GroupNorm, RearrangePool, ResidualBlock, SelfAttention2d
from course_utils.models.noisy_classifier import NoisyClassifier
from course_utils.models.recogniser import RecogniserNet
from course_utils.models.time import (
    FourierTime,
    LearnedTime,
    NoTime,
    RawTime,
    TimeMLP,
    modulate,
    sinusoidal_embedding,
)
from course_utils.models.unet import UNet

__all__ = [
    "GELU",
    "FourierTime",
    "GroupNorm",
    "LearnedTime",
    "NoTime",
    "NoisyClassifier",
    "RawTime",
    "RearrangePool",
    "RecogniserNet",
    "ResidualBlock",
    "SelfAttention2d",
    "TimeMLP",
    "UNet",
    "modulate",
    "plain",
    "sinusoidal_embedding",
]

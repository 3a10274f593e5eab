"""The checks of lesson 02: the blocks of a U-Net, the U-Net, its loss, and the denoiser that needs no training."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson02.checks.bug_hunt import MendedUpBlock
from course_utils.lessons.lesson02.checks.conv_block import ConvBlock, influence
from course_utils.lessons.lesson02.checks.denoising import denoising_loss, ideal_denoiser
from course_utils.lessons.lesson02.checks.down_and_up import DownBlock, UpBlock
from course_utils.lessons.lesson02.checks.unet import UNet

ORDER = (
    ConvBlock,
    influence,
    DownBlock,
    UpBlock,
    UNet,
    denoising_loss,
    ideal_denoiser,
    MendedUpBlock,
)

prepare_notebook(ORDER)

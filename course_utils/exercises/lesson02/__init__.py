"""The checks of lesson 02: the blocks of a U-Net, the U-Net, its loss, and the denoiser that needs no training."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.exercises.lesson02.convolving import ConvBlock, influence
from course_utils.exercises.lesson02.denoising import denoising_loss, ideal_denoiser
from course_utils.exercises.lesson02.down_and_up import DownBlock, UpBlock
from course_utils.exercises.lesson02.mended import MendedUpBlock
from course_utils.exercises.lesson02.whole import UNet

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

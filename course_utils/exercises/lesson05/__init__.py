"""The checks of lesson 05: norm, activation, pooling, the checkerboard's measure, residual block and attention."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.exercises.lesson05.attention import SelfAttention2d
from course_utils.exercises.lesson05.mended import mended_norm
from course_utils.exercises.lesson05.norm import GroupNorm
from course_utils.exercises.lesson05.residual import ResidualBlock
from course_utils.exercises.lesson05.simple import GELU, RearrangePool
from course_utils.exercises.lesson05.spectrum import checkerboard_share

ORDER = (
    GroupNorm,
    GELU,
    RearrangePool,
    checkerboard_share,
    ResidualBlock,
    SelfAttention2d,
    mended_norm,
)

prepare_notebook(ORDER)

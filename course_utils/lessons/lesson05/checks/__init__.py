"""The checks of lesson 05: norm, activation, pooling, the checkerboard's measure, residual block and attention."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson05.checks.attention import SelfAttention2d
from course_utils.lessons.lesson05.checks.bug_hunt import mended_norm
from course_utils.lessons.lesson05.checks.checkerboard import checkerboard_share
from course_utils.lessons.lesson05.checks.gelu_and_pool import GELU, RearrangePool
from course_utils.lessons.lesson05.checks.group_norm import GroupNorm
from course_utils.lessons.lesson05.checks.residual_block import ResidualBlock

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

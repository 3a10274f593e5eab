"""The checks of lesson 12: a mask that drops whole conditions, the loss, both conventions, guidance, and a bug hunt."""

from course_utils.exercises.framework import prepare_notebook
from course_utils.lessons.lesson12.checks.bug_hunt import mended_drop
from course_utils.lessons.lesson12.checks.cfg_loss import cfg_loss
from course_utils.lessons.lesson12.checks.guide import cfg_from_scale, guide
from course_utils.lessons.lesson12.checks.guided_predict import guided_predict
from course_utils.lessons.lesson12.checks.implicit_gradient import implicit_gradient
from course_utils.lessons.lesson12.checks.mask import bernoulli_mask, drop_condition
from course_utils.lessons.lesson12.checks.sample_cfg import sample_cfg

ORDER = (
    bernoulli_mask,
    drop_condition,
    cfg_loss,
    guide,
    cfg_from_scale,
    guided_predict,
    sample_cfg,
    implicit_gradient,
    mended_drop,
)

prepare_notebook(ORDER)

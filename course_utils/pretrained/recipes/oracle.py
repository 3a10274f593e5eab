"""The oracle, which reads what a flower was drawn from."""

from course_utils.metrics.oracle_training import RECIPE

RECIPES = (RECIPE,)

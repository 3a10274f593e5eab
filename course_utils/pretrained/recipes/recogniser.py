"""Recognisers of what is in a noisy picture. `metrics` can train one on the spot too, so the recipe lies there."""

from course_utils.metrics.recogniser_training import BY_DATASET, recogniser_recipe

RECIPES = tuple(recogniser_recipe(dataset) for dataset in BY_DATASET)

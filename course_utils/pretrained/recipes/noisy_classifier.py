"""Classifiers that know the noise of `pretrained.ddpm(dataset)`, and steer it (lesson 11)."""

from course_utils.pretrained.readers import steering_recipe

RECIPES = tuple(steering_recipe(dataset) for dataset in ("flowers", "mnist"))

"""How the models that other lessons load were made, by concept: a file `RECIPES` each, found by name.

What nobody but its own lesson loads is declared in the lesson's slice, in `recipes.py`, in the same way. So a new
model is a file of its own, and no file that lessons share has to name it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from course_utils import slices
from course_utils.errors import CourseError
from course_utils.training import Recipe


def find(name: str) -> Recipe:
    """The recipe of weights that come with the course.

    Raises:
        CourseError: there is none.
    """
    known = recipes()
    if name not in known:
        raise CourseError(f"There is no recipe {name!r}: choose one of {', '.join(known)}.")
    return known[name]


def shared() -> dict[str, Recipe]:
    """By name: of the models that other lessons load."""
    return _gathered(importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))


def recipes() -> dict[str, Recipe]:
    """By name: of all weights that come with the course, also those that only one lesson loads.

    Raises:
        CourseError: two have the same name.
    """
    slices_with_some = (part for number in slices.numbers() if (part := slices.part(number, "recipes")))
    return _gathered(slices_with_some, shared())


def _gathered(modules: Iterator[ModuleType], known: dict[str, Recipe] | None = None) -> dict[str, Recipe]:
    found = dict(known or {})
    for module in modules:
        for recipe in module.RECIPES:
            if recipe.name in found:
                raise CourseError(f"Two recipes are called {recipe.name!r}: rename the one in {module.__name__}.")
            found[recipe.name] = recipe
    return found

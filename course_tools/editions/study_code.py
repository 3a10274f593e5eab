"""The code that a study's figures come from: what its `run`, and the classes of its settings, reach.

Studies are stale by the rule by which lessons are. Only `course claims` and the tests ask: a lesson loads what is
stored without reading any source.
"""

from __future__ import annotations

from collections.abc import Callable

from course_tools.editions.freshness import code_of
from course_tools.editions.lessons import Course
from course_tools.editions.reach import Code, Unit
from course_utils.studies import Study


def study_digests(course: Course | None = None) -> Callable[[Study], str]:
    """A function that gives the digest of a study's code, as the sources are now."""
    code = code_of(course)
    known: dict[tuple[tuple[str, str], ...], str] = {}

    def digest(study: Study) -> str:
        roots = tuple(sorted({_place(study.run), *(_place(type(each)) for each in study.variants.values())}))
        if roots not in known:
            known[roots] = _digest(code, roots)
        return known[roots]

    return digest


def _place(what: Callable[..., object]) -> tuple[str, str]:
    """The module of a function or class, and the name at its top level in which it lies."""
    return what.__module__, what.__qualname__.partition(".")[0]


def _digest(code: Code, roots: tuple[tuple[str, str], ...]) -> str:
    units: list[Unit] = []
    modules: list[str] = []
    for module, name in roots:
        if module not in code.modules:
            continue  # Python's own, such as `dict`
        bound = [unit for unit in code.table(module).bindings.get(name, ()) if isinstance(unit, Unit)]
        units += bound
        modules += [] if bound else [module]  # a lambda has no name: all that stands beside it counts
    return code.digest(units, modules)

"""A study: variants that differ in one factor, the seeds they run with, and where to find all that there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from course_utils import slices
from course_utils.errors import CourseError
from course_utils.studies.trial import run_arm
from course_utils.weights import available, card

RESULTS = "results"  # the folder in a slice
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Study:
    """A comparison that is run ahead.

    Attributes:
        name: lower-case letters, digits and "_": of the study and of its file.
        lesson: the number of the lesson that shows it, such as "04".
        says: what is compared, in a line.
        variants: label -> its settings: an `Arm`, another frozen dataclass, or a mapping of plain values. What they
            hold must be representable as JSON. Variants with equal settings and the same `run` are run once, also
            when they belong to different studies.
        seeds: three or more where a verdict is wanted.
        run: `run(settings, seed)` gives the figures of one run: name -> a number, or a list of numbers (a curve). All
            its randomness comes from the seed.
        version: to be raised when `run` does something else under the same settings: what is stored is stale then.
        weights: the names of the stored weights that the figures come from, those of the model that is judged and
            those of its judge, such as ("guided-flowers", "oracle-flowers"); or a function that gives them for a
            variant's settings, where variants use different ones:
            `weights=lambda walk: (f"ddpm-{walk.dataset}", f"recogniser-{walk.dataset}")`.
            Their digests are stored with the runs, which are stale as soon as one of them is trained again.
    """

    name: str
    lesson: str
    says: str
    variants: Mapping[str, Any]
    seeds: Sequence[int] = (0, 1, 2)
    run: Callable[[Any, int], Mapping[str, Any]] = run_arm
    version: int = 1
    weights: Sequence[str] | Callable[[Any], Sequence[str]] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise CourseError(f"{self.name!r} cannot name a study: use lower-case letters, digits and '_'.")
        if not self.variants or not self.seeds:
            raise CourseError(f"The study {self.name!r} needs at least one variant and one seed.")
        if isinstance(self.weights, str):
            raise CourseError(f"The study {self.name!r} wants a sequence of weights: ({self.weights!r},).")

    @property
    def kind(self) -> str:
        """What is run, and which version of it: equal settings mean equal runs only where this is equal too."""
        where = re.sub(r"^course_utils\.(studies|lessons)\.", "", self.run.__module__)
        return f"{where}.{self.run.__name__} {self.version}"

    def digests(self, label: str) -> dict[str, str | None]:
        """The weights that this variant's figures come from: name -> SHA-256 from the card, None if they are not here.

        Raises:
            CourseError: a card that cannot be read.
        """
        names = self.weights(self.variants[label]) if callable(self.weights) else self.weights
        return {name: card(name)["sha256"] if available(name) else None for name in names}


def plain(settings: Any) -> dict[str, Any]:
    """A variant's settings as JSON would give them back."""
    values = asdict(settings) if is_dataclass(settings) and not isinstance(settings, type) else dict(settings)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def studies(lesson: str | None = None) -> dict[str, Study]:
    """All studies by name, or those of one lesson, in the order of the lessons.

    Raises:
        CourseError: two have the same name, or the lesson has none.
    """
    found: dict[str, Study] = {}
    for number in slices.numbers() if lesson is None else [lesson]:
        for study in _declared(number):
            if study.name in found:
                raise CourseError(f"Two studies are called {study.name!r}: rename one of them.")
            found[study.name] = study
    if lesson is not None and not found:
        with_some = ", ".join(number for number in slices.numbers() if slices.has(number, "studies"))
        raise CourseError(f"Lesson {lesson} has no studies: those of lessons {with_some} do.")
    return found


def _declared(number: str) -> Sequence[Study]:
    module = slices.part(number, "studies")
    return () if module is None else module.STUDIES


def find(name: str) -> Study:
    """The study of this name. Where its results lie says whose it is, so that no other lesson's studies are loaded.

    Raises:
        CourseError: there is none.
    """
    owner = next((n for n in slices.numbers() if (slices.folder(n) / RESULTS / f"{name}.json").is_file()), None)
    known = studies(owner)
    if name not in known:
        raise CourseError(f"There is no study {name!r}: choose one of {', '.join(studies())}.")
    return known[name]

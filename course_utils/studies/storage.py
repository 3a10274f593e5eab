"""Results on disk: one JSON file a study, with the settings under which each run was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from course_utils import record, slices
from course_utils.errors import CourseError
from course_utils.experiments import Comparison
from course_utils.files import write_if_changed
from course_utils.studies.arm import Arm
from course_utils.studies.study import RESULTS, Study, find, plain

DIGITS = 5  # that count, of a stored figure


def load(name: str, figure: str) -> Comparison:
    """The stored runs of a study, as if `experiments.compare` had made them now.

    Args:
        name: of the study.
        figure: of the figures that every run gave, such as "Fréchet distance" (a number) or "loss by level" (a curve).

    Raises:
        CourseError: no such study or figure, or stored runs that are incomplete or made under other settings.
    """
    study = find(name)
    why = stale(study)
    if why:
        raise CourseError(why)
    record.note("results", name, record.digest_of_results(file_of(study).read_bytes()))
    stored = read(study)["variants"]
    runs = {}
    for label in study.variants:
        each = [stored[label]["runs"][str(seed)]["figures"] for seed in study.seeds]
        if any(figure not in one for one in each):
            raise CourseError(
                f"The runs {label!r} of the study {name!r} have no figure {figure!r}: choose one of "
                f"{', '.join(each[0])}."
            )
        runs[label] = np.array([one[figure] for one in each], dtype=float)
    return Comparison(figure, tuple(study.seeds), runs)


def settings(name: str) -> dict[str, Any]:
    """What a study ran, to print: the settings that all variants share, and in which each differs.

    Raises:
        CourseError: as for `load`.
    """
    study = find(name)
    why = stale(study)
    if why:
        raise CourseError(why)
    record.note("results", name, record.digest_of_results(file_of(study).read_bytes()))
    stored = read(study)
    each = {label: stored["variants"][label]["settings"] for label in study.variants}
    first = next(iter(each.values()))
    shared = {key: value for key, value in first.items() if all(s.get(key) == value for s in each.values())}
    runs = [run for variant in stored["variants"].values() for run in variant["runs"].values()]
    return {
        "study": study.says,
        "seeds": list(study.seeds),
        "shared": shared,
        "variants": {label: {k: v for k, v in s.items() if k not in shared} for label, s in each.items()},
        "cpu_seconds": round(sum(run["cpu_seconds"] for run in runs)),
        "machine": stored["machine"],
        "torch": stored["torch"],
    }


def stale(study: Study, code: str | None = None) -> str | None:
    """Why the stored runs cannot be used, in one sentence; None if they can.

    Args:
        study: the study.
        code: the digest of the code that its figures come from now. Only those who build the course ask for it: it
            takes all sources to tell, and what a lesson shows has been asked for before.
    """
    again = f"run `course claims {study.name}`"
    try:
        stored = read(study)
    except CourseError as error:
        return str(error)
    if not stored["variants"]:
        return f"The study {study.name!r} has not been run yet: {again}."
    for label in study.variants:
        kept = stored["variants"].get(label)
        if kept is None:
            return f"The study {study.name!r} has no runs of {label!r} yet: {again}."
        why = difference(kept, study, label, code)
        if why:
            return f"The study {study.name!r} was made under other settings ({label}: {why}): {again}."
        missing = [str(seed) for seed in study.seeds if str(seed) not in kept["runs"]]
        if missing:
            return f"The study {study.name!r} lacks the run of {label!r} with seed {missing[0]}: {again}."
    return None


def difference(kept: Mapping[str, Any], study: Study, label: str, code: str | None = None) -> str | None:
    """In what a variant's stored runs differ from what the study wants now, in a few words; None if in nothing.

    The code is compared only if its digest is given. A setting that did not exist when they were made counts as what
    it is by default in an `Arm`.
    """
    if kept["kind"] != study.kind:
        return f"they were made by {kept['kind']} and not by {study.kind}"
    wanted = study.variants[label]
    now = plain(wanted)
    before = {**(plain(Arm()) if isinstance(wanted, Arm) else {}), **kept["settings"]}
    for key in [*now, *before]:
        ours, theirs = now.get(key), before.get(key)
        if ours != theirs:
            return f"{key} was {theirs} and is {ours} now"
    known = kept.get("weights", {})
    for name, digest in study.digests(label).items():
        if digest is None:
            return f"the weights {name!r} are not here"
        if known.get(name) != digest:
            return f"the weights {name!r} {'were trained again' if name in known else 'of then are not known'}"
    if code is not None and kept.get("code") != code:
        return f"the code that makes them {'has changed' if 'code' in kept else 'of then is not known'}"
    return None


def read(study: Study) -> dict[str, Any]:
    """What is stored of a study; an empty one if nothing is.

    Raises:
        CourseError: the file is damaged.
    """
    path = file_of(study)
    if not path.is_file():
        return {"study": study.name, "lesson": study.lesson, "says": study.says, "variants": {}}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored["variants"], stored["machine"], stored["torch"]
        for variant in stored["variants"].values():
            variant["kind"], variant["settings"], variant["runs"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CourseError(
            f"The results of the study {study.name!r} cannot be read: run `course claims {study.name} --force`."
        ) from None
    return stored


def write(study: Study, stored: Mapping[str, Any]) -> None:
    """Store results, the variants in the study's order, all at once."""
    ordered = {label: stored["variants"][label] for label in study.variants if label in stored["variants"]}
    for variant in ordered.values():
        wanted = {seed: run for seed, run in variant["runs"].items() if int(seed) in study.seeds}
        variant["runs"] = dict(sorted(wanted.items(), key=lambda pair: int(pair[0])))
    content = {**stored, "lesson": study.lesson, "says": study.says, "variants": ordered}
    write_if_changed(file_of(study), (_json(content) + "\n").encode("utf-8"))


def file_of(study: Study) -> Path:
    """Where a study's results lie, in the slice of its lesson."""
    return slices.folder(study.lesson) / RESULTS / f"{study.name}.json"


def rounded(value: Any) -> Any:
    """Figures with DIGITS digits that count; a curve's one by one."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [rounded(v) for v in value]
    return float(f"{float(value):.{DIGITS}g}")


def _json(value: Any, depth: int = 0) -> str:
    """JSON with a line for each figure: a curve on one line, so that a change of the figures can be read as a diff."""
    if isinstance(value, dict) and value:
        inner = ",\n".join(
            " " * (depth + 1) + json.dumps(key, ensure_ascii=False) + ": " + _json(item, depth + 1)
            for key, item in value.items()
        )
        return "{\n" + inner + "\n" + " " * depth + "}"
    return json.dumps(value, ensure_ascii=False)

"""Running studies: only what is missing or stale, one run at a time, each stored as soon as it is done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from course_utils import weights
from course_utils.errors import CourseError
from course_utils.studies import storage
from course_utils.studies.arm import Arm
from course_utils.studies.study import Study, plain, studies
from course_utils.training import machine


@dataclass(frozen=True)
class Job:
    """One run of a variant with a seed, the digests of the weights that it is to judge, and that of its code."""

    study: Study
    label: str
    seed: int
    digests: Mapping[str, str | None]
    code: str | None

    @property
    def settings(self) -> Any:
        return self.study.variants[self.label]

    @property
    def key(self) -> str:
        """Equal for runs that must give the same figures."""
        return json.dumps([self.study.kind, plain(self.settings), self.seed, self.digests, self.code], sort_keys=True)

    @property
    def order(self) -> tuple[str, int, str]:
        """Jobs are run in this order: those that share a training follow each other."""
        shared = self.settings.training() if isinstance(self.settings, Arm) else self.settings
        return self.study.kind, self.seed, json.dumps(plain(shared), sort_keys=True)


def run(
    chosen: Iterable[Study],
    *,
    force: bool = False,
    quiet: bool = False,
    code: Callable[[Study], str] | None = None,
) -> int:
    """Run what the studies lack, and store it run by run, so that an interrupt loses the current run alone.

    A run that another study has stored under the same settings is copied from there.

    Args:
        chosen: the studies.
        force: also run again what is stored and fresh.
        quiet: no progress bar.
        code: gives the digest of the code that a study's figures come from. It is stored with the runs, and what was
            made by other code is run again; without it, nobody asks by which code stored runs were made.

    Returns:
        how many runs were made; copies do not count.

    Raises:
        CourseError: a run gave a figure that is not finite, or its training diverged; or weights that a study judges
            are not here, or were trained again while it ran.
    """
    chosen = list(chosen)
    jobs = sorted((job for study in chosen for job in _jobs(study, force, code)), key=lambda job: job.order)
    done: dict[str, dict[str, Any]] = {}
    made = 0
    with tqdm(jobs, desc="runs", disable=quiet, unit="run") as bar:
        for number, job in enumerate(bar):
            bar.set_description(f"{job.study.name}: {job.label}, seed {job.seed}")
            try:
                if not force:
                    done |= _stored(code)  # read anew each time: somebody else may be running other studies
                if job.key not in done:
                    done[job.key] = _measure(job)
                    made += 1
                _keep(job, done[job.key])
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"Stopped: {number} of {len(jobs)} runs are done and stored; the same command goes on from there."
                ) from None
    for study in chosen:  # a line that was reworded, another order, a variant or a seed less: that takes no run
        if storage.stale(study) is None:
            storage.write(study, storage.read(study))
    return made


def _jobs(study: Study, force: bool, code: Callable[[Study], str] | None) -> Iterator[Job]:
    made_by = code(study) if code else None
    try:
        stored = storage.read(study)["variants"]
    except CourseError:
        stored = {}
    for label in study.variants:
        kept = stored.get(label)
        fresh = kept is not None and storage.difference(kept, study, label, made_by) is None
        digests = study.digests(label)
        for seed in study.seeds:
            if force or not fresh or str(seed) not in kept["runs"]:
                for name in digests:
                    weights.path(name)  # now, with the sentence that says how to get them, and not after an hour
                yield Job(study, label, seed, digests, made_by)


def _stored(code: Callable[[Study], str] | None) -> dict[str, dict[str, Any]]:
    """Every fresh run on disk, of whatever study, under the key of the job that it would answer."""
    found = {}
    for study in studies().values():
        made_by = code(study) if code else None
        try:
            stored = storage.read(study)["variants"]
        except CourseError:
            continue
        for label in study.variants:
            kept = stored.get(label)
            if kept is None or storage.difference(kept, study, label, made_by) is not None:
                continue
            digests = study.digests(label)
            for seed in study.seeds:
                if str(seed) in kept["runs"]:
                    found[Job(study, label, seed, digests, made_by).key] = kept["runs"][str(seed)]
    return found


def _measure(job: Job) -> dict[str, Any]:
    """The figures of a run, and what it cost: of this process's own time, because the machine may be busy elsewhere."""
    started = time.process_time()
    figures = job.study.run(job.settings, job.seed)
    for name, value in figures.items():
        if not np.isfinite(np.asarray(value, dtype=float)).all():
            raise CourseError(
                f"In the study {job.study.name!r}, the run {job.label!r} with seed {job.seed} gave a {name} that is "
                f"not finite: {value}."
            )
    seconds = round(time.process_time() - started, 1)
    if job.study.digests(job.label) != job.digests:  # and nobody knows which of them this process had loaded
        raise CourseError(
            f"Weights that the study {job.study.name!r} judges were trained again while it ran: run it again."
        )
    return {"figures": {name: storage.rounded(value) for name, value in figures.items()}, "cpu_seconds": seconds}


def _keep(job: Job, result: dict[str, Any]) -> None:
    """Store a run. Runs of the same variant under other settings go: figures of two settings never stand together."""
    study = job.study
    try:
        stored = storage.read(study)
    except CourseError:
        stored = {"study": study.name, "variants": {}}
    kept = stored["variants"].get(job.label)
    runs = {} if kept is None or storage.difference(kept, study, job.label, job.code) else kept["runs"]
    runs[str(job.seed)] = result
    stored["variants"][job.label] = {
        "kind": study.kind,
        "settings": plain(job.settings),
        **({"weights": dict(job.digests)} if job.digests else {}),
        **({"code": job.code} if job.code else {}),
        "runs": {seed: runs[seed] for seed in map(str, study.seeds) if seed in runs},
    }
    stored["torch"] = torch.__version__.split("+")[0]
    stored["machine"] = machine(torch.device("cpu"))
    storage.write(study, stored)

"""Running studies: only what is missing or stale, each run stored as soon as it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from course_utils import weights
from course_utils.errors import CourseError
from course_utils.files import check_writable
from course_utils.halves import one_thread
from course_utils.studies import storage
from course_utils.studies.arm import Arm
from course_utils.studies.study import Study, plain, studies
from course_utils.studies.workers import Worker, crew, first_done, timed
from course_utils.training import machine


@dataclass(frozen=True)
class Job:
    """One run of a variant with a seed, and the digests of the weights that it judges and of its code."""

    study: Study
    label: str
    seed: int
    digests: Mapping[str, str | None]
    code: str | None

    @property
    def settings(self) -> Any:
        return self.study.variants[self.label]

    @property
    def title(self) -> str:
        return f"{self.study.name}: {self.label}, seed {self.seed}"

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
    workers: int = 1,
    code: Callable[[Study], str] | None = None,
) -> int:
    """Run what the studies lack, and store it run by run, so that an interrupt loses the current runs alone.

    A run that another study has stored under the same settings is copied from there. Every run has one thread, so that
    its figures are the same whether it is made alone or beside others.

    Args:
        chosen: the studies.
        force: also run again what is stored and fresh.
        quiet: no progress bar.
        workers: how many runs are made at a time, with more than one each in a process of its own.
        code: gives the digest of the code that a study's figures come from. It is stored with the runs, and what was
            made by other code is run again; without it, nobody asks by which code stored runs were made.

    Returns:
        how many runs were made; copies do not count.

    Raises:
        CourseError: a run gave a figure that is not finite, or its training diverged; or weights that a study judges
            are not here, or were trained again while it ran; or there is no worker; or results cannot be written.
    """
    if workers < 1:
        raise CourseError(f"Runs are made by 1 worker or more: workers is {workers}.")
    chosen = list(chosen)
    jobs = sorted((job for study in chosen for job in _jobs(study, force, code)), key=lambda job: job.order)
    for folder in {storage.file_of(job.study).parent for job in jobs}:
        check_writable(folder)  # before the work, not after it
    workers = min(workers, len({job.order for job in jobs}))  # those that share a training are one's work
    way = _one_by_one if workers < 2 else partial(_side_by_side, workers)
    # What is stored is read anew each time: somebody else may be running other studies.
    look: Look = dict if force else partial(_stored, code)
    stored = made = 0
    with one_thread(), tqdm(total=len(jobs), desc="runs", disable=quiet, unit="run") as bar:
        try:
            with closing(way(jobs, look, bar.set_description)) as results:
                for job, result, new in results:
                    _keep(job, result)
                    stored, made = stored + 1, made + new
                    bar.update()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"Stopped: {stored} of {len(jobs)} runs are done and stored; the same command goes on from there."
            ) from None
    for study in chosen:  # a line that was reworded, another order, a variant or a seed less: that takes no run
        if storage.stale(study) is None:
            storage.write(study, storage.read(study))
    return made


Look = Callable[[], dict[str, dict[str, Any]]]  # the runs that are stored now, by the key of their job
Results = Generator[
    tuple[Job, dict[str, Any], bool], None, None
]  # a run, what is stored of it, and whether it was made now


def _one_by_one(jobs: list[Job], look: Look, tell: Callable[[str], None]) -> Results:
    done: dict[str, dict[str, Any]] = {}
    for job in jobs:
        tell(job.title)
        done |= look()
        new = job.key not in done
        if new:
            done[job.key] = _checked(job, *timed(job.study.run, job.settings, job.seed))
        yield job, done[job.key], new


def _side_by_side(count: int, jobs: list[Job], look: Look, tell: Callable[[str], None]) -> Results:
    done: dict[str, dict[str, Any]] = {}
    waiting = list(jobs)
    with crew(count) as workers:
        while waiting or any(worker.task for worker in workers):
            done |= look()
            for job in [job for job in waiting if job.key in done]:
                waiting.remove(job)
                yield job, done[job.key], False
            for worker in workers:
                chosen = _next(worker, workers, waiting) if worker.task is None else None
                if chosen is not None:
                    waiting.remove(chosen)
                    worker.begin(chosen, chosen.order, chosen.study.run, chosen.settings, chosen.seed)
            busy: list[Job] = [worker.task for worker in workers if worker.task is not None]
            if busy:
                tell(" | ".join(job.title for job in busy))
                job, figures, seconds = first_done(workers).end()
                done[job.key] = _checked(job, figures, seconds)
                yield job, done[job.key], True


def _next(worker: Worker[Job], workers: Sequence[Worker[Job]], waiting: Sequence[Job]) -> Job | None:
    """What a worker does next: what shares the training that it has made, else what nobody else is at."""
    taken = {other.group for other in workers if other.task is not None}
    own = (job for job in waiting if job.order == worker.group)
    return next(own, None) or next((job for job in waiting if job.order not in taken), None)


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


def _checked(job: Job, figures: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """What is stored of a run."""
    for name, value in figures.items():
        if not np.isfinite(np.asarray(value, dtype=float)).all():
            raise CourseError(
                f"In the study {job.study.name!r}, the run {job.label!r} with seed {job.seed} gave a {name} that is "
                f"not finite: {value}."
            )
    if job.study.digests(job.label) != job.digests:  # and nobody knows which of them the process had loaded
        raise CourseError(
            f"Weights that the study {job.study.name!r} judges were trained again while it ran: run it again."
        )
    found = {name: storage.rounded(value) for name, value in figures.items()}
    return {"figures": found, "cpu_seconds": round(seconds, 1)}


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

"""Comparisons of one factor at a time, over several seeds, with a verdict that may go either way.

`compare` runs every variant with every seed; `claim` states what somebody says, measures it on a comparison, and
answers *holds here*, *does not hold here* or *too close to call*. All three are good answers.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from tqdm.auto import tqdm

from course_utils.errors import CourseError

HOLDS = "holds here"
FAILS = "does not hold here"
CLOSE = "too close to call"

#: a claim as data in a notebook's outputs, from which the page of claims is made
CLAIM_MIME = "application/vnd.from-noise-to-flowers.claim+json"


@dataclass(frozen=True)
class Comparison:
    """What `compare` measured.

    Attributes:
        figure: what the numbers are, with their unit.
        seeds: the seeds, in the order of the runs.
        runs: variant -> array (runs,), one number a seed, or (runs, n), one curve a seed.
        random: False if nothing in the runs is random, so that one run says all.
    """

    figure: str
    seeds: tuple[int, ...]
    runs: dict[str, np.ndarray]
    random: bool = True

    def map(self, function: Callable[[np.ndarray], float], figure: str) -> Comparison:
        """The comparison of another figure, computed from every run of this one (a curve, say)."""
        runs = {name: np.array([function(run) for run in values]) for name, values in self.runs.items()}
        return Comparison(figure, self.seeds, runs, self.random)

    def columns(self, variant: str, names: Iterable[str]) -> Comparison:
        """The comparison of the numbers that each run of one variant gave, in the order of `names`."""
        runs = {name: self.runs[variant][:, k] for k, name in enumerate(names)}
        return Comparison(self.figure, self.seeds, runs, self.random)

    def table(self) -> pd.DataFrame:
        """One row a variant: mean, spread (standard deviation over the seeds) and every run; one value if not random.

        Raises:
            CourseError: the runs are curves, which a table cannot hold; draw them with `plots.curves`.
        """
        rows: dict[str, dict[str, float]] = {}
        for name, values in self.runs.items():
            if values.ndim != 1:
                raise CourseError(f"The runs of {name!r} are curves, not single numbers: draw them with plots.curves.")
            if not self.random:
                rows[name] = {"value": values.mean()}
                continue
            spread = values.std(ddof=1) if len(values) > 1 else math.nan
            each = {f"seed {seed}": value for seed, value in zip(self.seeds, values, strict=True)}
            rows[name] = {"mean": values.mean(), "spread": spread, **each}
        frame = pd.DataFrame(rows).T
        frame.columns.name = self.figure
        return frame


def compare(
    variants: Mapping[str, Callable[[int], Any]],
    seeds: Iterable[int],
    figure: str,
    random: bool = True,
    progress: bool = True,
) -> Comparison:
    """Run every variant with every seed, seeds outermost, so that an interrupt loses no variant more than another.

    Args:
        variants: name -> function of the seed that returns one number or one curve. The functions differ in one
            factor alone, and draw all their randomness from the seed, so that runs can be compared in pairs.
        seeds: at least one; three or more where a verdict is wanted.
        figure: what is measured, with its unit.
        random: False if nothing in the runs is random; then one seed is enough for a verdict.
        progress: show a bar.

    Raises:
        CourseError: no variants or no seeds, or a run that is not finite.
    """
    seeds = tuple(seeds)
    if not variants or not seeds:
        raise CourseError("A comparison needs at least one variant and one seed.")
    runs: dict[str, list[np.ndarray]] = {name: [] for name in variants}
    with tqdm(total=len(seeds) * len(variants), desc=figure, disable=not progress, leave=False) as bar:
        for seed in seeds:
            for name, run in variants.items():
                value = np.asarray(run(seed), dtype=float)
                if not np.isfinite(value).all():
                    raise CourseError(f"The run {name!r} with seed {seed} gave a value that is not finite: {value}.")
                runs[name].append(value)
                bar.update()
    return Comparison(figure, seeds, {name: np.stack(values) for name, values in runs.items()}, random)


@dataclass(frozen=True)
class Claim:
    """A statement, where it comes from, what was measured, and the verdict. Shows as a box in a notebook."""

    statement: str
    source: str
    measured: str
    verdict: str

    def __str__(self) -> str:
        return f"Claim: {self.statement} ({self.source})\nMeasured: {self.measured}\nVerdict: {self.verdict}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        rows = (("Claim", self.statement), ("Source", self.source), ("Measured", self.measured))
        lines = "".join(f"> **{key}:** {html.escape(value, quote=False)}  \n" for key, value in rows)
        box = f"{lines}> **Verdict:** *{self.verdict}*"
        return {"text/plain": str(self), "text/markdown": box, CLAIM_MIME: asdict(self)}

    __repr__ = __str__


def claim(
    statement: str, source: str, comparison: Comparison, more: str, less: str, margin: float = 0.0, digits: int = 3
) -> Claim:
    """Is the figure of `more` larger than that of `less`, by more than `margin`?

    The runs are paired by their seeds. The claim holds if the whole 95 % confidence interval of the mean difference
    (Student's t) lies above the margin, it does not hold if all of it lies at or below the margin, and otherwise it
    is too close to call. Where there is nothing random and all differences are equal, the interval is a point.

    Args:
        statement: what is claimed, one sentence without its full stop.
        source: who says so.
        comparison: single numbers, not curves.
        more, less: names of two variants of the comparison.
        margin: how large a difference must be to matter, in the figure's unit.
        digits: decimals in the text.

    Raises:
        CourseError: a variant that was not compared, curves, or fewer than two seeds.
    """
    a, b = _numbers(comparison, more), _numbers(comparison, less)
    low, high = _interval(a - b, comparison.random)
    verdict = HOLDS if low > margin else FAILS if high <= margin else CLOSE
    measured = (
        f"{comparison.figure}: {more} {_spread(a, digits)}, {less} {_spread(b, digits)}; "
        f"difference {(a - b).mean():+.{digits}f}{_plain_interval(low, high, comparison, digits)}"
    )
    return Claim(statement, source, measured + (f", margin {margin:g}" if margin else ""), verdict)


def claim_equal(
    statement: str, source: str, comparison: Comparison, name: str, expected: float, tolerance: float, digits: int = 3
) -> Claim:
    """Is the figure of `name` equal to `expected`, up to `tolerance`?

    The claim holds if the whole 95 % confidence interval of the mean (Student's t) lies within the tolerance, it does
    not hold if all of it lies outside, and otherwise it is too close to call.

    Args:
        statement, source, comparison, digits: as for `claim`.
        name: a variant of the comparison.
        expected, tolerance: in the figure's unit.

    Raises:
        CourseError: as for `claim`.
    """
    values = _numbers(comparison, name)
    low, high = _interval(values - expected, comparison.random)
    inside = -tolerance <= low and high <= tolerance
    outside = high < -tolerance or low > tolerance
    verdict = HOLDS if inside else FAILS if outside else CLOSE
    measured = (
        f"{comparison.figure}: {name} {_spread(values, digits)}, expected {expected:g} ± {tolerance:g}"
        f"{_plain_interval(low + expected, high + expected, comparison, digits)}"
    )
    return Claim(statement, source, measured, verdict)


def _numbers(comparison: Comparison, name: str) -> np.ndarray:
    """The runs of one variant, if a verdict can be built on them."""
    if name not in comparison.runs:
        raise CourseError(f"{name!r} was not compared: there are {', '.join(comparison.runs)}.")
    values = comparison.runs[name]
    if values.ndim != 1:
        raise CourseError("A verdict needs single numbers, not curves: reduce each run to one with Comparison.map.")
    if comparison.random and len(values) < 2:
        raise CourseError("A verdict on something random needs at least two seeds.")
    return values


def _interval(values: np.ndarray, random: bool, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval for the mean; a point where nothing is random."""
    mean = float(values.mean())
    if not random:
        return mean, mean
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return mean - half, mean + half


def _spread(values: np.ndarray, digits: int) -> str:
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def _plain_interval(low: float, high: float, comparison: Comparison, digits: int) -> str:
    if not comparison.random:
        return " (nothing is random here)"
    return f", 95 % interval {low:.{digits}f} to {high:.{digits}f} ({len(comparison.seeds)} seeds)"

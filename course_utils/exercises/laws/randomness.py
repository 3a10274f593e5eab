"""Noise is noise: normal, of mean 0 and variance 1, its own for each picture, channel and step, from the generator."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.exercises.framework import Answer
from course_utils.exercises.laws.law import Law, Trial
from course_utils.exercises.laws.words import apart, difference, tensors

AXES = ("step", "picture", "channel", "row", "column")
SURE = 5.5  # standard errors: of a million right answers not one is refused


def noise(drawn: Callable[[Answer], Tensor]) -> Law:
    """The noise that an answer adds is standard normal, and independent along every axis.

    Args:
        drawn: runs an answer and gives the noise that it added, (steps, B, C, H, W), divided by the standard deviation
            that the formula says; found from what the network saw, so that any order of drawing is right.
    """

    def look(trial: Trial) -> str | None:
        return unlike_noise(drawn(trial.mine).detach().double())

    return Law("noise", look)


def unlike_noise(z: Tensor) -> str | None:
    """In what z (steps, B, C, H, W) differs from standard normal noise, as a hint; None if in nothing."""
    n, flat = z.numel(), z.flatten()
    if float(flat.abs().max()) < 1e-3:
        return "no noise is added on the way: each step needs its own z."
    hint = _repeats(z)
    if hint is not None:
        return hint
    mean, variance = float(flat.mean()), float(flat.var())
    margin = SURE * math.sqrt(2 / n)
    if abs(variance - 1) > margin:
        got, want = apart(variance, 1.0, 2)
        even = variance < 0.2 and float(flat.min()) > -0.1
        return f"the noise has the variance {got}, it should be {want}: is " + (
            "it even noise? Use torch.randn, not torch.rand." if even else "it multiplied by the standard deviation?"
        )
    if abs(mean) > SURE / math.sqrt(n):
        got, want = apart(mean, 0.0, 2)
        return f"the noise has the mean {got}, it should be {want}: use torch.randn, not torch.rand."
    each = z.flatten(1).var(1)
    loud = int(((each - each.mean()).abs()).argmax())
    if len(z) > 1 and abs(float(each[loud] / each.mean()) - 1) > SURE * math.sqrt(2 / z[0].numel()):
        got, want = apart(float(each[loud]), float(each.mean()), 2)
        return f"the noise of one step, the {_nth(loud + 1)}, has the variance {got}; over all steps it is {want}."
    scaled = (flat - mean) / variance**0.5
    for power, name, normal, spread in ((3, "skewness", 0.0, 6), (4, "fourth moment", 3.0, 24)):
        moment = float((scaled**power).mean())
        if abs(moment - normal) > SURE * math.sqrt(spread / n):
            got, want = apart(moment, normal, 2)
            return (
                f"the noise has the right variance and is not normal: its {name} is {got}, it should be {want}. Use "
                "torch.randn, and cut nothing off."
            )
    return None


def _repeats(z: Tensor) -> str | None:
    """Whether noise comes again along an axis, or a part of it does."""
    for axis, name in enumerate(AXES[: z.ndim]):
        if z.shape[axis] < 2:
            continue
        first, rest = z.narrow(axis, 0, 1), z.narrow(axis, 1, z.shape[axis] - 1)
        before = z.narrow(axis, 0, z.shape[axis] - 1)
        for one, other in ((before, rest), (first.expand_as(rest), rest)):
            a, b = one.flatten() - one.mean(), other.flatten() - other.mean()
            together = float((a * b).mean() / (a.square().mean() * b.square().mean()).sqrt().clamp_min(1e-12))
            if abs(together) > SURE / math.sqrt(first.numel() if one is not before else a.numel()):
                what = {
                    "step": "every step adds the same noise: draw a new z inside the loop",
                    "picture": "all pictures of the batch get the same noise: draw z with the whole shape of x",
                }.get(name, f"all {name}s get the same noise: draw z with the whole shape of x")
                if abs(together) < 0.98:
                    what = f"the noise of one {name} depends on that of another: each number should be its own draw"
                return f"{what} (their correlation is {together:.2f}, it should be near {0:.2f})."
    return None


def _nth(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def generator() -> Law:
    """What is random comes from the generator that was given: the same for the same seed, another the next time."""

    def look(trial: Trial) -> str | None:
        def run(source: Generator, elsewhere: int) -> Tensor:
            given = trial.values()
            given["generator"] = source
            torch.manual_seed(elsewhere)
            found = trial.answer(given)
            return torch.cat([tensor.detach().double().flatten() for tensor in tensors(found)])

        source = Generator().manual_seed(5)
        start = source.get_state()
        first = run(source, 1)
        untouched = torch.equal(start, source.get_state())
        if difference(run(Generator().manual_seed(5), 2), first, 1e-9) is not None:
            return (
                "the same generator seed gives two different results: draw with torch.randn(..., generator=generator)."
            )
        if untouched:
            return "another seed gives the same result, for the generator is never used: is a seed set inside?"
        if difference(run(source, 1), first, 1e-9) is None:
            return "two calls with one generator give the same result: set no seed inside, and make no copy of it."
        if difference(run(Generator().manual_seed(6), 1), first, 1e-9) is None:
            return "another seed gives the same result: is the generator used?"
        return None

    return Law("generator", look)

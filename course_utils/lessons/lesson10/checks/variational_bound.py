"""Checks of the variational bound, the sum of its steps, with networks whose guesses are known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, expect, expect_values
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson10.checks.inputs import ALPHA_BAR, near_levels, number


class Told(laws.Asked):
    """A stand-in for the network whose guess at x0 is known: `centre + off * sin(step)`, whatever noise it is shown.

    Args:
        centre: one picture, (1, C, H, W), or a batch; what it guesses all pictures to be, nearly.
        alpha_bar: (T + 1,).
        off: how far off the guess is.
    """

    def __init__(self, centre: Tensor, alpha_bar: Tensor, off: float) -> None:
        super().__init__()
        self.centre, self.alpha_bar, self.off = centre, alpha_bar, off

    @property
    def T(self) -> int:  # noqa: N802 - the symbol of the lesson
        return len(self.alpha_bar) - 1

    def guess(self, step: int) -> Tensor:
        return self.centre + self.off * math.sin(step)

    def answer(self, x: Tensor, t: Tensor, cond: object = None) -> Tensor:
        step = min(max(round(float(t[0]) * self.T / 1000), 0), self.T)
        a = self.alpha_bar[step]
        return ((x - a.sqrt() * self.guess(step)) / (1 - a).sqrt().clamp_min(1e-9)).to(x)


def _pictures(B: int = 3, shape: tuple[int, ...] = (2, 4, 4), size: float = 0.4) -> tuple[Tensor, Tensor]:
    """A picture (1, *shape), and B pictures near it whose pixels are among the 256 values."""
    centre = (size * normal(1, *shape, seed=7)).clamp(-0.8, 0.8)
    return centre, diffusion.to_levels(centre + 0.03 * normal(B, *shape, seed=8))


def _terms(model: Told, x0: Tensor) -> Tensor:
    """Every term of the bound for a guess that is known, (T + 1,): exact, whatever the noise."""
    alpha_bar = model.alpha_bar
    terms = [diffusion.bits_of_prior(x0, alpha_bar)]
    for step in range(1, len(alpha_bar)):
        guess, t = model.guess(step).clamp(-1, 1).expand_as(x0), torch.full((len(x0),), step)
        if step == 1:
            terms.append(diffusion.bits_of_last_step(x0, guess, (1 - alpha_bar[1]).sqrt()))
        else:
            terms.append(diffusion.bits_of_step(x0, guess, t, alpha_bar))
    return torch.stack(terms).mean(dim=1)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _added_noise(answer: Answer) -> Tensor:
    """The noise in what the network is shown, (T, B, C, H, W), from the first time on."""
    centre, x0 = _pictures(8, (3, 8, 8))
    model = Told(centre, ALPHA_BAR, 0.1)
    answer(model, x0, ALPHA_BAR, _generator(3))
    found = []
    for time in sorted(model.steps):
        a = ALPHA_BAR[round(time * model.T / 1000)]
        found.append((model.at(time) - a.sqrt() * x0) / (1 - a).sqrt())
    return torch.stack(found)


def _asked(trial: laws.Trial) -> str | None:
    """Each step asks once about each picture, at its time on the scale of training; in any order."""
    for T in (20, 7):
        given = trial.values(T=T)
        trial.answer(given)
        network, B = given["predict"], len(given["x0"])
        if len(network.steps) != T:
            return f"with T = {T} the network is asked at {len(network.steps)} times, it should be asked at {T}."
        for step, told in enumerate(sorted(network.steps), 1):
            wrong = laws.wrong_time(told, 1000 * step / T, T)
            if wrong is not None:
                return f"with T = {T} {wrong}."
            if len(network.at(told)) != B:
                return (
                    f"at the time {told:g} the network is asked about {len(network.at(told))} pictures, it should be "
                    f"about {B}: once for each."
                )
    return None


def _in_the_pictures_dtype(trial: laws.Trial) -> str | None:
    """What the network is shown has the dtype of the pictures, else a real one stops."""
    for dtype in (torch.float32, torch.float64):
        given = trial.values(dtype=dtype)
        trial.answer(given)
        network = given["predict"]
        for time in network.steps:
            seen = str(network.at(time).dtype).removeprefix("torch.")
            wanted = str(dtype).removeprefix("torch.")
            if seen != wanted:
                return (
                    f"the pictures are {wanted}, and the network is shown {seen} ones, at which one with {wanted} "
                    "weights stops: give the noise the dtype of x0, and let q_sample bring alpha_bar there."
                )
    return None


def _any_size(trial: laws.Trial) -> str | None:
    """For other numbers of steps and pictures, and other shapes, the bound is the sum of its terms."""
    for T, B, shape in ((1, 2, (1, 5, 7)), (7, 4, (4, 4, 4)), (60, 1, (3, 2, 6))):
        centre, x0 = _pictures(B, shape)
        model = Told(centre, diffusion.alpha_bars(diffusion.linear_schedule(T, 1e-3, 0.15 + 0.2 / T)), 0.1)
        got = number(trial.mine(model, x0, model.alpha_bar, _generator(4)), "the bound").item()
        want = _terms(model, x0).sum().item()
        if abs(got - want) > 1e-5 * want:
            one, other = apart(got, want)
            return f"with T = {T} and {B} pictures of shape {shape} the bound is {one}, it should be {other}."
    return None


variational_bound = Exercise(
    "variational_bound",
    reference=diffusion.variational_bound,
    inputs=laws.Inputs(make={"predict": lambda sizes: laws.Asked(), "x0": lambda sizes: near_levels(sizes)[0]}),
    laws=(
        laws.unchanged(),
        laws.Law("asks", _asked),
        laws.noise(_added_noise),
        laws.generator(),
        laws.Law("dtypes", _in_the_pictures_dtype),
        laws.layouts(),
        laws.Law("any_size", _any_size),
    ),
    waive={"gradients": "one plain number comes back, and nothing learns from it"},
)


@variational_bound.part
def bound_is_the_sum_of_its_terms(answer: Answer) -> None:
    centre, x0 = _pictures()
    model = Told(centre, ALPHA_BAR, 0.1)
    got = number(answer(model, x0, ALPHA_BAR, _generator(1)), "the bound")
    expect(bool(model.steps), "`predict` is never called.")
    latest = max(model.steps)
    expect(
        latest > 100,
        f"the network was asked about t = {latest:g} at most; with T = 40 it should be 1000: it knows times on the "
        "scale 0 to 1000, so pass `model_time(t, T)`.",
    )
    expect(
        len(model.steps) == 40,
        f"a chain of 40 steps asks the network at 40 times, and yours at {len(model.steps)}: t runs from 1 to T.",
    )
    terms = _terms(model, x0)
    want, last = terms.sum(), terms[1]
    wide = diffusion.bits_of_last_step(x0, model.guess(1), float(1 - ALPHA_BAR[1])).mean()
    every = [
        diffusion.bits_of_step(
            x0, model.guess(s), torch.full((3,), s), ALPHA_BAR, 1 - ALPHA_BAR[[s]] / ALPHA_BAR[[s - 1]]
        )
        for s in range(2, 41)
    ]
    beta = torch.stack(every).mean(1)
    expect_values(
        got,
        want,
        {
            "the prior's term is missing: what of the picture is still to be seen at T has to be paid for as well.": (
                want - terms[0]
            ),
            "the last step is missing: it is bits_of_last_step, at t = 1.": want - last,
            "the terms are averaged over the steps: the bound is their sum.": want / 40,
            "the step from T is missing.": want - terms[40],
            "the step from 2 to 1 is missing.": want - terms[2],
            "in the last step the variance went in where the standard deviation belongs: its root.": want - last + wide,
            "the steps have the variance beta: it should be beta-tilde, `posterior_variance`.": (
                want - terms[2:].sum() + beta.sum()
            ),
            "the pictures' bounds are added up: take their mean.": 3 * want,
        },
        "for a made-up network the bound is {} bits per dimension, it should be {}.".format(
            *apart(got.item(), want.item())
        ),
        tolerance=1e-5,
    )


@variational_bound.part
def bound_clamps_the_guess(answer: Answer) -> None:
    ends = normal(1, 2, 4, 4, seed=7).sign()
    x0 = diffusion.to_levels(0.97 * ends + 0.01 * normal(3, 2, 4, 4, seed=8))
    model = Told(3 * ends, ALPHA_BAR, 0.0)
    got = number(answer(model, x0, ALPHA_BAR, _generator(2)), "the bound").item()
    want = _terms(model, x0).sum().item()
    one, other = apart(got, want)
    expect(
        abs(got - want) < 1e-4 * want,
        f"where the network guesses at pixels beyond -1 and 1 the bound is {one}, it should be {other}: clamp the "
        "guess at x0.",
    )

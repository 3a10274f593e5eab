"""Checks of which steps are kept, and of how much fresh noise a step adds."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    a_type,
    close,
    expect,
    expect_values,
)
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson06.checks.inputs import long

respace = Exercise(
    "respace",
    reference=samplers.respace,
    waive={"any_size": "a part of its own tries many, because halves may be rounded either way"},
)


def _kept(answer: Answer, T: int, steps: int) -> Tensor:
    """The answer's times, if they are steps + 1 whole numbers."""
    got = answer(T, steps)
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    expect(
        isinstance(got, Tensor),
        f"your function returns {a_type(got)}, it should return a tensor: `torch.tensor(...)` makes one.",
    )
    expect(got.ndim == 1, f"the result has shape {tuple(got.shape)}: a plain list of times has shape ({steps + 1},).")
    if len(got) == steps:
        ends = f"from {got[0].item():g} to {got[-1].item():g}"
        expect(
            False,
            f"{steps} steps need {steps + 1} times, fence posts rather than fences: yours are {steps} times, {ends}.",
        )
    expect(
        len(got) == steps + 1,
        f"respace({T}, {steps}) gives {len(got)} times, it should give {steps + 1}"
        + (": is T / steps cut to a whole number?" if T % steps else "."),
    )
    return got


@respace.part
def respace_goes_from_noise_to_data(answer: Answer) -> None:
    got = _kept(answer, 1000, 10).double()
    want = torch.arange(1000, -1, -100).double()
    expect_values(
        got,
        want,
        {
            "the times rise: a sampler walks from noise to data, from T down to 0.": want.flip(0),
            "the first time is 999: in this course noise is at t = T itself, because t = 0 is the clean picture.": (
                torch.linspace(999, 0, 11).double().round()
            ),
            "the last time is 1, so some noise stays: the walk ends at t = 0.": (
                torch.linspace(1000, 1, 11).double().round()
            ),
        },
        f"ten steps from 1000 should visit 1000, 900, ..., 0; yours visit {', '.join(f'{t:g}' for t in got[:3])}, ..., "
        f"{got[-1].item():g}.",
    )


@respace.part
def respace_is_even_whatever_the_number(answer: Answer) -> None:
    few = [(T, steps) for T in range(1, 13) for steps in range(1, T + 1)]
    for T, steps in [(1000, 7), (1000, 6), (1000, 300), (100, 37), (20, 20), (50, 1), (1000, 1000), *few]:
        got = _kept(answer, T, steps).double()
        name = f"respace({T}, {steps})"
        expect(
            got[0] == T and got[-1] == 0,
            f"{name} goes from {got[0].item():g} to {got[-1].item():g}, it should go from {T} to 0"
            + (f" although {T} is no multiple of {steps}." if T % steps else "."),
        )
        expect(bool((got[1:] < got[:-1]).all()), f"{name} visits a time twice: the times should fall strictly.")
        expect(bool((got == got.round()).all()), f"{name} holds fractions: round to whole steps.")
        even = T * (1 - torch.arange(steps + 1, dtype=torch.float64) / steps)
        gap = (got - even).abs()
        k = int(gap.argmax())
        expect(
            gap[k] <= 0.5 + 1e-4,
            f"{name} has {got[k].item():g} where even spacing has {even[k].item():.2f}: round to the nearest whole "
            "number, do not cut off, and do not round the distance between two times.",
        )


@respace.part
def respace_gives_indices(answer: Answer) -> None:
    got = _kept(answer, 100, 4)
    expect(
        got.dtype == torch.int64,
        f"the times are {str(got.dtype).removeprefix('torch.')}: they are used as indices into alpha_bar, so end with "
        "`.long()`.",
    )


def _ddim_sigma(t: int, s: int, alpha_bar: Tensor, eta: float = 1.0) -> Tensor:
    """sigma of the step from t to s: eta sqrt((1 - ab_s) / (1 - ab_t)) sqrt(1 - ab_t / ab_s) (DDIM, eq. 16)."""
    a_t, a_s = alpha_bar[t], alpha_bar[s]
    return eta * ((1 - a_s) / (1 - a_t) * (1 - a_t / a_s)).sqrt()


def _earlier(sizes: laws.Sizes) -> int:
    """A step before the one that the kit takes for t."""
    return (sizes.t[0] if sizes.t else sizes.T // 2) // 2


ddim_sigma = Exercise(
    "ddim_sigma",
    reference=_ddim_sigma,
    inputs=laws.Inputs(make={"s": _earlier}),
    laws=(
        laws.unchanged(),
        laws.dtypes(None),
        laws.settings(eta=(0.0, 0.3, 1.0)),
        laws.any_size(shapes=()),
    ),
)


def _sigma(answer: Answer, t: int, s: int, alpha_bar: Tensor, eta: float) -> Tensor:
    """The answer as a float64 tensor without dimensions: a float is as good."""
    got = answer(t, s, alpha_bar, eta)
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    expect(
        isinstance(got, (int, float, Tensor)),
        f"your function returns {a_type(got)}, it should return a number.",
    )
    value = torch.as_tensor(got, dtype=torch.float64)
    expect(value.numel() == 1, f"the result has shape {tuple(value.shape)}: sigma is one number for the step.")
    expect(
        bool(torch.isfinite(value).all()),
        "sigma is nan: a square root of a negative number, from a fraction or a difference the wrong way round?",
    )
    return value.reshape(())


@ddim_sigma.part
def sigma_has_the_right_value(answer: Answer) -> None:
    t, s, eta = 700, 400, 0.5
    got = _sigma(answer, t, s, long(), eta)
    a_t, a_s = long()[t], long()[s]
    shrink, fresh = (1 - a_s) / (1 - a_t), 1 - a_t / a_s
    expect_values(
        got,
        eta * (shrink * fresh).sqrt(),
        {
            "this is the variance: sigma is its square root.": eta * shrink * fresh,
            "this is the variance, and eta is squared with it: sigma is its square root.": eta**2 * shrink * fresh,
            "eta is missing.": (shrink * fresh).sqrt(),
            "eta went under the root: it multiplies sigma itself, not the variance.": (eta * shrink * fresh).sqrt(),
            "the first fraction is missing: this is the root of beta, the larger of the two choices in lesson 04.": (
                eta * fresh.sqrt()
            ),
            "the second root is missing.": eta * shrink.sqrt(),
            "the second root has no quotient: beta of the step from t to s is 1 - alpha_bar_t / alpha_bar_s.": (
                eta * (shrink * (1 - a_t)).sqrt()
            ),
            "the first fraction has alpha_bar where 1 - alpha_bar belongs.": eta * (a_t / a_s * fresh).sqrt(),
            "the first fraction is upside down: 1 - alpha_bar_s, the smaller noise, goes above the line.": (
                eta * (fresh / shrink).sqrt()
            ),
            "only the second factor is under the root.": eta * shrink * fresh.sqrt(),
            "only the first factor is under the root.": eta * shrink.sqrt() * fresh,
            "this is the step from t to t - 1: use s, which may be many steps away.": (
                _ddim_sigma(t, t - 1, long(), eta)
            ),
        },
        "from t = 700 to s = 400 with eta = 0.5 sigma is {}, it should be {}.".format(
            *apart(got.item(), (eta * (shrink * fresh).sqrt()).item())
        ),
        tolerance=1e-5,
    )


@ddim_sigma.part
def sigma_at_eta_one_is_the_posterior(answer: Answer) -> None:
    for t in (1, 2, 250, 1000):
        got = _sigma(answer, t, t - 1, long(), 1.0)
        want = diffusion.posterior_variance(torch.tensor([t]), long())[0].double().sqrt()
        here, there = apart(got.item(), want.item())
        expect(
            close(got, want, 1e-5),
            f"with eta = 1 a step from t = {t} to {t - 1} should have DDPM's own sigma, {there}, and here it "
            f"is {here}.",
        )


@ddim_sigma.part
def sigma_vanishes_where_it_should(answer: Answer) -> None:
    expect(
        abs(_sigma(answer, 300, 100, long(), 0.0).item()) < 1e-12,
        "with eta = 0 the step should add no noise at all.",
    )
    last = _sigma(answer, 100, 0, long(), 1.0).item()
    expect(abs(last) < 1e-6, f"the last step, to s = 0, should add no noise, and here sigma is {last:.3g}.")

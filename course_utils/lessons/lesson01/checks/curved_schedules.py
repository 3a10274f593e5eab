"""Checks of the cosine and sigmoid schedules."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_float64,
    expect_tensor,
    expect_values,
)

cosine_schedule = Exercise(
    "cosine_schedule",
    reference=diffusion.cosine_schedule,
    laws=(
        laws.float64(),
        laws.any_size(T=(1, 60, 510), shapes=(), B=()),
        laws.settings(s=(0.008, 0.1), beta_max=(0.999, 0.5)),
    ),
)
sigmoid_schedule = Exercise(
    "sigmoid_schedule",
    reference=diffusion.sigmoid_schedule,
    laws=(
        laws.float64(),
        laws.any_size(T=(1, 60, 510), shapes=(), B=()),
        laws.settings(start=(-3.0, 0.0), end=(3.0, 2.0), tau=(1.0, 0.5), beta_max=(0.999, 0.3)),
    ),
)

_T = 100  # steps of the schedules that are compared value by value


def _half_way(betas: Tensor, want: Tensor) -> str:
    """Where the products first go astray, for a wrong answer that nobody foresaw."""
    got, right = diffusion.alpha_bars(betas), diffusion.alpha_bars(want)
    t = int((got - right).abs().argmax())
    return (
        f"the schedule is wrong: at t = {t} of {len(betas)} alpha_bar is {got[t].item():.4f}, it should be "
        f"{right[t].item():.4f}."
    )


def expect_betas(got: object, T: int, in_range: bool = True) -> Tensor:
    """T finite numbers, not alpha_bar, and between 0 and 1 unless that is left for later."""
    if isinstance(got, Tensor) and got.shape == (T + 1,):
        start = got[0].item()
        expect(
            abs(start - 1) > 1e-6,
            f"this is alpha_bar, from t = 0 to {T}: turn it into betas, beta_t = 1 - alpha_bar_t / alpha_bar_(t-1).",
        )
    betas = expect_tensor(got, (T,))
    if in_range:
        _expect_range(betas)
    return betas


def _expect_range(betas: Tensor) -> None:
    expect(
        bool((betas >= 0).all()) and bool((betas <= 1).all()),
        f"beta is a share of the variance and lies between 0 and 1; here it goes from {betas.min().item():.2f} to "
        f"{betas.max().item():.2f}.",
    )


def _expect_cut_off(answer: Answer) -> None:
    betas = expect_betas(answer(50), 50)
    expect(betas[-1].item() < 1, "the last beta is 1, so the last step destroys everything: cut off at beta_max.")
    largest = expect_betas(answer(50, beta_max=0.5), 50).max().item()
    expect(abs(largest - 0.5) < 1e-6, f"with beta_max = 0.5 the largest beta is {largest:.2f}.")


def _expect_schedule(answer: Answer, want: Tensor, level: Tensor, own_mistakes: dict[str, Tensor]) -> None:
    """Compare the betas for `_T` steps, with the mistakes that any schedule made from alpha_bar invites.

    Args:
        answer: the student's schedule.
        want: the right betas, (T,).
        level: alpha_bar before the betas are cut off, (T + 1,), from 1.
        own_mistakes: hint -> values, for this schedule alone.
    """
    betas = expect_betas(answer(_T), _T, in_range=False)
    expect_float64(betas)
    quotient = level[1:] / level[:-1]
    mistakes = {
        "these values are alpha_bar, not beta: beta_t = 1 - alpha_bar_t / alpha_bar_(t-1).": level[1:],
        "this is 1 - alpha_bar, all the noise up to step t: beta is the noise of one step, so divide by the "
        "alpha_bar before.": 1 - level[1:],
        "the last beta is not cut off: end with `.clamp(max=beta_max)`.": 1 - quotient,
        "these are the quotients of neighbours, so alpha = 1 - beta: beta is 1 minus the quotient.": quotient,
        "the quotient is upside down: the later alpha_bar goes above the line.": 1 - 1 / quotient,
        "the schedule is backwards: its betas should rise.": want.flip(0),
        "this is the square root of 1 - alpha: beta itself has no root.": want.sqrt(),
    }
    expect_values(betas, want, {**mistakes, **own_mistakes}, _half_way(betas, want))


def _betas_from(level: Tensor) -> Tensor:
    return (1 - level[1:] / level[:-1]).clamp(max=0.999)


@cosine_schedule.part
def cosine_has_the_right_alpha_bar(answer: Answer) -> None:
    u = torch.linspace(0, 1, _T + 1, dtype=torch.float64)
    cosine = torch.cos((u + 0.008) / 1.008 * torch.pi / 2)
    no_offset, half_an_offset = torch.cos(u * torch.pi / 2), torch.cos((u + 0.008) * torch.pi / 2)
    to_pi = torch.cos((u + 0.008) / 1.008 * torch.pi)
    _expect_schedule(
        answer,
        diffusion.cosine_schedule(_T),
        cosine**2 / cosine[0] ** 2,
        {
            "alpha_bar falls like a cosine, it should fall like its square.": _betas_from(cosine),
            "the offset s is missing: the first betas are far too small.": _betas_from(no_offset**2),
            "the offset is added but not divided out: (t/T + s) / (1 + s).": _betas_from(half_an_offset**2),
            "the angle runs to pi instead of pi/2.": _betas_from(to_pi**2),
        },
    )


@cosine_schedule.part
def cosine_is_cut_off(answer: Answer) -> None:
    _expect_cut_off(answer)


@cosine_schedule.part
def cosine_uses_its_offset(answer: Answer) -> None:
    got = expect_betas(answer(40, s=0.1), 40)
    expect(
        close(got, diffusion.cosine_schedule(40, s=0.1)),
        "with s = 0.1 the betas are wrong: is s used, and twice?",
    )
    expect_betas(answer(1), 1)


@sigmoid_schedule.part
def sigmoid_has_the_right_alpha_bar(answer: Answer) -> None:
    u = torch.linspace(0, 1, _T + 1, dtype=torch.float64)
    rising = torch.sigmoid(-3 + 6 * u)
    evenly_spaced = torch.sigmoid(torch.linspace(-3, 3, _T, dtype=torch.float64))
    _expect_schedule(
        answer,
        diffusion.sigmoid_schedule(_T),
        (rising[-1] - rising) / (rising[-1] - rising[0]),
        {
            "alpha_bar does not reach 0 at t = T: subtract the sigmoid from its value at `end`, not from 1.": (
                _betas_from(1 - rising)
            ),
            "these betas are evenly spaced values of a sigmoid: here it is alpha_bar that falls like a sigmoid, and "
            "beta follows from it.": 1e-4 + (0.02 - 1e-4) * evenly_spaced,
        },
    )


@sigmoid_schedule.part
def sigmoid_uses_its_arguments(answer: Answer) -> None:
    for kwargs in ({"start": 0.0}, {"end": 2.0}, {"tau": 0.5}):
        got = expect_betas(answer(30, **kwargs), 30)
        name, value = next(iter(kwargs.items()))
        expect_values(
            got,
            diffusion.sigmoid_schedule(30, **kwargs),
            {},
            f"with {name} = {value:g} the betas are wrong: is `{name}` used in every place of the formula?",
        )


@sigmoid_schedule.part
def sigmoid_is_cut_off(answer: Answer) -> None:
    _expect_cut_off(answer)

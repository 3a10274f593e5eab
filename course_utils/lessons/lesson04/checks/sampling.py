"""Checks of one step back and of the whole walk from noise to pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_same_again,
    expect_tensor,
    expect_values,
    untouched,
)
from course_utils.exercises.inputs import normal

p_sample = Exercise("p_sample", reference=samplers.p_sample)
sample_ddpm = Exercise("sample_ddpm", reference=samplers.sample_ddpm)

_T = 20


def schedule(T: int = _T, last: float = 0.6) -> Tensor:
    """alpha_bar (T + 1,), with steps that are large enough for a mistake to show."""
    return diffusion.alpha_bars(diffusion.linear_schedule(T, 0.02, last))


class Guesser:
    """A stand-in for a network's guess at the noise, which remembers how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor]] = []

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        self.calls.append((x.detach().clone(), t))
        return guess(x)

    def __deepcopy__(self, memo: object) -> Guesser:
        return self


def guess(x: Tensor) -> Tensor:
    """What `Guesser` says: any smooth function will do."""
    return 0.8 * x + 0.1 * x.sin()


def expect_time(told: object, t: int, T: int, size: int) -> None:
    """Fail unless the network was told 1000 t / T, once for each picture."""
    expect(
        isinstance(told, Tensor) and told.shape == (size,),
        "the time has to be a tensor of shape (B,), one number for each picture: torch.full((len(x_t),), t).",
    )
    assert isinstance(told, Tensor)
    seen = told.double()
    want = torch.full((size,), 1000.0 * t / T, dtype=torch.float64)
    expect(
        not close(seen, torch.full_like(want, t)),
        f"the network is told t = {t}, and in training it was told 1000 t / T = {1000 * t / T:.0f}: use model_time "
        "here as well.",
    )
    expect(
        not close(seen, torch.full_like(want, t / T)),
        f"the network is told t / T = {t / T:.2f}: its clock runs from 0 to 1000.",
    )
    expect(
        not close(seen, torch.full_like(want, 1000.0 * t / (T + 1))),
        "T is one too large: alpha_bar has T + 1 entries, so T = len(alpha_bar) - 1.",
    )
    expect(
        not close(seen, torch.full_like(want, 1000.0 * (t - 1) / T)),
        f"the network is told the time of step {t - 1}: it looks at x_t, so tell it t.",
    )
    expect(close(seen, want, 1e-5), "the network is told the wrong time: it should be 1000 t / T.")


@p_sample.part
def step_tells_the_network_the_time(answer: Answer) -> None:
    predict, x = Guesser(), normal(3, 1, 4, 4, seed=1)
    got = untouched(answer, predict, x, 7, schedule(), normal(3, 1, 4, 4, seed=2))
    expect_tensor(got, (3, 1, 4, 4))
    expect(len(predict.calls) == 1, f"predict is called {len(predict.calls)} times a step, it should be called once.")
    expect(close(predict.calls[0][0], x), "predict is not given x_t as it is.")
    expect_time(predict.calls[0][1], 7, _T, 3)


def _terms(t: int, alpha_bar: Tensor) -> tuple[float, float, float, float]:
    a, before = alpha_bar[t].item(), alpha_bar[t - 1].item()
    return a, before, a / before, 1 - a / before


@p_sample.part
def step_has_the_right_values(answer: Answer) -> None:
    alpha_bar, t = schedule(), 9
    x, z = normal(2, 3, 4, 5, seed=3), normal(2, 3, 4, 5, seed=4)
    got = expect_tensor(answer(Guesser(), x, t, alpha_bar, z), (2, 3, 4, 5))
    expect_same_again(answer, got, Guesser(), x, t, alpha_bar, z)
    a, before, alpha, beta = _terms(t, alpha_bar)
    tilde = (1 - before) / (1 - a) * beta
    eps = guess(x)
    mean = (x - beta / (1 - a) ** 0.5 * eps) / alpha**0.5
    x0 = (x - (1 - a) ** 0.5 * eps) / a**0.5
    noise = beta**0.5 * z
    expect_values(
        got,
        mean + noise,
        {
            "the noise z is multiplied by the variance beta_t: it should be its root, the standard deviation.": (
                mean + beta * z
            ),
            "all of z is added: multiply it by the root of beta_t.": mean + z,
            "no noise is added: at every step but the last, the root of beta_t times z.": mean,
            'the noise has the variance beta-tilde: with variance="beta" it should be beta_t.': mean + tilde**0.5 * z,
            "the noise has the variance 1 - alpha_bar_t, all of it: one step's variance is beta_t.": (
                mean + (1 - a) ** 0.5 * z
            ),
            "the division by the root of alpha_t is missing: one step back also undoes the shrinking.": (
                x - beta / (1 - a) ** 0.5 * eps + noise
            ),
            "this divides by the root of alpha_bar_t, the product: one step back undoes one step, alpha_t.": (
                (x - beta / (1 - a) ** 0.5 * eps) / a**0.5 + noise
            ),
            "this subtracts beta_t / (1 - alpha_bar_t) times the noise: below the line stands the root.": (
                (x - beta / (1 - a) * eps) / alpha**0.5 + noise
            ),
            "this subtracts the root of beta_t times the guessed noise, as if all of it came from this step.": (
                (x - beta**0.5 * eps) / alpha**0.5 + noise
            ),
            "this takes away all the noise at once: it is x0, not x_(t-1). Mix it with x_t, as posterior_mean does.": (
                x0 + noise
            ),
            "the guessed noise is added, it should be subtracted.": (
                (x + beta / (1 - a) ** 0.5 * eps) / alpha**0.5 + noise
            ),
            "x0 is noised again to step t - 1 with new noise: x_t itself is not used, and the steps do not follow one "
            "another.": before**0.5 * x0 + (1 - before) ** 0.5 * z,
            "this multiplies by the root of alpha_t, which shrinks the picture once more: divide by it.": (
                (x - beta / (1 - a) ** 0.5 * eps) * alpha**0.5 + noise
            ),
            "the picture is cut off at -1 and 1: x_(t-1) is noisy and goes beyond. With clip it is the guess at x0 "
            "that is cut off.": (mean + noise).clamp(-1, 1),
            "the guess at x0 is cut off although clip is False.": (
                diffusion.posterior_mean(x0.clamp(-1, 1), x, torch.tensor([t, t]), alpha_bar) + noise
            ),
        },
        "the values of one step back are wrong: compare mean and noise with the formula above.",
    )


@p_sample.part
def last_step_adds_no_noise(answer: Answer) -> None:
    alpha_bar = schedule()
    x, z = normal(2, 1, 3, 3, seed=5), normal(2, 1, 3, 3, seed=6)
    got = expect_tensor(answer(Guesser(), x, 1, alpha_bar, z), (2, 1, 3, 3))
    a, _, alpha, beta = _terms(1, alpha_bar)
    mean = (x - beta / (1 - a) ** 0.5 * guess(x)) / alpha**0.5
    expect(
        not close(got, mean + beta**0.5 * z),
        "noise is added at the last step, t = 1, and stays in the picture: nothing comes after it to take it away.",
    )
    expect(close(got, mean), "at t = 1 the result should be the mean, which is the guess at x0.")
    got = expect_tensor(answer(Guesser(), x, 2, alpha_bar, z), (2, 1, 3, 3))
    a, _, alpha, beta = _terms(2, alpha_bar)
    mean = (x - beta / (1 - a) ** 0.5 * guess(x)) / alpha**0.5
    expect(not close(got, mean), "at t = 2 no noise is added: only the very last step, t = 1, goes without.")
    expect(close(got, mean + beta**0.5 * z), "at t = 2 the step is wrong.")


@p_sample.part
def step_knows_both_variances(answer: Answer) -> None:
    alpha_bar, t = schedule(), 5
    x, z = normal(2, 1, 3, 3, seed=7), normal(2, 1, 3, 3, seed=8)
    a, before, alpha, beta = _terms(t, alpha_bar)
    mean = (x - beta / (1 - a) ** 0.5 * guess(x)) / alpha**0.5
    tilde = (1 - before) / (1 - a) * beta
    got = expect_tensor(answer(Guesser(), x, t, alpha_bar, z, variance="beta-tilde"), (2, 1, 3, 3))
    expect_values(
        got,
        mean + tilde**0.5 * z,
        {
            'variance="beta-tilde" makes no difference: then the noise has the posterior\'s variance.': (
                mean + beta**0.5 * z
            ),
            "beta-tilde is a variance: multiply z by its root.": mean + tilde * z,
        },
        'with variance="beta-tilde" the noise should have the posterior\'s variance, and here it has another.',
    )


@p_sample.part
def clipping_clips_the_guess(answer: Answer) -> None:
    alpha_bar, t = schedule(), 12
    x, z = 2 * normal(3, 1, 3, 3, seed=9), normal(3, 1, 3, 3, seed=10)
    a, _, _, beta = _terms(t, alpha_bar)
    x0 = (x - (1 - a) ** 0.5 * guess(x)) / a**0.5
    steps, noise = torch.tensor([t] * 3), beta**0.5 * z
    got = expect_tensor(answer(Guesser(), x, t, alpha_bar, z, clip=True), (3, 1, 3, 3))
    free = diffusion.posterior_mean(x0, x, steps, alpha_bar) + noise
    expect_values(
        got,
        diffusion.posterior_mean(x0.clamp(-1, 1), x, steps, alpha_bar) + noise,
        {
            "clip=True makes no difference: the guess at x0 should be cut off at -1 and 1.": free,
            "with clip it is x_(t-1) that is cut off: cut off the guess at x0, before the posterior's mean.": (
                free.clamp(-1, 1)
            ),
            "the guess at x0 is cut off at 0 and 1: pictures lie between -1 and 1.": (
                diffusion.posterior_mean(x0.clamp(0, 1), x, steps, alpha_bar) + noise
            ),
        },
        "with clip=True the guess at x0, made with recover_x0, should be cut off at -1 and 1 and go into "
        "posterior_mean.",
    )


@p_sample.part
def step_keeps_the_dtype(answer: Answer) -> None:
    x = normal(2, 1, 4, 4, dtype=torch.float32)
    expect_tensor(answer(Guesser(), x, 3, schedule(), x), (2, 1, 4, 4), torch.float32)


# --- the whole walk ---


def _walk(answer: Answer, x_T: Tensor, alpha_bar: Tensor, seed: int = 0, **settings: object) -> tuple[Guesser, Tensor]:
    predict = Guesser()
    generator = torch.Generator().manual_seed(seed)
    got = untouched(answer, predict, x_T, alpha_bar, generator, **settings)
    return predict, expect_tensor(got, tuple(x_T.shape), x_T.dtype, like="x_T")


def expect_every_step(predict: Guesser, x_T: Tensor, T: int) -> None:
    """Fail unless the network was asked once at each t from T down to 1, beginning with x_T."""
    calls = len(predict.calls)
    expect(calls > 0, "predict is never called: every step has to ask it for the noise.")
    times = [round(float(t.flatten()[0]) * T / 1000) if isinstance(t, Tensor) else -1 for _, t in predict.calls]
    if times != list(range(T, 0, -1)):
        _say_which_steps(times, T)
    expect(close(predict.calls[0][0], x_T), "the walk does not begin with x_T: it is given, do not draw another.")


def _say_which_steps(times: list[int], T: int) -> None:
    """Fail, with a hint that says in what the visited steps differ from T, T - 1, ..., 1."""
    known = {
        f"the walk begins at t = {T - 1}: the first step is t = T, because x_T is pure noise.": range(T - 1, 0, -1),
        "the walk ends at t = 2: the last step, from t = 1 to the picture, is missing.": range(T, 1, -1),
        "the walk goes on to t = 0, where the picture is done: end with t = 1.": range(T, -1, -1),
        "the walk runs from T - 1 to 0, as lists do: t runs from T down to 1.": range(T - 1, -1, -1),
        "the walk runs forwards: start at t = T, in the noise, and go down.": range(1, T + 1),
        "the walk runs forwards, and from 0: start at t = T, in the noise, and go down to 1.": range(T),
    }
    for hint, wrong in known.items():
        expect(times != list(wrong), hint)
    first = ", ".join(str(t) for t in times[:3])
    count = len(times)
    expect(
        False, f"the walk should visit every t from {T} to 1 once; it makes {count} steps, the first at t = {first}."
    )


@sample_ddpm.part
def walk_visits_every_step(answer: Answer) -> None:
    for T in (_T, 7, 1):
        alpha_bar, x_T = schedule(T), normal(2, 1, 3, 3, seed=T)
        predict, _ = _walk(answer, x_T, alpha_bar)
        expect_every_step(predict, x_T, T)


def added_noise(predict: Guesser, x0: Tensor, alpha_bar: Tensor, tilde: bool = False) -> list[Tensor]:
    """The z of each step, computed from what the network saw before and after it, from t = T to t = 1."""
    T = len(alpha_bar) - 1
    seen = [x for x, _ in predict.calls] + [x0]
    found = []
    for k, t in enumerate(range(T, 0, -1)):
        a, before, alpha, beta = _terms(t, alpha_bar)
        mean = (seen[k] - beta / (1 - a) ** 0.5 * guess(seen[k])) / alpha**0.5
        variance = (1 - before) / (1 - a) * beta if tilde and t > 1 else beta
        found.append((seen[k + 1] - mean) / variance**0.5)
    return found


@sample_ddpm.part
def walk_draws_new_noise_at_every_step(answer: Answer) -> None:
    alpha_bar, x_T = schedule(), normal(6, 3, 8, 8, seed=1)
    predict, x0 = _walk(answer, x_T, alpha_bar)
    expect(
        not close(x0, predict.calls[-1][0]),
        "the last step's result is lost: return what p_sample gives at t = 1.",
    )
    z = added_noise(predict, x0, alpha_bar)
    expect(
        float(z[-1].abs().max()) < 1e-4,
        "noise is left in the pictures: at the last step, t = 1, none may be added (p_sample sees to that).",
    )
    between = torch.stack(z[:-1])  # (T - 1, B, C, H, W)
    expect(float(between.abs().max()) > 1e-4, "no noise is added on the way: each step needs its own z.")
    same_pictures = bool((between[:, 0] - between[:, 1]).abs().max() < 1e-4)
    expect(not same_pictures, "all pictures of the batch get the same noise: draw z with the whole shape of x.")
    flat = between.flatten(1)
    expect(
        float((flat[1:] - flat[:-1]).abs().max()) > 1e-3,
        "every step adds the same noise: draw a new z inside the loop.",
    )
    mean, variance = float(flat.mean()), float(flat.var())
    expect(
        abs(mean) < 0.05,
        f"the noise has the mean {mean:.2f}, it should be 0: use torch.randn, not torch.rand.",
    )
    expect(abs(variance - 1) < 0.06, f"the noise z has the variance {variance:.2f}, it should be 1.")


@sample_ddpm.part
def walk_uses_the_generator(answer: Answer) -> None:
    alpha_bar, x_T = schedule(), normal(2, 1, 4, 4, seed=2)
    results = [_walk(answer, x_T, alpha_bar, seed)[1] for seed in (5, 5, 6)]
    expect(
        close(results[0], results[1]),
        "the same generator seed gives two different results: draw with torch.randn(..., generator=generator).",
    )
    expect(not close(results[0], results[2]), "another seed gives the same result: is the generator used?")


@sample_ddpm.part
def walk_passes_its_settings_on(answer: Answer) -> None:
    alpha_bar, x_T = schedule(), normal(8, 3, 8, 8, seed=3)
    predict, x0 = _walk(answer, x_T, alpha_bar, variance="beta-tilde")
    variance = float(torch.stack(added_noise(predict, x0, alpha_bar, tilde=True)[:-1]).var())
    expect(
        abs(variance - 1) < 0.06,
        'variance="beta-tilde" makes no difference, or the wrong one: pass it on to p_sample.',
    )
    _, clipped = _walk(answer, 3 * x_T, alpha_bar, clip=True)
    expect(
        float(clipped.abs().max()) <= 1 + 1e-6,
        "with clip=True the pictures should end between -1 and 1: pass clip on to p_sample.",
    )
    _, free = _walk(answer, 3 * x_T, alpha_bar)
    expect(float(free.abs().max()) > 1, "with clip=False nothing should be cut off.")


@sample_ddpm.part
def walk_finds_the_only_picture(answer: Answer) -> None:
    """A data set of one picture: the ideal network knows the noise, and the walk ends in that picture."""
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(30))
    only = normal(1, 2, 4, 4, seed=4).clamp(-1, 1).float()

    def ideal(x: Tensor, t: Tensor) -> Tensor:
        a = diffusion.per_image(alpha_bar[(t * 30 / 1000).round().long().cpu()], x)
        return (x - a.sqrt() * only) / (1 - a).sqrt()

    x_T = normal(3, 2, 4, 4, seed=5, dtype=torch.float32)
    got = expect_tensor(answer(ideal, x_T, alpha_bar, torch.Generator().manual_seed(0)), (3, 2, 4, 4), torch.float32)
    expect(
        close(got, only.expand(3, -1, -1, -1), 1e-3),
        "with a data set of one picture and its ideal network, every walk should end in that picture.",
    )

"""The checks of lesson 01: schedules, the forward process, and the way back when the noise is known."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_tensor,
    expect_values,
    prepare_notebook,
    untouched,
)

linear_schedule = Exercise("linear_schedule", reference=diffusion.linear_schedule)
alpha_bars = Exercise("alpha_bars", reference=diffusion.alpha_bars)
noise_one_step = Exercise("noise_one_step", reference=diffusion.noise_one_step)
q_sample = Exercise("q_sample", reference=diffusion.q_sample)
recover_x0 = Exercise("recover_x0", reference=diffusion.recover_x0)
cosine_schedule = Exercise("cosine_schedule", reference=diffusion.cosine_schedule)
sigmoid_schedule = Exercise("sigmoid_schedule", reference=diffusion.sigmoid_schedule)
snr = Exercise("snr", reference=diffusion.snr)
mended_schedule = Exercise("mended_schedule", reference=diffusion.mended_schedule)

_VARIANCE = "the variance should stay 1, and here it becomes"


def _normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# --- linear_schedule ---------------------------------------------------------------------------------------------


@linear_schedule.part
def linear_has_the_paper_values(answer: Answer) -> None:
    got = answer(1000)
    if isinstance(got, Tensor):
        expect(got.shape != (1001,), "there are 1001 betas, there should be one for each of the 1000 steps.")
    got = expect_tensor(got, (1000,))
    want = diffusion.linear_schedule(1000)
    expect_values(
        got,
        want,
        {
            "the last beta is missing: the values stop one step before beta_end. `torch.linspace` includes both ends.": (
                1e-4 + (0.02 - 1e-4) * torch.arange(1000, dtype=torch.float64) / 1000
            ),
            "beta falls from 0.02 to 0.0001, it should rise: the start and the end are swapped.": want.flip(
                0
            ),
            "the ratio of neighbours is constant, not their difference: this is a geometric schedule.": (
                torch.logspace(-4, torch.log10(torch.tensor(0.02)).item(), 1000, dtype=torch.float64)
            ),
            "these are the values of 1 - beta, so `alpha`: the function should return beta.": 1 - want,
            "the square roots of the betas are evenly spaced, not the betas themselves.": (
                torch.linspace(1e-4**0.5, 0.02**0.5, 1000, dtype=torch.float64) ** 2
            ),
        },
        f"the first and last beta are {got[0].item():.4f} and {got[-1].item():.4f}; they should be 0.0001 and 0.0200, "
        "with equal steps between them.",
        tolerance=1e-7,
    )


@linear_schedule.part
def linear_uses_its_arguments(answer: Answer) -> None:
    got = expect_tensor(answer(5, beta_start=0.1, beta_end=0.5), (5,))
    want = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5], dtype=torch.float64)
    text = ", ".join(f"{v:.2f}" for v in got.tolist())
    expect_values(
        got,
        want,
        {"`beta_start` and `beta_end` make no difference: are their values written into the body?": (
            diffusion.linear_schedule(5)
        )},
        f"five steps from 0.1 to 0.5 give {text}; they should give 0.10, 0.20, 0.30, 0.40, 0.50.",
    )  # fmt: skip


@linear_schedule.part
def linear_has_every_length(answer: Answer) -> None:
    for T in (1, 2, 150):
        expect_tensor(answer(T), (T,))
    got = answer(3)
    expect(got.is_floating_point(), "the betas are whole numbers: they need a floating-point dtype.")


# --- alpha_bars --------------------------------------------------------------------------------------------------


@alpha_bars.part
def alpha_bar_starts_at_one(answer: Answer) -> None:
    betas = diffusion.linear_schedule(10, 0.1, 0.5)
    got = untouched(answer, betas)
    if isinstance(got, Tensor):
        expect(
            got.shape != (10,),
            "there are 10 values for 10 steps, but t runs from 0, the clean image, to 10: put a 1 in front.",
        )
    got = expect_tensor(got, (11,))
    expect(
        abs(got[0].item() - 1) < 1e-9,
        f"at t = 0 alpha_bar is {got[0].item():.2f}, it should be 1: nothing has been added yet.",
    )


@alpha_bars.part
def alpha_bar_is_the_product(answer: Answer) -> None:
    betas = diffusion.linear_schedule(10, 0.1, 0.5)
    one = torch.ones(1, dtype=torch.float64)
    got = expect_tensor(answer(betas), (11,))
    expect_values(
        got,
        diffusion.alpha_bars(betas),
        {
            "the betas themselves are multiplied: the product is over alpha = 1 - beta.": torch.cat(
                [one, torch.cumprod(betas, 0)]
            ),
            "this is 1 minus a running sum: the shares that survive multiply, they do not add.": torch.cat(
                [one, 1 - torch.cumsum(betas, 0)]
            ),
            "this is alpha = 1 - beta, step by step: it still has to be multiplied up.": torch.cat(
                [one, 1 - betas]
            ),
            "the square roots of alpha are multiplied: alpha_bar is a share of the variance, so no root here.": (
                torch.cat([one, torch.cumprod((1 - betas).sqrt(), 0)])
            ),
            "this is the running sum of alpha: it has to be a running product.": torch.cat(
                [one, torch.cumsum(1 - betas, 0)]
            ),
            "everything arrives one step late: alpha_bar at t = 1 should already be 1 - beta_1.": torch.cat(
                [one, one, torch.cumprod(1 - betas, 0)[:-1]]
            ),
        },
        f"with beta_1 = 0.1 and beta_2 = 0.144, alpha_bar at t = 2 is {got[2].item():.2f}, it should be 0.77.",
    )


@alpha_bars.part
def alpha_bar_keeps_its_digits(answer: Answer) -> None:
    betas = diffusion.linear_schedule(1000)
    got = expect_tensor(answer(betas), (1001,), torch.float64)
    want = diffusion.alpha_bars(betas)
    expect(
        bool(((got - want).abs() <= 1e-9 * want).all()),
        "at t = 1000 the product is off in its fourth digit: was it made in float32?",
    )
    got = expect_tensor(answer(torch.tensor([0.25])), (2,), torch.float32)
    expect(close(got, torch.tensor([1.0, 0.75])), "a schedule of a single step should give 1 and 1 - beta_1.")


# --- noise_one_step ----------------------------------------------------------------------------------------------


@noise_one_step.part
def one_step_has_the_right_values(answer: Answer) -> None:
    betas = diffusion.linear_schedule(20, 0.02, 0.6)
    x, eps = _normal(4, 3, 5, 5, seed=1), _normal(4, 3, 5, 5, seed=2)
    got = expect_tensor(untouched(answer, x, 7, betas, eps), (4, 3, 5, 5))
    b = betas[6]
    expect_values(
        got,
        (1 - b).sqrt() * x + b.sqrt() * eps,
        {
            "this is the next step's beta: beta_t stands at `betas[t - 1]`, because t counts from 1.": (
                (1 - betas[7]).sqrt() * x + betas[7].sqrt() * eps
            ),
            f"{_VARIANCE} {((1 - b) ** 2 + b**2).item():.2f}: are the two square roots missing?": (1 - b) * x
            + b * eps,
            f"{_VARIANCE} {(1 - b + b**2).item():.2f}: is the root of beta missing?": (1 - b).sqrt() * x
            + b * eps,
            f"{_VARIANCE} {((1 - b) ** 2 + b).item():.2f}: is the root of 1 - beta missing?": (
                (1 - b) * x + b.sqrt() * eps
            ),
            "after one small step the image is almost all noise: the two square roots are swapped.": (
                b.sqrt() * x + (1 - b).sqrt() * eps
            ),
            f"{_VARIANCE} {(1 + b).item():.2f}: noise is added, but the image is not shrunk to make room for it.": (
                x + b.sqrt() * eps
            ),
            f"{_VARIANCE} {((1 - b.sqrt()) ** 2 + b).item():.2f}: it is the root of (1 - beta), not 1 minus the root.": (
                (1 - b.sqrt()) * x + b.sqrt() * eps
            ),
            "the noise is subtracted, it should be added.": (1 - b).sqrt() * x - b.sqrt() * eps,
        },
        "the values of one step are wrong: compare each coefficient with the formula above.",
    )


@noise_one_step.part
def one_step_reaches_both_ends(answer: Answer) -> None:
    betas = torch.tensor([0.36, 0.1, 0.64], dtype=torch.float64)
    x, eps = torch.ones(1, 1, 2, 2, dtype=torch.float64), torch.zeros(1, 1, 2, 2, dtype=torch.float64)
    for t, want in ((1, 0.8), (3, 0.6)):
        try:
            got = expect_tensor(answer(x, t, betas, eps), (1, 1, 2, 2))
        except IndexError:
            expect(
                False, "the last step, t = T, falls off the end of `betas`: beta_t stands at `betas[t - 1]`."
            )
        which = "first" if t == 1 else "last"
        expect(
            close(got, want * x),
            f"at the {which} step a white pixel becomes {got.flatten()[0].item():.2f}, it should become {want:.2f}: "
            "which beta was used?",
        )


@noise_one_step.part
def one_step_keeps_the_dtype(answer: Answer) -> None:
    x = _normal(2, 1, 4, 4, dtype=torch.float32)
    expect_tensor(answer(x, 2, diffusion.linear_schedule(4, 0.1, 0.4), x), (2, 1, 4, 4), torch.float32)


# --- q_sample ----------------------------------------------------------------------------------------------------


@q_sample.part
def jump_has_the_right_values(answer: Answer) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    x0, eps = _normal(4, 3, 5, 6, seed=1), _normal(4, 3, 5, 6, seed=2)
    t = torch.tensor([500, 500, 500, 500])
    got = expect_tensor(untouched(answer, x0, t, alpha_bar, eps), (4, 3, 5, 6))
    a, before = alpha_bar[500], alpha_bar[499]
    expect_values(
        got,
        a.sqrt() * x0 + (1 - a).sqrt() * eps,
        {
            "at t = 500 the image keeps 92 % of the variance, it should keep 8 %: did you swap the two square roots?": (
                (1 - a).sqrt() * x0 + a.sqrt() * eps
            ),
            f"at t = 500 {_VARIANCE} {(a**2 + (1 - a) ** 2).item():.2f}: are the two square roots missing?": (
                a * x0 + (1 - a) * eps
            ),
            f"at t = 500 {_VARIANCE} {(a + (1 - a) ** 2).item():.2f}: is the root of 1 - alpha_bar missing?": (
                a.sqrt() * x0 + (1 - a) * eps
            ),
            f"at t = 500 {_VARIANCE} {(a**2 + 1 - a).item():.2f}: is the root of alpha_bar missing?": (
                a * x0 + (1 - a).sqrt() * eps
            ),
            f"at t = 500 {_VARIANCE} {(a + (1 - a.sqrt()) ** 2).item():.2f}: it is the root of (1 - alpha_bar), "
            "not 1 minus the root.": a.sqrt() * x0 + (1 - a.sqrt()) * eps,
            "this is the step before: alpha_bar begins with t = 0, so alpha_bar_t stands at `alpha_bar[t]`.": (
                before.sqrt() * x0 + (1 - before).sqrt() * eps
            ),
            f"at t = 500 {_VARIANCE} {(2 - a).item():.2f}: the image has to shrink to make room for the noise.": (
                x0 + (1 - a).sqrt() * eps
            ),
            "the noise is subtracted, it should be added.": a.sqrt() * x0 - (1 - a).sqrt() * eps,
        },
        "at t = 500 the values are wrong: compare each coefficient with the formula above.",
    )


@q_sample.part
def jump_gives_each_image_its_own_step(answer: Answer) -> None:
    alpha_bar = torch.tensor([1.0, 0.81, 0.49, 0.25, 0.09], dtype=torch.float64)
    # A cube of four: a coefficient of shape (4,) would broadcast over the columns without any complaint.
    x0, eps = _normal(4, 4, 4, 4, seed=3), torch.zeros(4, 4, 4, 4, dtype=torch.float64)
    t = torch.tensor([1, 2, 3, 4])
    try:
        got = expect_tensor(answer(x0, t, alpha_bar, eps), (4, 4, 4, 4))
    except RuntimeError as error:
        expect(False, f"a batch in which each image has its own t fails: {str(error)[:150]}")
    root = alpha_bar[t].sqrt()
    expect_values(
        got,
        root.reshape(4, 1, 1, 1) * x0,
        {
            "column w of every image got the step of image w: alpha_bar[t] has shape (B,) and lines up with the last "
            "axis. Reshape it to (B, 1, 1, 1).": root * x0,
            "every image got the step of the first one: use the whole of t.": root[0] * x0,
            "row h of every image got the step of image h: reshape alpha_bar[t] to (B, 1, 1, 1).": root[
                :, None
            ]
            * x0,
            "each channel got its own step: reshape alpha_bar[t] to (B, 1, 1, 1).": root[:, None, None] * x0,
        },
        "each image in the batch should get the noise level of its own t.",
    )
    got = expect_tensor(
        answer(_normal(3, 1, 2, 5), torch.tensor([0, 1, 4]), alpha_bar, _normal(3, 1, 2, 5)), (3, 1, 2, 5)
    )


@q_sample.part
def jump_of_zero_steps_is_the_image(answer: Answer) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(50))
    x0, eps = _normal(3, 1, 4, 4, seed=4), _normal(3, 1, 4, 4, seed=5)
    got = expect_tensor(answer(x0, torch.zeros(3, dtype=torch.int64), alpha_bar, eps), (3, 1, 4, 4))
    expect(close(got, x0), "at t = 0 the image should come back unchanged, and here it does not.")
    got = expect_tensor(answer(x0, torch.full((3,), 50), alpha_bar, eps), (3, 1, 4, 4))
    expect(close(got, eps, 0.1), "at t = T almost nothing but noise should be left, and here it is not so.")


@q_sample.part
def jump_keeps_dtype_device_and_gradient(answer: Answer) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(10, 0.1, 0.5))
    x0 = _normal(2, 1, 3, 3, dtype=torch.float32).requires_grad_()
    t = torch.tensor([3, 8])
    got = expect_tensor(answer(x0, t, alpha_bar, torch.zeros(2, 1, 3, 3)), (2, 1, 3, 3), torch.float32)
    expect(
        got.requires_grad,
        "no gradient flows back to x0: leave out `.detach()`, `.data`, `.item()` and `no_grad`.",
    )
    on_meta = [tensor.detach().to("meta") for tensor in (x0, t, alpha_bar, x0)]
    there = answer(*on_meta)
    expect(
        there.device.type == "meta",
        "the result is on another device than the images: make no new tensor on the CPU.",
    )


# --- recover_x0 --------------------------------------------------------------------------------------------------


@recover_x0.part
def recovery_undoes_the_jump(answer: Answer) -> None:
    alpha_bar = diffusion.alpha_bars(diffusion.cosine_schedule(100))
    x0, eps = _normal(4, 3, 4, 4, seed=6), _normal(4, 3, 4, 4, seed=7)
    t = torch.tensor([20, 20, 20, 20])
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    got = expect_tensor(untouched(answer, x_t, t, alpha_bar, eps), (4, 3, 4, 4))
    a = alpha_bar[20]
    expect_values(
        got,
        x0,
        {
            "the noise is gone but the image is too faint: it still has to be divided by the root of alpha_bar.": (
                x_t - (1 - a).sqrt() * eps
            ),
            "this divides first and subtracts the noise afterwards: both terms have to be divided.": (
                x_t / a.sqrt() - (1 - a).sqrt() * eps
            ),
            "the noise is added once more, it should be subtracted.": (x_t + (1 - a).sqrt() * eps) / a.sqrt(),
            "the image comes back too bright: divide by the root of alpha_bar, not by alpha_bar.": (
                (x_t - (1 - a).sqrt() * eps) / a
            ),
            "too little noise is taken away: subtract the root of (1 - alpha_bar) times eps.": (
                (x_t - (1 - a) * eps) / a.sqrt()
            ),
            "the two roots are swapped.": (x_t - a.sqrt() * eps) / (1 - a).sqrt(),
            "this multiplies by the root of alpha_bar where it should divide.": (x_t - (1 - a).sqrt() * eps)
            * a.sqrt(),
            "all of eps is taken away, but only the root of (1 - alpha_bar) times eps was added.": (x_t - eps)
            / a.sqrt(),
        },
        "the image that comes back is not the one that went in: solve the formula of q_sample for x0.",
    )


@recover_x0.part
def recovery_gives_each_image_its_own_step(answer: Answer) -> None:
    alpha_bar = torch.tensor([1.0, 0.81, 0.49, 0.25, 0.09], dtype=torch.float64)
    x0, eps = _normal(4, 4, 4, 4, seed=8), _normal(4, 4, 4, 4, seed=9)
    t = torch.tensor([4, 1, 0, 3])
    got = expect_tensor(answer(diffusion.q_sample(x0, t, alpha_bar, eps), t, alpha_bar, eps), (4, 4, 4, 4))
    expect(
        close(got, x0),
        "with a different t for each image the images do not come back: reshape alpha_bar[t] to (B, 1, 1, 1).",
    )


@recover_x0.part
def recovery_undoes_two_steps_at_once(answer: Answer) -> None:
    betas = torch.tensor([0.19, 0.36], dtype=torch.float64)
    alpha_bar = diffusion.alpha_bars(betas)
    x0, e1, e2 = (_normal(2, 1, 4, 4, seed=seed) for seed in (10, 11, 12))
    x2 = diffusion.noise_one_step(diffusion.noise_one_step(x0, 1, betas, e1), 2, betas, e2)
    merged = ((1 - betas[1]) * betas[0]).sqrt() * e1 + betas[1].sqrt() * e2
    merged = merged / (1 - alpha_bar[2]).sqrt()
    got = expect_tensor(answer(x2, torch.tensor([2, 2]), alpha_bar, merged), (2, 1, 4, 4))
    expect(
        close(got, x0),
        "an image that was noised twice, step by step, does not come back from its merged noise.",
    )


@recover_x0.part
def recovery_keeps_dtype(answer: Answer) -> None:
    x = _normal(2, 1, 3, 3, dtype=torch.float32)
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(10))
    expect_tensor(answer(x, torch.tensor([2, 7]), alpha_bar, x), (2, 1, 3, 3), torch.float32)


# --- cosine_schedule and sigmoid_schedule ------------------------------------------------------------------------


def _expect_betas(got: object, T: int) -> Tensor:
    if isinstance(got, Tensor) and got.shape == (T + 1,):
        start = got[0].item()
        expect(
            abs(start - 1) > 1e-6,
            f"this is alpha_bar, from t = 0 to {T}: turn it into betas, beta_t = 1 - alpha_bar_t / alpha_bar_(t-1).",
        )
    betas = expect_tensor(got, (T,))
    expect(
        bool((betas >= 0).all()) and bool((betas <= 1).all()),
        f"beta is a share of the variance and lies between 0 and 1; here it goes from {betas.min().item():.2f} to "
        f"{betas.max().item():.2f}.",
    )
    return betas


@cosine_schedule.part
def cosine_has_the_right_alpha_bar(answer: Answer) -> None:
    T = 100
    betas = _expect_betas(answer(T), T)
    want = diffusion.cosine_schedule(T)
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)

    def from_level(level: Tensor) -> Tensor:
        return (1 - level[1:] / level[:-1]).clamp(max=0.999)

    angle = (u + 0.008) / 1.008 * torch.pi / 2
    plain = (torch.cos(angle) ** 2 / torch.cos(angle[0]) ** 2)[1:]
    expect_values(
        betas,
        want,
        {
            "these values are alpha_bar, not beta: beta_t = 1 - alpha_bar_t / alpha_bar_(t-1).": plain,
            "this is 1 - alpha_bar, all the noise up to step t: beta is the noise of one step, so divide by the "
            "alpha_bar before.": 1 - plain,
            "alpha_bar falls like a cosine, it should fall like its square.": from_level(torch.cos(angle)),
            "the offset s is missing: the first betas are far too small.": from_level(
                torch.cos(u * torch.pi / 2) ** 2
            ),
            "the offset is added but not divided out: (t/T + s) / (1 + s).": from_level(
                torch.cos((u + 0.008) * torch.pi / 2) ** 2
            ),
            "the angle runs to pi instead of pi/2.": from_level(torch.cos(angle * 2) ** 2),
            "the schedule is backwards: its betas should rise.": want.flip(0),
            "this is the square root of 1 - alpha: beta itself has no root.": want.sqrt(),
        },
        f"half-way, alpha_bar is {torch.cumprod(1 - betas, 0)[T // 2 - 1].item():.2f}, it should be 0.49.",
    )


@cosine_schedule.part
def cosine_is_cut_off(answer: Answer) -> None:
    betas = _expect_betas(answer(50), 50)
    expect(
        betas[-1].item() < 1,
        "the last beta is 1, so the last step destroys everything and alpha_bar_T is 0: cut off at beta_max.",
    )
    betas = _expect_betas(answer(50, beta_max=0.5), 50)
    expect(
        abs(betas.max().item() - 0.5) < 1e-6,
        f"with beta_max = 0.5 the largest beta is {betas.max().item():.2f}.",
    )


@cosine_schedule.part
def cosine_uses_its_offset(answer: Answer) -> None:
    got = _expect_betas(answer(40, s=0.1), 40)
    expect(
        close(got, diffusion.cosine_schedule(40, s=0.1)),
        "with s = 0.1 the betas are wrong: is s used, and twice?",
    )
    _expect_betas(answer(1), 1)


@sigmoid_schedule.part
def sigmoid_has_the_right_alpha_bar(answer: Answer) -> None:
    T = 100
    betas = _expect_betas(answer(T), T)
    want = diffusion.sigmoid_schedule(T)
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    level = (
        torch.sigmoid(torch.tensor(3.0, dtype=torch.float64)) - torch.sigmoid(-3 + 6 * u)
    ) / torch.tensor(0.9051482536448664, dtype=torch.float64)
    unshifted = 1 - torch.sigmoid(-3 + 6 * u)
    expect_values(
        betas,
        want,
        {
            "these values are alpha_bar, not beta: beta_t = 1 - alpha_bar_t / alpha_bar_(t-1).": level[1:],
            "this is 1 - alpha_bar, all the noise up to step t: divide by the alpha_bar before.": 1
            - level[1:],
            "alpha_bar does not reach 0 at t = T: subtract the sigmoid from its value at `end`, not from 1.": (
                1 - unshifted[1:] / unshifted[:-1]
            ).clamp(max=0.999),
            "the schedule is backwards: its betas should rise.": want.flip(0),
            "these betas are evenly spaced values of a sigmoid: here it is alpha_bar that falls like a sigmoid, and "
            "beta follows from it.": 1e-4
            + (0.02 - 1e-4) * torch.sigmoid(torch.linspace(-3, 3, T, dtype=torch.float64)),
        },
        f"half-way, alpha_bar is {torch.cumprod(1 - betas, 0)[T // 2 - 1].item():.2f}, it should be 0.50.",
    )


@sigmoid_schedule.part
def sigmoid_uses_its_arguments(answer: Answer) -> None:
    for kwargs in ({"start": 0.0}, {"end": 2.0}, {"tau": 0.5}):
        got = _expect_betas(answer(30, **kwargs), 30)
        name, value = next(iter(kwargs.items()))
        expect(
            close(got, diffusion.sigmoid_schedule(30, **kwargs)),
            f"with {name} = {value:g} the betas are wrong: is `{name}` used in every place of the formula?",
        )


@sigmoid_schedule.part
def sigmoid_is_cut_off(answer: Answer) -> None:
    betas = _expect_betas(answer(50), 50)
    expect(betas[-1].item() < 1, "the last beta is 1, so alpha_bar_T is 0: cut off at beta_max.")
    betas = _expect_betas(answer(50, beta_max=0.5), 50)
    expect(
        abs(betas.max().item() - 0.5) < 1e-6,
        f"with beta_max = 0.5 the largest beta is {betas.max().item():.2f}.",
    )


# --- snr ---------------------------------------------------------------------------------------------------------


@snr.part
def snr_has_the_right_values(answer: Answer) -> None:
    a = torch.tensor([0.9, 0.5, 0.2, 0.0], dtype=torch.float64)
    got = expect_tensor(untouched(answer, a), (4,))
    expect_values(
        got,
        a / (1 - a),
        {
            "this is noise over signal: turn the fraction around.": (1 - a) / a,
            "this is a ratio of amplitudes: a signal-to-noise ratio compares variances, so no roots.": (
                a.sqrt() / (1 - a).sqrt()
            ),
            "this is the logarithm: `snr` should return the ratio itself.": (a / (1 - a)).log(),
            "this divides the signal by everything: the noise alone is 1 - alpha_bar.": a,
            "both are squared: alpha_bar and 1 - alpha_bar are variances already.": a**2 / (1 - a) ** 2,
            "this is 1 / (1 - alpha_bar): the signal's variance, above the line, is alpha_bar.": 1 / (1 - a),
        },
        f"at alpha_bar = 0.9 the ratio is {got[0].item():.2f}, it should be 9.00.",
    )


@snr.part
def snr_of_a_clean_image_is_infinite(answer: Answer) -> None:
    got = answer(torch.tensor([1.0, 0.5]))
    got = expect_tensor(got, (2,))
    expect(
        torch.isinf(got[0]) and got[0] > 0,
        "where alpha_bar is 1 there is no noise, and the ratio should be infinite: add no small number below the line.",
    )


@snr.part
def snr_keeps_shape_and_dtype(answer: Answer) -> None:
    a = torch.full((2, 3), 0.75, dtype=torch.float32)
    got = expect_tensor(answer(a), (2, 3), torch.float32)
    expect(
        close(got, torch.full((2, 3), 3.0)),
        "for a table of alpha_bars the result should be a table of ratios.",
    )


# --- mended_schedule (the bug hunt) ------------------------------------------------------------------------------


@mended_schedule.part
def mended_is_a_schedule(answer: Answer) -> None:
    for T in (10, 50, 150, 1000):
        betas = _expect_betas(answer(T), T)
        expect(
            bool((betas.diff() >= -1e-9).all()),
            f"with T = {T} the betas fall somewhere; noise should grow faster.",
        )


@mended_schedule.part
def mended_ends_in_noise(answer: Answer) -> None:
    for T in (150, 50, 10):
        left = diffusion.alpha_bars(answer(T).double())[-1].item()
        if close(answer(T), diffusion.linear_schedule(T)):
            expect(
                False,
                f"this is still the old schedule: with T = {T} it ends with alpha_bar = {left:.3f}, so "
                f"{100 * left:.0f} % of the image's variance is left in what the sampler takes for pure noise.",
            )
        expect(
            left < 2e-3,
            f"with T = {T} alpha_bar ends at {left:.3f}, it should end below 0.002: fewer steps need larger betas.",
        )


@mended_schedule.part
def mended_leaves_the_long_schedule_alone(answer: Answer) -> None:
    got = diffusion.alpha_bars(answer(1000).double())
    want = diffusion.alpha_bars(diffusion.linear_schedule(1000))
    gap = (got.sqrt() - want.sqrt()).abs().max().item()
    expect(
        gap < 0.02,
        f"with T = 1000, where nothing was wrong, the signal's strength now differs by up to {gap:.2f}: the mended "
        "schedule should agree with the old one there.",
    )


@mended_schedule.part
def mended_has_one_shape(answer: Answer) -> None:
    want = diffusion.alpha_bars(diffusion.linear_schedule(1000))[::10].sqrt()
    got = diffusion.alpha_bars(answer(100).double()).sqrt()
    gap = (got - want).abs().max().item()
    expect(
        gap < 0.05,
        f"at the same share t/T of the way, the image's strength with 100 steps differs from that with 1000 steps by "
        f"up to {gap:.2f}: mend the whole schedule, not its last step alone.",
    )


prepare_notebook({name: value for name, value in globals().items() if isinstance(value, Exercise)})

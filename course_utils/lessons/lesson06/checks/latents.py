"""Checks of noise used as a code: the great circle between two noises, the way back to one, and a head start."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from course_utils import diffusion, samplers
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    close,
    expect,
    expect_same_again,
    expect_tensor,
    expect_values,
)
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws import Asked
from course_utils.lessons.lesson06.checks.inputs import Bent, OnePicture, expect_times, first_seen, long, short

_NO_GRADIENTS = {"gradients": "nobody asks for them: a walk may run under `no_grad` or not"}

slerp = Exercise(
    "slerp",
    reference=samplers.slerp,
    inputs=laws.Inputs(make={"u": 0.3}),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("a", half=True),
        laws.layouts(),
        laws.any_size(T=()),
    ),
    waive={"gradients": "nobody asks for them: both noises are given"},
)
ddim_invert = Exercise(
    "ddim_invert",
    reference=samplers.ddim_invert,
    laws=(
        laws.unchanged(),
        laws.asks(T=(20, 7)),
        laws.by_itself(),
        laws.dtypes("x0"),
        laws.layouts(),
        laws.any_size(T=(60, 510)),
    ),
    waive=_NO_GRADIENTS,
)
sample_truncated = Exercise(
    "sample_truncated",
    reference=samplers.sample_truncated,
    # An odd number of steps: no time lies between two whole ones, where respace may round either way.
    inputs=laws.Inputs(make={"t_start": lambda sizes: 2 * sizes.T // 3, "steps": 3}),
    laws=(
        laws.unchanged(),
        laws.asks(T=(20, 7)),
        laws.by_itself(),
        laws.dtypes("the guess"),
        laws.layouts(),
        laws.any_size(T=(60, 510)),
    ),
    waive=_NO_GRADIENTS,
)


def _arc(a: Tensor, b: Tensor, u: float | Tensor, theta: Tensor) -> Tensor:
    """The circle's formula with a given angle, (B, 1, 1, 1) or a single number."""
    return (torch.sin((1 - u) * theta) * a + torch.sin(u * theta) * b) / torch.sin(theta)


def _angle(a: Tensor, b: Tensor, dims: tuple[int, ...]) -> Tensor:
    dot = (a * b).sum(dims, keepdim=True)
    return (dot / (a.square().sum(dims, keepdim=True) * b.square().sum(dims, keepdim=True)).sqrt()).acos()


@slerp.part
def slerp_has_the_right_values(answer: Answer) -> None:
    # Short vectors, so that even an undivided scalar product has an arc cosine, at three different angles.
    a, b, u = 0.12 * normal(3, 2, 4, 5, seed=1), 0.14 * normal(3, 2, 4, 5, seed=2), 0.3
    b = b + torch.tensor([0.6, -0.5, 0.0]).double().reshape(3, 1, 1, 1) * a
    got = expect_tensor(answer(a, b, u), (3, 2, 4, 5))
    theta = _angle(a, b, (1, 2, 3))
    raw = (a * b).sum((1, 2, 3), keepdim=True).acos()
    mistakes = {
        "this is the straight line: its middle is too short to be noise.": (1 - u) * a + u * b,
        "u = 0 gives b, it should give a: the weights have changed places.": _arc(b, a, u, theta),
        "the division by sin(theta) is missing.": torch.sin((1 - u) * theta) * a + torch.sin(u * theta) * b,
        "there is one angle for the whole batch: each pair has its own.": _arc(a, b, u, _angle(a, b, (0, 1, 2, 3))),
        "each row of pixels has its own angle: take the whole picture as one vector, `a.flatten(1)`.": (
            _arc(a, b, u, _angle(a, b, (3,)))
        ),
        "each channel has its own angle: take the whole picture as one vector, `a.flatten(1)`.": (
            _arc(a, b, u, _angle(a, b, (2, 3)))
        ),
        "each pixel has its own angle: take the whole picture as one vector, `a.flatten(1)`.": (
            _arc(a, b, u, _angle(a, b, (1,)))
        ),
        "this is the cosine of the angle: theta is its arc cosine.": _arc(a, b, u, theta.cos()),
        "the weights are the root of (1 - u) and of u: that keeps the length only where a and b are at right angles.": (
            (1 - u) ** 0.5 * a + u**0.5 * b
        ),
        "the scalar product is not divided by both lengths: it is no cosine yet.": _arc(a, b, u, raw),
    }
    expect_values(
        got,
        _arc(a, b, u, theta),
        mistakes,
        "at u = 0.3 the values are wrong: sin((1 - u) theta) / sin(theta) of a, plus sin(u theta) / sin(theta) of b.",
    )


@slerp.part
def slerp_reaches_both_ends_and_keeps_the_length(answer: Answer) -> None:
    a, b = normal(4, 3, 8, 8, seed=3), normal(4, 3, 8, 8, seed=4)
    length = a.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
    b = b / b.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1) * length  # the same length as a
    expect(close(answer(a, b, 0.0), a), "at u = 0 the result should be a.")
    expect(close(answer(a, b, 1.0), b), "at u = 1 the result should be b.")
    middle = expect_tensor(answer(a, b, 0.5), (4, 3, 8, 8)).flatten(1).norm(dim=1)
    share = (middle / length.flatten()).mean().item()
    expect(
        abs(share - 1) < 1e-6,
        f"between two noises of the same length the middle has {share:.2f} of it: on a circle it keeps all.",
    )


@slerp.part
def slerp_takes_one_u_for_each_pair(answer: Answer) -> None:
    # A cube of four: weights of shape (4,) would broadcast over the columns without any complaint.
    a, b = normal(4, 4, 4, 4, seed=5), normal(4, 4, 4, 4, seed=6)
    u = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    try:
        got = expect_tensor(answer(a, b, u), (4, 4, 4, 4))
    except (RuntimeError, TypeError) as error:
        expect(False, f"a tensor u with one number for each pair fails: {str(error)[:150]}")
    expect(
        close(got, samplers.slerp(a, b, u)),
        "with one u for each pair the values are wrong: give u the shape (B, 1, 1, 1), `torch.as_tensor(u).reshape(-1, "
        "1, 1, 1)`.",
    )


@slerp.part
def slerp_survives_two_equal_noises(answer: Answer) -> None:
    # Many of them, and of two lengths: in some pairs rounding pushes the cosine above 1.
    for dtype, longer in itertools.product((torch.float64, torch.float32), (1.0, 1.7)):
        a = normal(128, 1, 4, 4, seed=7, dtype=dtype)
        got = answer(a, longer * a, 0.5)
        expect(isinstance(got, Tensor) and got.shape == a.shape, "the result should be shaped like a.")
        lost = int((~torch.isfinite(got)).flatten(1).any(dim=1).sum())
        expect(
            lost == 0,
            f"from a noise to itself, or to a longer one in the same direction, {lost} of {len(a)} results are nan: "
            "either the angle is 0 and so is sin(theta), or rounding has pushed a cosine above 1, which has no arc "
            "cosine. Clamp both: the cosine to -1..1, and the angle with `.clamp(min=1e-4)`, say.",
        )
        expect(
            close(got, (1 + longer) / 2 * a, 1e-3),
            "from a noise to itself, or to a longer one in the same direction, every point on the way should be on the "
            "straight line, and here it is not.",
        )


@slerp.part
def slerp_keeps_the_dtype(answer: Answer) -> None:
    a, b = normal(2, 1, 4, 4, seed=8, dtype=torch.float32), normal(2, 1, 4, 4, seed=9, dtype=torch.float32)
    u = torch.tensor([0.25, 0.5], dtype=torch.float64)
    got = expect_tensor(answer(a, b, u), (2, 1, 4, 4))
    expect(
        got.dtype == torch.float32,
        "with float32 noises and u as a float64 tensor the result is float64, it should be float32, the dtype of a: "
        "convert u.",
    )


# ---- the way back to the noise


def _climb(model: Asked, x: Tensor, alpha_bar: Tensor, steps: int, ask_at: str = "t", level: str = "s") -> Tensor:
    """The climb from 0 to T; `ask_at` and `level` choose which of s and t the network is told and x is cleaned with."""
    T = len(alpha_bar) - 1
    times = [T * k // steps for k in range(steps + 1)]
    for s, t in itertools.pairwise(times):
        eps = model(x, torch.full((len(x),), 1000 * (t if ask_at == "t" else s) / T))
        x0 = _cleaned(x, eps, alpha_bar[s if level == "s" else t])
        x = alpha_bar[t].sqrt() * x0 + (1 - alpha_bar[t]).sqrt() * eps
    return x


def _cleaned(x: Tensor, eps: Tensor, a: Tensor) -> Tensor:
    return (x - (1 - a).sqrt() * eps) / a.sqrt()


@ddim_invert.part
def inversion_asks_at_the_right_times(answer: Answer) -> None:
    model, x = Bent(short()), normal(2, 1, 4, 4, seed=1)
    expect_tensor(answer(model, x, short(), 5), (2, 1, 4, 4))
    times = model.steps
    if times and times[0] < 1:
        expect(
            False,
            "the first question is about t = 0, where the network was never trained: tell it the step that is reached, "
            "t, as on the way down.",
        )
    if len(times) > 1 and times[0] > times[-1]:
        expect(False, "this walks down from T: to invert, walk up, from 0 to T.")
    expect_times(model, [200, 400, 600, 800, 1000], "your inversion")


@ddim_invert.part
def inversion_has_the_right_values(answer: Answer) -> None:
    x = normal(2, 1, 4, 4, seed=2)
    for steps in (1, 4):
        got = expect_tensor(answer(Bent(short()), x, short(), steps), (2, 1, 4, 4))
        expect_values(
            got,
            _climb(Bent(short()), x, short(), steps),
            {
                "x_s is cleaned with alpha_bar_t: it is still at step s, so its noise has the strength of s.": (
                    _climb(Bent(short()), x, short(), steps, level="t")
                ),
                "this noises the picture in one jump with the first prediction: climb step by step, and ask anew in "
                "each.": _climb(Bent(short()), x, short(), 1),
            },
            f"with {steps} step{'s' if steps > 1 else ''} up the result is wrong: clean x_s with alpha_bar_s, then mix "
            "it with the same eps at alpha_bar_t.",
            tolerance=1e-5,
        )


@ddim_invert.part
def inversion_is_undone_by_sampling(answer: Answer) -> None:
    picture = normal(1, 8, 8, seed=3).clamp(-1, 1)
    x = picture + 0.05 * normal(2, 1, 8, 8, seed=4)

    def far(steps: int) -> float:
        noise = answer(Bent(long()), x, long(), steps)
        back = samplers.sample_ddim(Bent(long()), noise, long(), steps)
        return float((back - x).square().mean().sqrt())

    few, many = far(10), far(200)
    expect(
        many < 0.5 * few,
        f"up and down again with 10 steps misses the picture by {few:.3f}, and with 200 steps still by {many:.3f}: the "
        "error should shrink as the steps do.",
    )


# ---- a head start


@sample_truncated.part
def head_start_begins_where_it_should(answer: Answer) -> None:
    model, guess, eps = Bent(short()), normal(2, 1, 4, 4, seed=5), normal(2, 1, 4, 4, seed=6)
    got = expect_tensor(answer(model, guess, 60, short(), 3, eps), (2, 1, 4, 4))
    expect(bool(model.steps), "your sampler never calls `predict`.")
    first, want = first_seen(model, len(guess)), diffusion.q_sample(guess, torch.tensor([60, 60]), short(), eps)
    expect(not close(first, guess), "the walk begins with the guess itself: noise it to t_start first.")
    expect(not close(first, eps), "the walk begins with pure noise: the guess is not used.")
    end = diffusion.q_sample(guess, torch.tensor([100, 100]), short(), eps)
    expect(not close(first, end), "the guess is noised all the way to T: noise it to t_start.")
    expect(
        close(first, want),
        "what the network sees first is not the guess noised to t_start with `eps`: use q_sample, and draw no noise.",
    )
    if model.steps[0] > 990:
        expect(
            False,
            "the first question is about t = 1000, but the picture is at t_start = 60 of 100, which is 600 for the "
            "network: respace from t_start, and keep T = len(alpha_bar) - 1 in 1000 * t / T.",
        )
    expect_times(model, [600, 400, 200], "your sampler")
    expect_same_again(answer, got, Bent(short()), guess, 60, short(), 3, eps)


@sample_truncated.part
def head_start_has_the_right_result(answer: Answer) -> None:
    guess, eps = normal(2, 1, 4, 4, seed=7), normal(2, 1, 4, 4, seed=8)
    for t_start, steps in ((60, 3), (100, 5), (10, 1)):
        got = expect_tensor(answer(Bent(short()), guess, t_start, short(), steps, eps), (2, 1, 4, 4))
        want = samplers.sample_truncated(Bent(short()), guess, t_start, short(), steps, eps)
        expect(
            close(got, want, 1e-5),
            f"with t_start = {t_start} and {steps} step{'s' if steps > 1 else ''} the result is wrong: from t_start it "
            "is DDIM with eta = 0, down to 0.",
        )


@sample_truncated.part
def head_start_costs_its_steps_and_no_more(answer: Answer) -> None:
    picture = normal(1, 6, 6, seed=9).clamp(-1, 1)
    model = OnePicture(picture, long())
    got = answer(model, torch.zeros(1, 1, 6, 6, dtype=torch.float64), 300, long(), 4, normal(1, 1, 6, 6, seed=10))
    expect(len(model.steps) == 4, f"with 4 steps the network is asked at {len(model.steps)} times.")
    expect(
        close(got, picture[None], 1e-4),
        "with the exact model of a single picture that picture should come out, whatever the guess.",
    )

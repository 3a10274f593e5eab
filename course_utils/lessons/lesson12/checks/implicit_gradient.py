"""Checks of the gradient of the classifier that nobody trained."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion, guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson12.checks.inputs import CLASSES, SHORT, Told, formula, network
from course_utils.lessons.lesson12.checks.questions import asks

implicit_gradient = Exercise(
    "implicit_gradient",
    reference=guidance.implicit_gradient,
    inputs=laws.Inputs(make={"model": network}),
    laws=(
        laws.unchanged(),
        asks(),
        laws.by_itself(),
        laws.dtypes("x"),
        laws.devices(),
        laws.layouts(),
        laws.any_size(),
        laws.settings(kind=("eps", "x0", "v")),
    ),
    waive={"gradients": "nothing is trained through it: it may run under `no_grad` or not"},
)


# made anew each time: an answer may change what it is given
def _cond() -> Tensor:
    return torch.tensor([1, 4, 0])


def _steps() -> Tensor:
    return torch.tensor([80, 30, 55])


@implicit_gradient.part
def gradient_has_the_right_values(answer: Answer) -> None:
    x = normal(3, 2, 4, 4, seed=1)
    got = expect_tensor(answer(Told(), _cond(), x, _steps(), SHORT, kind="eps"), (3, 2, 4, 4))
    c = formula(x, 10.0 * _steps(), _cond())
    u = formula(x, 10.0 * _steps(), torch.full((3,), CLASSES))
    a = SHORT[_steps()].reshape(-1, 1, 1, 1)
    raw = [formula(x, 1.0 * _steps(), k) for k in (_cond(), torch.full((3,), CLASSES))]
    noise = (1 - a).sqrt()
    expect_values(
        got,
        (u - c) / noise,
        {
            "the sign is swapped: a score points against the noise, so it is eps_uncond - eps_cond.": (c - u) / noise,
            "the two noises are subtracted, but a score is noise over the root of 1 - alpha_bar.": u - c,
            "the difference is multiplied by the root of 1 - alpha_bar: divide by it.": (u - c) * noise,
            "it is divided by 1 - alpha_bar: the root is missing.": (u - c) / (1 - a),
            "it is divided by the root of alpha_bar, which is the picture's share: the noise's is 1 - alpha_bar.": (
                u - c
            )
            / a.sqrt(),
            "the network is told the number of the step: it knows times on the scale 0 to 1000 (`model_time`).": (
                raw[1] - raw[0]
            )
            / noise,
            "this is the score of the class, without the other one subtracted.": -c / noise,
        },
        "it should be (eps_uncond - eps_cond) over the root of (1 - alpha_bar_t), each picture with its own t.",
    )


@implicit_gradient.part
def gradient_is_that_of_the_exact_classifier(answer: Answer) -> None:
    means = normal(3, 4, seed=2)
    mixture = guidance.Mixture(means, 0.5, torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64))

    class Exact:
        classes = 3

        def __call__(self, x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
            points, a = x.flatten(1), SHORT[(t / 10).round().long()]
            asked = (cond < 3).to(x)[:, None]
            score = mixture.guided_score(points, a, cond.clamp(max=2), asked)  # type: ignore[arg-type]
            return (-(1 - a).sqrt()[:, None] * score).reshape(x.shape)

    x, y, steps = normal(5, 1, 2, 2, seed=3), torch.tensor([0, 1, 2, 0, 1]), torch.tensor([20, 40, 60, 80, 95])
    got = expect_tensor(answer(Exact(), y, x, steps, SHORT, kind="eps"), (5, 1, 2, 2))
    points = x.flatten(1).requires_grad_(True)
    with torch.enable_grad():
        log_p = mixture.log_joint(points, SHORT[steps]).log_softmax(dim=1).gather(1, y[:, None]).sum()
        (want,) = torch.autograd.grad(log_p, points)
    expect(
        close(got.flatten(1), want, 1e-6),
        "on a mixture of normal classes the classifier is known, and your gradient is not that of its log p(y | x).",
    )


@implicit_gradient.part
def gradient_of_other_targets(answer: Answer) -> None:
    x = normal(3, 2, 4, 4, seed=4)
    got = expect_tensor(answer(Told(), _cond(), x, _steps(), SHORT, kind="v"), (3, 2, 4, 4))
    c = formula(x, 10.0 * _steps(), _cond())
    u = formula(x, 10.0 * _steps(), torch.full((3,), CLASSES))
    eps_c, eps_u = (diffusion.to_eps("v", k, x, _steps(), SHORT) for k in (c, u))
    noise = (1 - SHORT[_steps()]).sqrt().reshape(-1, 1, 1, 1)
    expect(
        not close(got, (u - c) / noise),
        "with kind='v' the network gives v: turn it into noise with `to_eps` before you subtract.",
    )
    expect(close(got, (eps_u - eps_c) / noise, 1e-5), "with kind='v' the gradient is wrong.")

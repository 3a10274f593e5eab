"""Checks of the two ways in which a gradient enters a sampler: the shifted mean, and the shifted noise."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import (
    Answer,
    Exercise,
    a_type,
    close,
    expect,
    expect_tensor,
    expect_values,
)
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws.words import apart
from course_utils.lessons.lesson11.checks.inputs import SHAPE, Bent, clock, long, scores, short

_NO_GRADIENTS = {"gradients": "nobody asks for them: a step may run under `no_grad` or not"}

guided_mean = Exercise(
    "guided_mean",
    reference=guidance.guided_mean,
    inputs=laws.Inputs(make={"variance": 0.3, "scale": 2.0}),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("the mean", half=True),
        laws.layouts(),
        laws.any_size(T=()),
    ),
    waive=_NO_GRADIENTS,
)


@guided_mean.part
def mean_has_the_right_values(answer: Answer) -> None:
    mean, gradient = normal(3, *SHAPE, seed=1), normal(3, *SHAPE, seed=2)
    variance, scale = 0.04, 3.0
    got = expect_tensor(answer(mean, variance, gradient, scale), tuple(mean.shape))
    expect_values(
        got,
        mean + scale * variance * gradient,
        {
            "the variance is missing: a step with little fresh noise may be pushed only little. Without it the push "
            "has the size of the gradient, whatever the length of the step.": mean + scale * gradient,
            "the push is multiplied by the standard deviation: in the exponent stands the variance.": (
                mean + scale * variance**0.5 * gradient
            ),
            "the scale is missing.": mean + variance * gradient,
            "the sign is wrong: the mean moves away from the class.": mean - scale * variance * gradient,
            "the push is divided by the variance: the narrower the step, the less it can be pushed.": (
                mean + scale * gradient / variance
            ),
            "the scale is squared.": mean + scale**2 * variance * gradient,
            "the variance is squared.": mean + scale * variance**2 * gradient,
            "this is the push alone: add it to the mean.": scale * variance * gradient,
            "the mean is stretched too: only the gradient is multiplied.": scale * variance * (mean + gradient),
        },
        "with variance 0.04 and scale 3 the values are wrong: mean, plus scale times variance times gradient.",
    )


@guided_mean.part
def mean_of_a_product_is_found(answer: Answer) -> None:
    # A normal density times exp(g x) is a normal density, shifted: add it up on a fine line.
    line = torch.linspace(-6, 6, 24001, dtype=torch.float64)
    m, v, g = 0.3, 0.5, -1.2
    density = torch.exp(-((line - m) ** 2) / (2 * v) + g * line)
    want = (line * density).sum() / density.sum()
    got = answer(torch.full((1, 1, 1, 1), m).double(), v, torch.full((1, 1, 1, 1), g).double(), 1.0)
    expect(
        close(expect_tensor(got, (1, 1, 1, 1)).reshape(()), want, 1e-4),
        "a normal density (mean 0.3, variance 0.5) times exp(-1.2 x) has its mean at {}, and with scale 1 yours is "
        "{}.".format(*apart(want.item(), float(got))),
    )


@guided_mean.part
def mean_without_scale_stays(answer: Answer) -> None:
    mean = normal(2, *SHAPE, seed=3)
    for scale, variance in ((0.0, 0.3), (2.0, 0.0)):
        got = expect_tensor(answer(mean, variance, normal(2, *SHAPE, seed=4), scale), tuple(mean.shape))
        what = "scale" if scale == 0 else "variance"
        expect(close(got, mean), f"with {what} 0 the mean should stay where it is.")


@guided_mean.part
def mean_takes_tensors(answer: Answer) -> None:
    mean, gradient = normal(2, *SHAPE, seed=5, dtype=torch.float32), normal(2, *SHAPE, seed=6, dtype=torch.float32)
    variance = torch.tensor(0.2, dtype=torch.float64)  # as `step_back` gives it: one number, float64
    got = expect_tensor(answer(mean, variance, gradient, 1.5), tuple(mean.shape), torch.float32, like="the mean")
    expect(close(got, mean + 0.3 * gradient, 1e-5), "with the variance as a tensor the values are wrong.")


guided_eps = Exercise(
    "guided_eps",
    reference=guidance.guided_eps,
    inputs=laws.Inputs(make={"scale": 2.0}),
    laws=(
        laws.unchanged(),
        laws.by_itself(),
        laws.dtypes("eps", half=True),
        laws.layouts(),
        laws.any_size(),
    ),
    waive=_NO_GRADIENTS,
)


@guided_eps.part
def eps_has_the_right_values(answer: Answer) -> None:
    eps, gradient = normal(4, *SHAPE, seed=1), normal(4, *SHAPE, seed=2)
    t, scale = torch.tensor([50, 300, 600, 900]), 2.0
    got = expect_tensor(answer(eps, gradient, t, long(), scale), tuple(eps.shape))
    a = long()[t].reshape(-1, 1, 1, 1)
    push = scale * gradient
    expect_values(
        got,
        eps - (1 - a).sqrt() * push,
        {
            "the sign is wrong: noise is what is taken away, so what points to the class is subtracted from it.": (
                eps + (1 - a).sqrt() * push
            ),
            "the square root is missing: the score is -eps over the root of (1 - alpha_bar).": eps - (1 - a) * push,
            "the factor is the root of alpha_bar: it should be that of (1 - alpha_bar), the strength of the noise.": (
                eps - a.sqrt() * push
            ),
            "the factor is missing: the gradient has to be brought to the unit of the noise, by the root of "
            "(1 - alpha_bar).": eps - push,
            "the gradient is divided by the root of (1 - alpha_bar): it is the score that eps is divided into; eps "
            "itself is the score times that root.": eps - push / (1 - a).sqrt(),
            "the scale is missing.": eps - (1 - a).sqrt() * gradient,
            "eps is multiplied too: only the gradient gets the factor.": (1 - a).sqrt() * (eps - push),
        },
        "with scale 2 the values are wrong: eps, less scale times the root of (1 - alpha_bar_t) times the gradient, "
        "each picture with its own t.",
    )


@guided_eps.part
def eps_is_the_noise_of_a_class(answer: Answer) -> None:
    # One class is a single picture: its noise is known, and so is that of two pictures together.
    world = guidance.Mixture(normal(3, 5, seed=7), 0.4, torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64))
    x, y = normal(6, 5, seed=8), torch.tensor([0, 1, 2, 0, 1, 2])
    for step in (100, 500, 900):
        t, a = torch.full((6,), step), long()[step]
        score, of_class = (world.guided_score(x, a, y, scale) for scale in (0.0, 1.0))
        root = (1 - a).sqrt()
        got = answer((-root * score).reshape(6, 5, 1, 1), (of_class - score).reshape(6, 5, 1, 1), t, long(), 1.0)
        expect(
            close(expect_tensor(got, (6, 5, 1, 1)).flatten(1), -root * of_class),
            f"where everything is known, scale 1 should give the noise of the class alone, and at t = {step} it does "
            "not.",
        )


@guided_eps.part
def eps_without_scale_stays(answer: Answer) -> None:
    eps = normal(2, *SHAPE, seed=9)
    got = answer(eps, normal(2, *SHAPE, seed=10), torch.tensor([10, 990]), long(), 0.0)
    expect(close(expect_tensor(got, tuple(eps.shape)), eps), "with scale 0 the noise should stay as it is.")


def _asked(answer: Answer) -> Answer:
    """The function that was made, asked at once: so the kit has one function of everything."""

    def guided(*given: object) -> Tensor:
        *made_of, x, t = given
        made = answer(*made_of)
        expect(callable(made), f"your function returns {a_type(made)}, it should return a function of x and t.")
        result: Tensor = made(x, t)
        return result

    return guided


classifier_predict = Exercise(
    "classifier_predict",
    reference=guidance.classifier_predict,
    inputs=laws.Inputs(
        names=("predict", "classifier", "y", "scale", "alpha_bar", "x", "t"),
        make={"classifier": scores, "scale": 2.0, "t": clock},
        via=_asked,
    ),
    laws=(
        laws.unchanged(),
        laws.asks(T=(20,)),
        laws.by_itself(),
        laws.dtypes("x"),
        laws.layouts(),
        laws.any_size(T=(20, 60)),
    ),
    waive={"gradients": "a sampler asks for none, and a part of its own sees that the classifier's history is gone"},
)


def _eps(x: Tensor, t: Tensor) -> Tensor:
    """A made-up network without classes: what it says depends on x and on t."""
    return torch.sin(2 * x + t.to(x).reshape(-1, 1, 1, 1) / 300)


def _made(answer: Answer, y: Tensor, scale: float, net: Bent, alpha_bar: Tensor) -> Answer:
    made = answer(_eps, net, y, scale, alpha_bar)
    expect(made is not None, "your function returns None: end it with `return guided`, the function that you made.")
    expect(
        callable(made),
        f"your function returns {a_type(made)}, it should return a function of x and t, to be asked later.",
    )
    return made  # type: ignore[no-any-return]


def _want(x: Tensor, time: Tensor, y: Tensor, scale: float, alpha_bar: Tensor, step: Tensor) -> Tensor:
    gradient = guidance.classifier_gradient(Bent(), x, time, y)
    return guidance.guided_eps(_eps(x, time), gradient, step, alpha_bar, scale)


@classifier_predict.part
def predict_is_guided(answer: Answer) -> None:
    x, y = normal(3, *SHAPE, seed=11), torch.tensor([2, 0, 1])
    net, time = Bent(), torch.full((3,), 400.0)
    guided = _made(answer, y, 2.5, net, long())
    got = expect_tensor(guided(x, time), tuple(x.shape))
    step = torch.full((3,), 400)
    right = _want(x, time, y, 2.5, long(), step)
    expect(not close(got, _eps(x, time)), "the result is not guided at all: the classifier makes no difference.")
    expect_values(
        got,
        right,
        {
            "the classifier's gradient alone is returned: `guided_eps` adds it to what `predict` says.": (
                guidance.classifier_gradient(Bent(), x, time, y)
            ),
            "the scale does not reach `guided_eps`.": _want(x, time, y, 1.0, long(), step),
            "the sign is wrong: the result moves away from the class.": _want(x, time, y, -2.5, long(), step),
            "all pictures are pushed to class 0: pass y on.": (
                _want(x, time, torch.zeros(3).long(), 2.5, long(), step)
            ),
            "the factor is the root of the noise at t = 1000, always: use the step that belongs to t.": (
                _want(x, time, y, 2.5, long(), torch.full((3,), 1000))
            ),
        },
        "with scale 2.5 at t = 400 the result is wrong: predict's eps, guided by the classifier's gradient at the same "
        "x and t.",
    )


@classifier_predict.part
def predict_keeps_both_clocks(answer: Answer) -> None:
    x, y, net = normal(3, *SHAPE, seed=12), torch.tensor([1, 1, 0]), Bent()
    time = torch.tensor([50.0, 400.0, 1000.0])
    guided = _made(answer, y, 1.0, net, short())  # T = 100
    try:
        got = expect_tensor(guided(x, time), tuple(x.shape))
    except IndexError as error:
        expect(
            "out of bounds" not in str(error) and "must be" not in str(error),
            "t is used as an index into alpha_bar: it is a time on the scale 0 to 1000, and with T = 100 step 100 is "
            "t = 1000. `schedule_step(t, T)` converts.",
        )
        raise
    told = net.asked(len(x))[1].double()
    expect(
        not close(told, time.double() / 10),
        "the classifier is told the step: it knows times on the scale 0 to 1000, as `predict` does. Pass t on.",
    )
    expect(close(told, time.double()), "the classifier is told another time than `predict`: pass the same t to both.")
    right = _want(x, time, y, 1.0, short(), torch.tensor([5, 40, 100]))
    expect(
        close(got, right),
        "with T = 100 the noise of the wrong step is used: `schedule_step(t, T)` gives the step that belongs to t.",
    )


@classifier_predict.part
def predict_asks_about_the_picture_of_now(answer: Answer) -> None:
    y, net = torch.tensor([1, 2]), Bent()
    guided = _made(answer, y, 1.0, net, long())
    for k, time in enumerate((800.0, 300.0)):
        x, t = normal(2, *SHAPE, seed=20 + k), torch.full((2,), time)
        got = guided(x, t)
        expect(close(net.asked(len(x))[0], x), "the classifier is not shown x as it is now: ask it anew in every call.")
        expect(close(got, _want(x, t, y, 1.0, long(), t.long())), f"at t = {time:g} the result is wrong.")


@classifier_predict.part
def predict_of_scale_zero_is_plain(answer: Answer) -> None:
    x, t = normal(2, *SHAPE, seed=13), torch.full((2,), 700.0)
    got = _made(answer, torch.tensor([0, 1]), 0.0, Bent(), long())(x, t)
    expect(close(expect_tensor(got, tuple(x.shape)), _eps(x, t)), "with scale 0 it should say what `predict` says.")
    expect(not got.requires_grad, "the result carries a history: does `classifier_gradient` return a plain tensor?")

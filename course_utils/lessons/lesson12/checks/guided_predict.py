"""Checks of the guided prediction: both answers in one call of the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils import diffusion, guidance
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
from course_utils.lessons.lesson12.checks.inputs import CLASSES, SHORT, Told, formula, network
from course_utils.lessons.lesson12.checks.questions import asks


def _asked_once(answer: Answer) -> Answer:
    """Of an answer, which makes a function, what that function gives for one x and t."""

    def predicted(model: Told, cond: Tensor, w: float, x: Tensor, t: Tensor, alpha_bar: Tensor, **kind: str) -> Any:
        return answer(model, cond, w, alpha_bar=alpha_bar, **kind)(x, t)

    return predicted


def _times(sizes: laws.Sizes) -> Tensor:
    """(B,), from 1000 down to that of the first step, neither sorted nor without repetition."""
    T = sizes.T
    steps = torch.tensor([T, 1, max(T // 2, 1), max(T // 2, 1), max(T // 4, 1)])
    return diffusion.model_time(steps[torch.arange(sizes.B) % 5], T)


guided_predict = Exercise(
    "guided_predict",
    reference=guidance.guided_predict,
    inputs=laws.Inputs(
        names=("model", "cond", "w", "x", "t", "alpha_bar"), make={"model": network, "t": _times}, via=_asked_once
    ),
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
    waive={"gradients": "nothing is trained through it: a sampler runs under `no_grad` or not"},
)


# made anew each time: an answer may change what it is given
def _cond() -> Tensor:
    return torch.tensor([1, 4, 0])


def _time() -> Tensor:
    return torch.tensor([300.0, 300.0, 300.0])


def _nothing() -> Tensor:
    return torch.full((3,), CLASSES)


def _predict(answer: Answer, model: Told, w: float | Tensor, kind: str = "eps") -> Tensor:
    predict = answer(model, _cond(), w, kind=kind, alpha_bar=SHORT)
    expect(
        callable(predict),
        f"guided_predict returns {a_type(predict)}, it should return a function predict(x, t), which a "
        "sampler can call at every step.",
    )
    x = normal(3, 2, 4, 4, seed=1)
    return expect_tensor(predict(x, _time()), (3, 2, 4, 4))


def _both() -> tuple[Tensor, Tensor, Tensor]:
    x = normal(3, 2, 4, 4, seed=1)
    return x, formula(x, _time(), _cond()), formula(x, _time(), _nothing())


@guided_predict.part
def one_call_for_both(answer: Answer) -> None:
    model = Told()
    _predict(answer, model, 2.0)
    expect(bool(model.conds), "predict(x, t) never calls the network.")
    classes = [c.tolist() for c in model.conds]
    rows = sum(len(c) for c in classes)
    expect(rows == 6, f"for 3 images the network answers {rows} times: 6 are needed, with the class and without.")
    expect(
        len(classes) == 1,
        f"the network is called {len(classes)} times: put both halves into one batch of 6, and split the answer.",
    )
    expect(CLASSES in classes[0], "the network is never told the null class, which is `model.classes`.")
    expect(
        sorted(classes[0]) == sorted([*_cond().tolist(), *_nothing().tolist()]),
        f"the network is told the classes {classes[0]}: half of them should be [1, 4, 0], and half the null class, 5.",
    )


@guided_predict.part
def guided_values_are_right(answer: Answer) -> None:
    x, c, u = _both()
    got = _predict(answer, Told(), 2.0)
    zero = formula(x, _time(), 0 * _cond())
    mixed = torch.cat([c, u])[::2], torch.cat([c, u])[1::2]
    expect_values(
        got,
        3 * c - 2 * u,
        {
            "the halves are swapped: chunk gives them in the order in which you stacked them.": 3 * u - 2 * c,
            "class 0 stands in for nothing: the null class is `model.classes`.": 3 * c - 2 * zero,
            "w counts as the scale here: use your `guide`.": u + 2 * (c - u),
            "this is the conditional prediction alone: guide with the other one.": c,
            "the answer is split into even and odd rows: the first half of the rows is one prediction, the second the "
            "other.": 3 * mixed[0] - 2 * mixed[1],
        },
        "with w = 2 the guided prediction is wrong: it is guide(answer with the class, answer without, w).",
    )


@guided_predict.part
def ends_of_the_scale(answer: Answer) -> None:
    _, c, u = _both()
    expect(close(_predict(answer, Told(), 0.0), c), "at w = 0 it should be the conditional prediction, and is not.")
    expect(close(_predict(answer, Told(), -1.0), u), "at w = -1 it should be the unconditional prediction, and is not.")
    w = torch.tensor([0.0, 1.0, 4.0])
    each = torch.stack([(1 + k) * a - k * b for a, b, k in zip(c, u, w.tolist(), strict=True)])
    expect(
        close(_predict(answer, Told(), w), each),
        "with w of shape (B,) each picture should have its own weight: does your `guide` see B pictures, not 2 B?",
    )


@guided_predict.part
def other_targets_become_noise(answer: Answer) -> None:
    x, c, u = _both()
    steps = torch.full((3,), 30)
    for kind in ("v", "x0"):
        got = _predict(answer, Told(), 2.0, kind)
        raw = 3 * c - 2 * u
        expect(
            not close(got, raw),
            f"a network that gives {kind} is guided, but a sampler wants eps: pass the result through `to_eps`.",
        )
        want = diffusion.to_eps(kind, raw, x, steps, SHORT)
        late = diffusion.to_eps(kind, raw, x, torch.full((3,), 100), SHORT)
        expect(
            not close(got, late),
            "to_eps is told step 100 of 100 where t is 300 on the scale 0 to 1000: take `schedule_step(t, T)`.",
        )
        expect(close(got, want, 1e-5), f"with kind = {kind!r} the guided noise is wrong.")

"""Checks of the conditional training loss."""

from __future__ import annotations

import torch
from torch import Tensor

from course_utils import diffusion, guidance
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, a_type, close, expect, expect_values
from course_utils.exercises.inputs import normal
from course_utils.lessons.lesson12.checks.inputs import CLASSES, SHORT, Told, formula, network
from course_utils.lessons.lesson12.checks.questions import asks

cfg_loss = Exercise(
    "cfg_loss",
    reference=guidance.cfg_loss,
    inputs=laws.Inputs(make={"model": network}),
    laws=(
        laws.unchanged(),
        asks(),
        laws.by_itself(mean=True),
        laws.dtypes(None),
        laws.layouts(),
        laws.gradients("model"),
        laws.any_size(),
    ),
)


# made anew each time: an answer may change what it is given
def _cond() -> Tensor:
    return torch.tensor([0, 3, 1, 4])


def _mask() -> Tensor:
    return torch.tensor([False, True, False, True])


def _steps() -> Tensor:
    return torch.tensor([10, 35, 60, 90])


def _inputs() -> tuple[Tensor, Tensor]:
    return normal(4, 2, 4, 4, seed=1), normal(4, 2, 4, 4, seed=2)


def _number(got: object) -> Tensor:
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    expect(isinstance(got, Tensor), f"your function returns {a_type(got)}, it should return a tensor.")
    assert isinstance(got, Tensor)
    expect(got.ndim == 0, f"the loss has shape {tuple(got.shape)}, it should be one number: take the mean.")
    return got


def _told(model: Told) -> list[int]:
    """The classes of the first call, in the order of the times beside them: a batch may go through in any order."""
    return [int(model.conds[0][place]) for place in model.times[0].argsort(stable=True)]


@cfg_loss.part
def network_is_told_the_right_things(answer: Answer) -> None:
    model = Told()
    x0, eps = _inputs()
    _number(answer(model, x0, _cond(), _steps(), SHORT, eps, _mask(), CLASSES))
    expect(bool(model.conds), "the network was never called.")
    expect(
        len(model.conds) == 1,
        f"the network is called {len(model.conds)} times: one call does it, in which some rows have lost their class.",
    )
    told = _told(model)
    expect(
        len(told) == 4,
        f"the network sees {len(told)} of 4 images: those without a class stay in the batch, they teach the "
        "unconditional prediction.",
    )
    expect(
        told != _cond().tolist(),
        "the network is told every class, also where the mask is True: hand it the classes after the drop.",
    )
    expect(
        told != [CLASSES, 3, CLASSES, 4], "the mask is the wrong way round: it is True where a condition is dropped."
    )
    expect(told != [0, 0, 1, 0], "class 0 stands in for nothing: use `null`.")
    expect(told != [CLASSES] * 4, "the network is never told a class: drop only where the mask is True.")
    expect(told == [0, CLASSES, 1, CLASSES], f"the network is told {told}; it should be [0, 5, 1, 5].")
    expect(
        float(model.times[0].max()) > 200,
        f"the network is told the time {float(model.times[0][-1]):g} at step 90 of 100: it knows times on the scale 0 "
        "to 1000, see `model_time`.",
    )


@cfg_loss.part
def loss_has_the_right_value(answer: Answer) -> None:
    x0, eps = _inputs()
    got = _number(answer(Told(), x0, _cond(), _steps(), SHORT, eps, _mask(), CLASSES))
    x_t = diffusion.q_sample(x0, _steps(), SHORT, eps)
    told = torch.where(_mask(), CLASSES, _cond())
    out = formula(x_t, 10.0 * _steps(), told)
    v = diffusion.target("v", x0, eps, _steps(), SHORT)
    each = (out - v).square().flatten(1).mean(1)
    clean = formula(x0, 10.0 * _steps(), told)
    expect_values(
        got.detach(),
        each.mean(),
        {
            "the answer is compared with eps: this network learns v (`diffusion.target`).": (out - eps).square().mean(),
            "the answer is compared with x0: this network learns v (`diffusion.target`).": (out - x0).square().mean(),
            "only the images with a class count: those without one teach the other half.": each[~_mask()].mean(),
            "only the images without a class count: all of them do.": each[_mask()].mean(),
            "images without a class count as 0: they teach the unconditional prediction, so let them count.": (
                each * ~_mask()
            ).mean(),
            "the squares are added up: take the mean.": (out - v).square().sum(),
            "this is the absolute error: square it.": (out - v).abs().mean(),
            "the network is shown the clean picture: it should see x_t.": (clean - v).square().mean(),
        },
        "the network is called rightly, but the loss is wrong: it is the mean squared difference of its answer and v.",
    )


@cfg_loss.part
def mask_alone_decides(answer: Answer) -> None:
    x0, eps = _inputs()
    for mask, told in (
        (torch.zeros(4, dtype=torch.bool), _cond()),
        (torch.ones(4, dtype=torch.bool), _cond() * 0 + CLASSES),
    ):
        model = Told()
        first = answer(model, x0, _cond(), _steps(), SHORT, eps, mask, CLASSES)
        expect(
            bool(model.conds) and _told(model) == told.tolist(),
            "with a mask that is "
            + ("False everywhere every class should be told." if not mask.any() else "True everywhere none should be."),
        )
        expect(
            close(first.detach(), answer(Told(), x0, _cond(), _steps(), SHORT, eps, mask, CLASSES).detach()),
            "two calls with the same arguments give two losses: use the `eps` and the `mask` that are passed in.",
        )

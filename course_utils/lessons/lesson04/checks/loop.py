"""Checks of the training loop: every step as by hand, in order, and nothing besides."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils import training
from course_utils.exercises.framework import Answer, Exercise, a_type, close, expect, expect_values
from course_utils.lessons.lesson04.checks.recorder import HEIGHT, RATE, STEPS, Broken, Run, batch
from course_utils.lessons.lesson04.checks.rounds import UNCHANGED, watched

training_loop = Exercise(
    "training_loop",
    reference=training.training_loop,
    waive={
        "gradients": "every_step_goes_downhill compares each step with a calculation by hand",
        "unchanged": "the model changes in place; leaves_the_rest_alone looks at all else",
        "asks": "it is the loss that asks the model; every run watches the loss",
    },
)

PILED = (
    "the gradients of all batches so far are added up: `backward` adds to what is there, so clear it in every round, "
    "with the optimiser's `zero_grad`."
)
OTHERWISE = (
    "after {} steps of {} the weights are not those of a calculation by hand: is something added to the loss, or done "
    "to the gradients or the weights, besides the optimiser's steps?"
)
STALE = 3.0


def _gradient(weights: Tensor, k: int, size: float = 1.0) -> Tensor:
    """Of the mean squared error of batch k, by hand: 2 mean((x w + h - y) x)."""
    x, y = batch(k, size)
    return 2 * ((x @ weights + HEIGHT - y)[:, None] * x).mean(0)


def _error(weights: Tensor, k: int) -> float:
    x, y = batch(k)
    return float((x @ weights + HEIGHT - y).square().mean())


def _downhill(
    weights: Tensor, steps: int = STEPS, *, keep: float = 0.0, stale: float = 0.0, size: float = 1.0
) -> Tensor:
    """The weights after plain gradient steps; `keep` = 1 piles gradients up, `stale` goes into the first."""
    pile = torch.full_like(weights, stale)
    for k in range(steps):
        pile = (keep if k else 1.0) * pile + _gradient(weights, k, size)
        weights = weights - RATE * pile
    return weights


def _uphill(weights: Tensor) -> Tensor:
    for k in range(STEPS):
        weights = weights + RATE * _gradient(weights, k)
    return weights


def _expect_weights(run: Run, want: Tensor, mistakes: dict[str, Tensor], otherwise: str) -> None:
    """As float32, for which the sentence about too few digits is not meant."""
    expect_values(run.weights.float(), want, mistakes, otherwise)


@training_loop.part
def every_step_goes_downhill(answer: Answer) -> None:
    run = watched(answer)
    mistakes = {
        UNCHANGED: run.start,
        PILED: _downhill(run.start, keep=1.0),
        "the weights went uphill.": _uphill(run.start),
    }
    _expect_weights(run, _downhill(run.start), mistakes, OTHERWISE.format(STEPS, "plain gradient descent"))


@training_loop.part
def one_batch_for_each_step(answer: Answer) -> None:
    for steps in (1, 7):
        watched(answer, steps)


@training_loop.part
def another_optimiser_does_its_own_steps(answer: Answer) -> None:
    run = watched(answer, adamw=True)
    m, v, weights = torch.zeros(3).double(), torch.zeros(3).double(), run.start
    for k in range(STEPS):  # Loshchilov & Hutter 2017, algorithm 2
        gradient = _gradient(weights, k)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        stride = m / (1 - 0.9 ** (k + 1)) / ((v / (1 - 0.999 ** (k + 1))).sqrt() + 1e-8)
        weights = weights * (1 - RATE * 0.3) - RATE * stride
    _expect_weights(run, weights, {}, OTHERWISE.format(STEPS, "AdamW"))


@training_loop.part
def begins_with_a_clean_slate(answer: Answer) -> None:
    run = watched(answer, stale=STALE)
    mistakes = {
        "a gradient that lay beside the weights before the first batch goes into the first step: clear before every "
        "`backward`, the first one too.": _downhill(run.start, stale=STALE)
    }
    otherwise = "with a gradient beside the weights from before, they are not those of a calculation by hand."
    _expect_weights(run, _downhill(run.start), mistakes, otherwise)


@training_loop.part
def every_step_is_taken_as_it_is(answer: Answer) -> None:
    run = watched(answer, size=30.0, special=" and large gradients")
    by_hand = _downhill(run.start, size=30.0)
    _expect_weights(
        run, by_hand, {}, "with large gradients the weights are not those of a calculation by hand: shorten none."
    )
    watched(answer, 5, factors={3: 0.0}, special=" and a loss of exactly 0 in round 4")
    run = watched(answer, 3, factors={1: math.inf}, special=" and an infinite loss in round 2")
    expect(
        not run.weights.isfinite().any(),
        "an infinite loss should spoil the weights, for all to see: its step is taken like every other.",
    )


@training_loop.part
def learns_in_training_mode(answer: Answer) -> None:
    for training_before in (False, True):
        run = watched(answer, training=training_before)
        for k, (whole, *parts) in enumerate(run.modes):
            expect(whole or k == 0, f"in round {k + 1} the model is in evaluation mode: `eval` belongs after the loop.")
            expect(
                whole,
                "the model learns in evaluation mode, in which dropout and batch norms do not do their work: switch it "
                "with its method `train` first.",
            )
            expect(all(parts), "the parts of the model are not in training mode: its method `train` switches them too.")
        whole, *parts = run.model.modes()
        expect(
            not whole or not training_before,
            "a model that comes in training mode is left in it: switch with the method `eval` at the end, whichever "
            "mode it came in.",
        )
        expect(not whole, "the model is left in training mode: switch it with its method `eval` at the end.")
        expect(not any(parts), "the parts of the model are left in training mode: its method `eval` switches them too.")


@training_loop.part
def leaves_the_rest_alone(answer: Answer) -> None:
    run = watched(answer)
    expect(close(run.model.height.reshape(1), torch.tensor([HEIGHT])), "a frozen parameter has changed.")
    frozen = [name for name, p in run.model.named_parameters() if not p.requires_grad]
    expect(frozen == ["height"], "which parameters learn is changed: `requires_grad` is not yours to set here.")
    expect(run.seed_kept, "random numbers are drawn, or a seed is set, inside: that belongs to the one who calls.")
    expect(run.grad_mode_kept, "gradients are switched off and stay off for all that comes after.")
    expect(next(run.batches, None) is not None, "the generator of batches is closed: others may want to go on with it.")
    run = Run(answer, breaks=1)
    if not isinstance(run.error, Broken):
        expect(run.error is None, f"an error that the loss raises comes out as {a_type(run.error)}: let it through.")
        expect(False, "the loss raises an error in round 2, and nobody hears of it: do not catch it.")


@training_loop.part
def says_the_losses(answer: Answer) -> None:
    first, run = watched(answer), watched(answer)
    got = run.returned
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    what = a_type(got) + (f" of {len(got)} things" if isinstance(got, tuple) else "")
    expect(isinstance(got, list), f"your function returns {what}, it should return a list of the losses.")
    expect(
        not run.hoards,
        "each loss that is kept holds on to the whole computation behind it, and memory fills up: take the bare number "
        "at once, with `.item()`.",
    )
    plain = all(type(value) in (float, int) for value in got)
    expect(plain, "the losses should be plain numbers: take `.item()` of each.")
    expect(
        first.length == run.length,
        f"{run.length} losses after {STEPS} steps, those of earlier calls too: make the list inside the function.",
    )
    expect(len(got) == STEPS, f"after {STEPS} steps there are {len(got)} losses, there should be {STEPS}.")
    before, weights, after = [], run.start, []
    for k in range(STEPS):
        before.append(_error(weights, k))
        weights = weights - RATE * _gradient(weights, k)
        after.append(_error(weights, k))
    sums = torch.tensor(before).cumsum(0)
    expect_values(
        torch.tensor(got),
        torch.tensor(before),
        {
            "these are the losses after each step: keep the value from before the step.": torch.tensor(after),
            "the losses are added up: each stands for itself.": sums,
            "these are means over all steps so far: give each batch's own loss.": sums / torch.arange(1, STEPS + 1),
        },
        "the numbers in the list are not the losses of the batches.",
    )
    for factor in (0.0, math.inf):
        kept = watched(answer, 1, factors={0: factor}, special=f" and a loss of {factor}").returned
        expect(kept == [factor], f"a loss of {factor} is not in the list as it is.")
    expect(watched(answer, 0).returned == [], "with steps = 0 the list should be empty.")

"""Checks of the training loop: every step as by hand, in order, and nothing besides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import training
from course_utils.exercises.framework import Answer, Exercise, a_type, close, expect, expect_values
from course_utils.exercises.inputs import normal

training_loop = Exercise("training_loop", reference=training.training_loop)

Batch = tuple[Tensor, Tensor]
STEPS = 4
RATE = 0.1
UNCHANGED = (
    "the weights have not changed: the optimiser has to take a step in every round, after `backward`, and nothing may "
    "clear the gradients in between."
)


class _Line(nn.Module):
    """x (B, 3) -> (B,): three weights, and a height that is frozen. It keeps in mind how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(normal(3, seed=5))
        self.height = nn.Parameter(torch.tensor(0.7, dtype=torch.float64), requires_grad=False)
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes.append(self.training)
        return x @ self.weights + self.height

    def __deepcopy__(self, memo: dict[int, Any]) -> _Line:
        return self  # so that a copy that learns in its stead does not go unseen


class _Run:
    """One call of an answer, and all that can be seen of it."""

    def __init__(self, answer: Answer, steps: int = STEPS, adamw: bool = False) -> None:
        self.model = _Line().eval()
        self.start = self.model.weights.detach().clone()
        self.asked = 0
        self.used: list[Any] = []
        kind: Any = torch.optim.AdamW if adamw else torch.optim.SGD
        self.optimiser = kind([self.model.weights], lr=RATE, weight_decay=0.3 if adamw else 0)
        self.steps_taken = 0
        self.optimiser.register_step_post_hook(self._count)
        try:
            self.returned = answer(self.model, self._batches(), self._loss, steps, self.optimiser)
        except RuntimeError as error:
            text = str(error)
            expect(
                "second time" not in text, "`backward` goes twice through one loss: compute the loss in every round."
            )
            expect("does not require grad" not in text, "nothing can be learnt under `no_grad`: leave it out.")
            raise

    @property
    def weights(self) -> Tensor:
        return self.model.weights.detach()

    def _batches(self) -> Iterator[Batch]:
        while True:
            self.asked += 1
            yield _batch(self.asked - 1)

    def _loss(self, model: Any, batch: Any) -> Tensor:
        expect(isinstance(model, nn.Module), "the loss is called as loss(model, batch), the model first.")
        expect(
            isinstance(batch, tuple), f"the loss is given {a_type(batch)} where a batch should be: one of `batches`."
        )
        expect(model is self.model, "the loss is asked about another model than the one that was passed in.")
        self.used.append(batch)
        x, y = batch
        return (model(x) - y).square().mean()

    def _count(self, *_: Any) -> None:
        self.steps_taken += 1


def _batch(k: int) -> Batch:
    return normal(5, 3, seed=40 + k), normal(5, seed=60 + k)


def _gradient(weights: Tensor, k: int) -> Tensor:
    """Of the mean squared error of batch k, by hand: 2 mean((x w + h - y) x)."""
    x, y = _batch(k)
    return 2 * ((x @ weights + 0.7 - y)[:, None] * x).mean(0)


def _downhill(start: Tensor, steps: int = STEPS, *, keep: float = 0.0, late: bool = False) -> Tensor:
    """The weights after plain gradient steps; `keep` = 1 piles gradients up, `late` takes each a round later."""
    weights, pile, before = start, torch.zeros_like(start), None
    for k in range(steps):
        gradient = _gradient(weights, k)
        pile = keep * pile + gradient
        if late:
            weights, before = weights if before is None else weights - RATE * before, gradient
        else:
            weights = weights - RATE * pile
    return weights


@training_loop.part
def every_step_goes_downhill(answer: Answer) -> None:
    run = _Run(answer)
    expect(
        run.steps_taken > 0 or close(run.weights, run.start), "the optimiser that was passed in takes no step: use it."
    )
    first = _gradient(run.start, 0)
    expect_values(
        run.weights,
        _downhill(run.start),
        {
            UNCHANGED: run.start,
            "the gradients of all batches so far are added up: `backward` adds to what is there, so clear it in every "
            "round, with the optimiser's `zero_grad`.": _downhill(run.start, keep=1.0),
            "each gradient is used a round late, and the last one never: the step comes after `backward`.": (
                _downhill(run.start, STEPS - 1)
            ),
            "each gradient is used a round late, when the loss has been computed already: `backward`, and then the "
            "step.": _downhill(run.start, late=True),
            "all steps are those of the first batch: ask for a new one in every round.": _same_batch(run.start),
            "one step is taken, with the first batch alone: everything belongs into the loop.": run.start
            - RATE * first,
            "the weights went uphill.": _uphill(run.start),
        },
        f"after {STEPS} steps of plain gradient descent the weights are not those of a calculation by hand.",
    )


def _same_batch(weights: Tensor) -> Tensor:
    for _ in range(STEPS):
        weights = weights - RATE * _gradient(weights, 0)
    return weights


def _uphill(weights: Tensor) -> Tensor:
    for k in range(STEPS):
        weights = weights + RATE * _gradient(weights, k)
    return weights


@training_loop.part
def another_optimiser_does_its_own_steps(answer: Answer) -> None:
    run = _Run(answer, adamw=True)
    m, v, weights = torch.zeros(3).double(), torch.zeros(3).double(), run.start
    for k in range(STEPS):  # Loshchilov & Hutter 2017, algorithm 2
        gradient = _gradient(weights, k)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        stride = m / (1 - 0.9 ** (k + 1)) / ((v / (1 - 0.999 ** (k + 1))).sqrt() + 1e-8)
        weights = weights * (1 - RATE * 0.3) - RATE * stride
    expect(
        close(run.weights, weights),
        "with AdamW the weights are not those of a calculation by hand: let the optimiser that is passed in take every "
        "step, as it is.",
    )
    expect(
        run.optimiser.param_groups[0]["lr"] == RATE, "the optimiser's learning rate is changed: that is not asked for."
    )


@training_loop.part
def one_batch_for_each_step(answer: Answer) -> None:
    for steps in (STEPS, 1, 7):
        run = _Run(answer, steps)
        expect(
            len(run.used) >= steps,
            f"with steps = {steps} the loss is computed for {len(run.used)} batches: is the range one too short?",
        )
        expect(len(run.used) <= steps, f"with steps = {steps} the loss is computed {len(run.used)} times.")
        expect(
            run.asked <= steps,
            f"with steps = {steps}, {run.asked} batches are asked for, and what is left over is lost: `zip` and `for` "
            "take a batch before they see that the steps are done. Put range(steps) first, or use next(…).",
        )
        right = all(close(x, _batch(k)[0]) for k, (x, _) in enumerate(run.used))
        expect(right, "the loss does not see the batches in their order, each of them once and unchanged.")
        expect(run.steps_taken == steps, f"with steps = {steps} the optimiser takes {run.steps_taken} steps.")


@training_loop.part
def learns_in_training_mode(answer: Answer) -> None:
    run = _Run(answer)
    expect(
        all(run.model.modes),
        "the model learns in evaluation mode, in which dropout and batch norms do not do their work: switch it with "
        "its method `train` first.",
    )
    expect(not run.model.training, "the model is left in training mode: switch it with its method `eval` at the end.")
    expect(close(run.model.height.reshape(1), torch.tensor([0.7])), "a frozen parameter has changed.")
    frozen = [name for name, p in run.model.named_parameters() if not p.requires_grad]
    expect(frozen == ["height"], "which parameters learn is changed: `requires_grad` is not yours to set here.")


@training_loop.part
def says_the_losses(answer: Answer) -> None:
    run = _Run(answer)
    got, count = run.returned, STEPS
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    expect(
        isinstance(got, (list, tuple)), f"your function returns {a_type(got)}, it should return a list of the losses."
    )
    held = any(isinstance(value, Tensor) and value.requires_grad for value in got)
    expect(
        not held,
        "each loss in the list holds on to the whole computation behind it, and memory fills up: take the bare number, "
        "with `.item()`.",
    )
    expect(
        all(isinstance(value, float) for value in got), "the losses should be plain numbers: take `.item()` of each."
    )
    expect(len(got) == count, f"after {count} steps there are {len(got)} losses, there should be {count}.")
    before, weights, after = [], run.start, []
    for k in range(count):
        before.append(_error(weights, k))
        weights = weights - RATE * _gradient(weights, k)
        after.append(_error(weights, k))
    want, sums = torch.tensor(before), torch.tensor(before).cumsum(0)
    expect_values(
        torch.tensor(got),
        want,
        {
            "these are the losses after each step: the one that the gradient came from is asked for.": torch.tensor(
                after
            ),
            "the losses are added up: each stands for itself.": sums,
            "these are means over all steps so far.": sums / torch.arange(1, count + 1),
        },
        "the numbers in the list are not the losses of the batches.",
    )


def _error(weights: Tensor, k: int) -> float:
    x, y = _batch(k)
    return float((x @ weights + 0.7 - y).square().mean())

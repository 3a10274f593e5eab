"""One call of a training loop, watched: what it asks for, in which order, and what it leaves behind."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises.framework import Answer, Symptom, a_type
from course_utils.exercises.inputs import normal

STEPS = 4
RATE = 0.1
HEIGHT = 0.7
PATIENCE = 10  # so many batches too many, and the answer is stopped

Batch = tuple[Tensor, Tensor]


def batch(k: int, size: float = 1.0) -> Batch:
    """The k-th batch: x (5, 3), `size` times standard normal numbers, and y (5,)."""
    return size * normal(5, 3, seed=40 + k), normal(5, seed=60 + k)


class Broken(RuntimeError):  # noqa: N818 - not an error of the course
    """What the loss raises in a run with `breaks`."""


class _Enough(BaseException):
    """Stops an answer that would go on for ever; `except Exception` does not catch it."""


class _Backward:
    """Notes that `backward` goes through a loss. It lives as long as the computation behind that loss."""

    def __init__(self, run: Run, call: int) -> None:
        self.run, self.call = run, call

    def __call__(self, slope: Tensor) -> None:
        self.run.events.append(("backward", self.call))
        self.run.slopes.append(float(slope))


class Line(nn.Module):
    """x (B, 3) -> (B,): three weights, a height that is frozen, and one part, whose mode can be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(normal(3, seed=5))
        self.height = nn.Parameter(torch.tensor(HEIGHT, dtype=torch.float64), requires_grad=False)
        self.inner = nn.Identity()

    def forward(self, x: Any) -> Tensor:
        if not isinstance(x, Tensor):
            raise Symptom(f"the model is called with {a_type(x)}: leave that to the loss, as loss(model, batch).")
        return self.inner(x @ self.weights) + self.height  # type: ignore[no-any-return]

    def modes(self) -> list[bool]:
        """Of the whole first, then of its parts: True is training mode."""
        return [module.training for module in self.modules()]


class Run:
    """One call of an answer, and all that can be seen of it.

    Args:
        answer: the loop.
        steps: how many steps it is told to take.
        adamw: with AdamW, else with plain gradient descent.
        training: the mode that the model comes in.
        stale: a gradient to lie beside each weight from the beginning.
        size: how large the inputs are.
        factors: round (from 0) -> what its loss is multiplied by.
        breaks: the round (from 0) in which the loss raises `Broken`.
        special: words for the hints, what is special about this run.

    Attributes:
        events: ("batch", k), ("loss", call), ("backward", call), ("step", k), each counted from 0.
        used: which batch each call of the loss was given, None for one that was not among them.
        slopes: the gradient that came into the loss at each backward, 1 where nothing stands between.
        modes: of the model, at each call of the loss.
        hoards: earlier losses, with all that is behind them, were still held when a later one was computed.
        fault: a hint for what was seen on the way, even if the answer went on.
        error: what the answer raised.
    """

    def __init__(
        self,
        answer: Answer,
        steps: int = STEPS,
        *,
        adamw: bool = False,
        training: bool = False,
        stale: float | None = None,
        size: float = 1.0,
        factors: dict[int, float] | None = None,
        breaks: int | None = None,
        special: str = "",
    ) -> None:
        self.steps, self.size, self.factors, self.breaks = steps, size, factors or {}, breaks
        self.where = f"with steps = {steps}{special}"
        self.model = Line().train(training)
        self.start = self.model.weights.detach().clone()
        if stale is not None:
            self.model.weights.grad = torch.full_like(self.start, stale)
        self.events: list[tuple[str, int]] = []
        self.used: list[int | None] = []
        self.slopes: list[float] = []
        self.modes: list[list[bool]] = []
        self.hoards, self._behind = False, list[weakref.ref[_Backward]]()
        self.fault: str | None = None
        self.error: BaseException | None = None
        self.returned: Any = None
        kind: Any = torch.optim.AdamW if adamw else torch.optim.SGD
        self.optimiser = kind([self.model.weights], lr=RATE, weight_decay=0.3 if adamw else 0)
        self.optimiser.register_step_post_hook(lambda *_: self.events.append(("step", len(self.calls("step")))))
        self.batches = self._batches()
        self._call(answer)

    @property
    def weights(self) -> Tensor:
        return self.model.weights.detach()

    def calls(self, kind: str) -> list[int]:
        return [number for name, number in self.events if name == kind]

    def _call(self, answer: Answer) -> None:
        torch.manual_seed(2017)  # not the framework's, so that another seed is seen
        before = torch.get_rng_state()
        with torch.enable_grad():
            try:
                self.returned = answer(self.model, self.batches, self._loss, self.steps, self.optimiser)
            except _Enough:
                pass  # the fault says it
            except Exception as error:
                self.error = error
            self.grad_mode_kept = torch.is_grad_enabled()
        self.seed_kept = torch.equal(before, torch.get_rng_state())
        self.length = len(self.returned) if isinstance(self.returned, list) else 0
        if isinstance(self.error, Symptom) and self.fault is None:
            self.fault = str(self.error)
        if inspect.isgenerator(self.returned):
            self.fault = "with `yield` in it your function is a generator, and does nothing yet: return a list."

    def _batches(self) -> Iterator[Batch]:
        k = 0
        while True:
            if k >= self.steps + PATIENCE:
                self._note(f"{self.where}: `batches` may have no end: stop after `steps` of them.")
                raise _Enough
            self.events.append(("batch", k))
            yield batch(k, self.size)
            k += 1

    def _loss(self, model: Any = None, batch: Any = None, *more: Any) -> Tensor:
        call = len(self.used)
        if call >= 3 * (self.steps + PATIENCE):
            self._note(f"{self.where}: the loss is computed again and again: stop after `steps` rounds.")
            raise _Enough
        wrong = None
        if more:
            wrong = "the loss takes two things: the batch goes in as one thing, loss(model, batch), without a star."
        elif not isinstance(model, nn.Module):
            wrong = "the loss is called as loss(model, batch), the model first."
        elif not (isinstance(batch, tuple) and len(batch) == 2):
            wrong = f"the loss is given {a_type(batch)} where a batch should be: one of `batches`, as it is."
        elif model is not self.model:
            wrong = "the loss is asked about another model than the one that was passed in: train that one, no copy."
        if wrong:
            self._note(wrong)
            raise Symptom(wrong)
        self.events.append(("loss", call))
        self.used.append(self._which(batch))
        self.modes.append(self.model.modes())
        if self.breaks == call:
            raise Broken("the loss of the check raises this")
        self._look_back(call)
        x, y = batch
        value: Tensor = self.factors.get(call, 1.0) * (model(x) - y).square().mean()
        if value.requires_grad:
            behind = _Backward(self, call)
            value.register_hook(behind)  # type: ignore[no-untyped-call, unused-ignore]
            self._behind.append(weakref.ref(behind))
        return value

    def _look_back(self, call: int) -> None:
        """The last two may still be held, by a name of the loop."""
        self.hoards = self.hoards or any(ref() is not None for ref in self._behind[: max(call - 2, 0)])

    def _which(self, given: Batch) -> int | None:
        for k in self.calls("batch"):
            if all(torch.equal(a, b) for a, b in zip(given, batch(k, self.size), strict=True)):
                return k
        return None

    def _note(self, fault: str) -> None:
        self.fault = self.fault or fault

"""What a watched loop did, told in the order in which it went wrong: batches, losses, steps, and their sequence."""

from __future__ import annotations

from typing import Any

import torch

from course_utils.exercises.framework import Answer, Symptom, expect
from course_utils.lessons.lesson04.checks.recorder import RATE, Run

UNCHANGED = (
    "the weights have not changed: the optimiser has to take a step in every round, after `backward`, and nothing may "
    "clear the gradients in between."
)
AHEAD = (
    "A `for` over the batches, or a `zip` that begins with them, takes one before it sees that the steps are done: put "
    "range(steps) first. And a `next(…)` belongs at the beginning of a round; at its end it fetches a batch ahead."
)
SEQUENCES = {
    "SLB": "each gradient is used a round late, and the last one never: the step comes after `backward`.",
    "LSB": "each gradient is used a round late, when the loss has been computed already: `backward`, and then the "
    "step.",
}


def watched(answer: Answer, *args: Any, **case: Any) -> Run:
    """A run that has gone round by round as it should; what it computed is not looked at."""
    run = Run(answer, *args, **case)
    expect_no_error(run)
    _expect_batches(run)
    _expect_steps(run)
    _expect_sequence(run)
    rates = {group["lr"] for group in run.optimiser.param_groups}
    expect(rates == {RATE}, "the optimiser's learning rate is changed: that is not asked for.")
    return run


def expect_no_error(run: Run) -> None:
    """Fail with what was seen on the way; raise what the answer raised, in words where they are known."""
    if run.fault is not None:
        raise Symptom(run.fault)
    if run.error is None:
        return
    text = str(run.error)
    if "second time" in text:
        _expect_one_backward(run)
    expect("does not require grad" not in text, "nothing can be learnt under `no_grad`: leave it out.")
    raise run.error


def _expect_batches(run: Run) -> None:
    steps, used, asked = run.steps, run.used, len(run.calls("batch"))
    many = "1 batch was" if asked == 1 else f"{asked or 'no'} batches were"
    count = f"{run.where}, {many} asked for, there should be {steps}"
    if len(used) <= steps:
        for i, k in enumerate(used):
            again = k is not None and k in used[:i]
            expect(not again, f"round {i + 1} got batch {(k or 0) + 1} again: ask for a new one in every round.")
    expect(
        asked >= steps, f"{count}: is the range too short, does the loop end early, or does a `return` stand inside it?"
    )
    expect(asked != steps + 1 or run.events[-1] != ("batch", steps), f"{count}. {AHEAD}")
    idle = [k + 1 for k in range(asked) if k not in used]
    expect(asked == steps, count + (f". No loss was computed of batch {idle[0]}." if idle else "."))
    expect(
        len(used) <= steps,
        f"{run.where} the loss is computed {len(used)} times: once for each batch, and keep the value from before the "
        "step.",
    )
    expect(len(used) == steps, f"{run.where} the loss is computed of {len(used)} of the batches only.")
    for i, k in enumerate(used):
        expect(k is not None, f"the batch of round {i + 1} has been changed before the loss sees it.")
        expect(k == i, f"round {i + 1} learns from batch {(k or 0) + 1}: take them in their order.")


def _expect_steps(run: Run) -> None:
    taken = len(run.calls("step"))
    if taken == 0 and run.steps > 0:
        expect(torch.equal(run.weights, run.start), "the optimiser that was passed in takes no step: use it.")
        expect(False, UNCHANGED)
    expect(
        taken == run.steps,
        f"{run.where} the optimiser took {taken} step{'s' * (taken != 1)} in {run.steps} rounds: one belongs into "
        "every round.",
    )


def _expect_sequence(run: Run) -> None:
    moves = [name for name, _ in run.events if name != "batch"]
    letters = "".join(name[0].upper() for name in moves)
    expect("B" in letters or not moves, "`backward` is never called: without it no weight has a gradient.")
    _expect_one_backward(run)
    for wrong, hint in SEQUENCES.items():
        expect(run.steps == 0 or letters != wrong * run.steps, hint)
    expect(
        letters == "LBS" * run.steps,
        f"in every round come the loss, `backward` and the step, in this order; {run.where} it began with: "
        + ", ".join(moves[:6])
        + ".",
    )
    expect(
        all(slope == 1 for slope in run.slopes),
        "`backward` is called on something computed from the loss, not on the loss itself.",
    )


def _expect_one_backward(run: Run) -> None:
    """Fail if `backward` goes through one loss twice, with what came between."""
    last: dict[int, int] = {}
    for place, (name, number) in enumerate(run.events):
        if name != "backward":
            continue
        if number in last:
            between = {name for name, _ in run.events[last[number] : place]}
            expect(
                "loss" not in between,
                "`backward` goes through the losses of earlier rounds again: the losses are summed. Each round's own "
                "loss has its own `backward`.",
            )
            expect("step" not in between, "`backward` goes twice through one loss: compute the loss in every round.")
            expect(False, "`backward` goes twice through one loss before the step: call it once.")
        last[number] = place

"""Checks of the simple loss and of the running average of a model's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from course_utils import diffusion, training
from course_utils.exercises import laws
from course_utils.exercises.framework import Answer, Exercise, close, expect, expect_tensor, expect_values
from course_utils.exercises.inputs import normal

ddpm_loss = Exercise(
    "ddpm_loss",
    reference=diffusion.ddpm_loss,
    laws=(
        laws.unchanged(),
        laws.asks(),
        laws.dtypes(None),
        laws.layouts(),
        laws.gradients("model"),
        laws.by_itself(mean=True),
        laws.any_size(),
    ),
)
ema_update = Exercise(
    "ema_update",
    reference=training.ema_update,
    waive={
        "gradients": "no gradient may flow: average_leaves_the_model_alone and average_may_be_frozen look at it",
        "unchanged": "the average changes in place; average_leaves_the_model_alone looks at the model",
        "asks": "the two networks are not called",
    },
)

_T = 40


class _Guess(nn.Module):
    """A stand-in network: a fixed formula of x and t, one parameter, and a memory of how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.calls: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        self.calls.append((x.detach().clone(), t))
        return self.factor * x.to(self.factor) + diffusion.per_image(t.to(self.factor) / 1000, x.to(self.factor))

    def __deepcopy__(self, memo: dict[int, Any]) -> _Guess:
        return self  # so that the check of what the answer changed sees this very network


def _case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x0, t, alpha_bar, eps."""
    alpha_bar = diffusion.alpha_bars(diffusion.linear_schedule(_T, 0.01, 0.3))
    return normal(4, 2, 4, 4, seed=1), torch.tensor([3, 11, 26, _T]), alpha_bar, normal(4, 2, 4, 4, seed=2)


def _scalar(value: object) -> Tensor:
    expect(value is not None, "your function returns None: does it end with `return ...`?")
    expect(
        not isinstance(value, float),
        "your function returns a plain number, and nothing can be learnt from that: leave out `.item()` and `float`.",
    )
    if isinstance(value, Tensor) and value.ndim > 0:
        expect(
            False,
            f"the loss has shape {tuple(value.shape)}, it should be one number: take the mean over everything, with "
            "`.mean()`.",
        )
    return expect_tensor(value, ())


@ddpm_loss.part
def loss_shows_the_model_the_right_things(answer: Answer) -> None:
    x0, t, alpha_bar, eps = _case()
    model = _Guess()
    try:
        _scalar(answer(model, x0, t, alpha_bar, eps))
    except TypeError as error:
        expect(
            "forward" not in str(error), "the model is called with the noised pictures and the time: model(x_t, ...)."
        )
        raise
    expect(len(model.calls) > 0, "the model is never called: it has to guess the noise in x_t.")
    x_seen = torch.cat([x for x, _ in model.calls])  # in one batch, or picture by picture
    t_seen = torch.cat([torch.as_tensor(time).reshape(-1) for _, time in model.calls])
    expect(x_seen.shape == x0.shape, f"the model is given something of shape {tuple(x_seen.shape)}, not the pictures.")
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    expect(not close(x_seen, x0), "the model is given the clean pictures: it has to look at x_t, made with q_sample.")
    expect(not close(x_seen, eps), "the model is given the noise itself: it has to guess it from x_t.")
    expect(
        not close(x_seen, diffusion.q_sample(x0, t - 1, alpha_bar, eps)),
        "the model is given the pictures one step too early: q_sample wants the same t.",
    )
    expect(
        close(x_seen, x_t, 1e-5),
        "the model is not given x_t: make it with q_sample from x0, t and the very noise eps that it has to guess.",
    )
    expect(
        isinstance(t_seen, Tensor) and t_seen.shape == (4,),
        "the model wants one time for each picture, a tensor of shape (B,).",
    )
    for told, step in zip(t_seen.tolist(), t.tolist(), strict=True):
        wrong = laws.wrong_time(told, 1000 * step / _T, _T)
        expect(wrong is None, f"{wrong}.")


@ddpm_loss.part
def loss_has_the_right_value(answer: Answer) -> None:
    x0, t, alpha_bar, eps = _case()
    x_t = diffusion.q_sample(x0, t, alpha_bar, eps)
    guess = _Guess()(x_t, diffusion.model_time(t, _T)).detach()
    error = eps - guess
    got = _scalar(answer(_Guess(), x0, t, alpha_bar, eps)).reshape(1)
    weight = diffusion.per_image(diffusion.bound_weight(t, alpha_bar), error)
    expect_values(
        got,
        error.square().mean().reshape(1),
        {
            "this is the sum over everything: take the mean, so that the loss does not grow with the batch.": (
                error.square().sum().reshape(1)
            ),
            "this is the sum over each picture's numbers, averaged over the batch: take the mean over everything.": (
                error.square().sum((1, 2, 3)).mean().reshape(1)
            ),
            "this is the mean of the absolute errors: equation 14 squares them.": error.abs().mean().reshape(1),
            "this is the square root of the loss.": error.square().mean().sqrt().reshape(1),
            "the errors are not squared, so that they cancel.": error.mean().reshape(1),
            "the errors are not squared, so that they cancel: (eps - guess) ** 2.": (-error.mean()).reshape(1),
            "the guess is compared with the clean picture: this network guesses the noise.": (
                (x0 - guess).square().mean().reshape(1)
            ),
            "the guess is compared with the noised picture: this network guesses the noise.": (
                (x_t - guess).square().mean().reshape(1)
            ),
            "this is half of it: the simple loss has no factor.": 0.5 * error.square().mean().reshape(1),
            "each picture's error is weighted as in the bound: the simple loss drops the weight.": (
                (weight * error.square()).mean().reshape(1)
            ),
        },
        f"for one batch the loss is {got.item():.3f}, it should be {error.square().mean().item():.3f}.",
    )


@ddpm_loss.part
def loss_is_near_one_before_training(answer: Answer) -> None:
    def silent(x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        return torch.zeros_like(x)

    x0, _, alpha_bar, _ = _case()
    eps = normal(64, 2, 8, 8, seed=3)
    got = _scalar(answer(silent, normal(64, 2, 8, 8, seed=4), torch.full((64,), 20), alpha_bar, eps)).item()
    expect(
        abs(got - 1) < 0.05,
        f"a network that always says 0 should have a loss of about 1, the variance of the noise, and it has {got:.2f}.",
    )
    again = answer(silent, x0[:1], torch.tensor([5]), alpha_bar, torch.zeros_like(x0[:1]))
    expect(
        close(_scalar(again), torch.tensor(0.0)),
        "where eps is 0 and the guess is 0 the loss should be 0: draw no noise of your own, eps is passed in.",
    )


class _Bag(nn.Module):
    """A module with what real ones have: weights, a float buffer that is a schedule, a counter."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, 2)
        self.alpha_bar: Tensor
        self.seen: Tensor
        self.scale = nn.Parameter(normal(4, seed=seed, dtype=torch.float32))
        self.register_buffer("alpha_bar", diffusion.alpha_bars(diffusion.linear_schedule(4, 0.1 * seed, 0.2 * seed)))
        self.register_buffer("seen", torch.tensor(100 * seed))
        with torch.no_grad():
            self.first.weight.copy_(normal(2, 3, seed=seed + 10, dtype=torch.float32))
            self.first.bias.copy_(normal(2, seed=seed + 20, dtype=torch.float32))


def _pair() -> tuple[_Bag, _Bag]:
    """The average and the model, with nothing in common."""
    return _Bag(1), _Bag(2)


def _weights(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten().double() for p in module.parameters()])


def _update(answer: Answer, average: nn.Module, model: nn.Module, decay: float) -> None:
    try:
        answer(average, model, decay)
    except RuntimeError as error:
        leaf = "leaf" in str(error)
        expect(
            not leaf,
            "PyTorch refuses to change a weight in place while it records gradients: do it under "
            "`with torch.no_grad():`.",
        )
        kind = "Float" in str(error) or "dtype" in str(error) or "Long" in str(error) or "result type" in str(error)
        expect(
            not kind,
            "a counter among the buffers is a whole number and cannot be averaged: average the parameters, copy the "
            "buffers.",
        )
        raise


@ema_update.part
def average_moves_a_little(answer: Answer) -> None:
    average, model = _pair()
    before, target = _weights(average), _weights(model)
    _update(answer, average, model, 0.9)
    after = _weights(average)
    expect(
        not close(after, before),
        "the average's weights have not changed: `p = ...` binds a name anew. Change the tensor itself, with "
        "`p.copy_(...)`, `p.lerp_(...)` or `p.mul_(...).add_(...)`.",
    )
    expect_values(
        after,
        0.9 * before + 0.1 * target,
        {
            "with decay 0.9 the average keeps only a tenth of itself: decay is the share that stays, 1 - decay the "
            "share of the new weights.": 0.1 * before + 0.9 * target,
            "the average is now the model: it should keep the share `decay` of itself.": target,
            "the new weights are added in full: multiply them by 1 - decay.": 0.9 * before + target,
            "the average is not multiplied by decay, so that it grows without end.": before + 0.1 * target,
            "the difference is added with the wrong sign, so that the average moves away from the model.": (
                before - 0.1 * (target - before)
            ),
            "the two halves are equal: use decay.": 0.5 * (before + target),
        },
        "the average is not decay times itself plus (1 - decay) times the model's weights.",
        tolerance=1e-5,
    )


@ema_update.part
def average_leaves_the_model_alone(answer: Answer) -> None:
    average, model = _pair()
    kept = copy.deepcopy(model.state_dict())
    ids = [id(p) for p in average.parameters()]
    _update(answer, average, model, 0.5)
    same = all(torch.equal(kept[key], value) for key, value in model.state_dict().items())
    expect(same, "the model itself is changed: only the average may move. Are the two swapped?")
    expect(
        ids == [id(p) for p in average.parameters()],
        "the average has new parameters instead of changed ones: change them in place.",
    )
    shared = {p.data_ptr() for p in model.state_dict().values()} & {p.data_ptr() for p in average.state_dict().values()}
    expect(
        not shared,
        "the average and the model now share memory, so that training changes the average too: copy the values.",
    )
    expect(
        all(p.is_leaf and p.grad_fn is None for p in average.parameters()),
        "the average's weights remember how they were computed: work under `with torch.no_grad():`.",
    )


@ema_update.part
def average_may_be_frozen(answer: Answer) -> None:
    """The course's averages learn nothing themselves, `requires_grad_(False)`, and their models do."""
    average, model = _pair()
    average.requires_grad_(False)
    want = 0.9 * _weights(average) + 0.1 * _weights(model)
    _update(answer, average, model, 0.9)
    expect(
        close(_weights(average), want, 1e-5),
        "an average whose weights are frozen does not move as it should: it changes in place, whatever `requires_grad` "
        "says.",
    )
    for which, module, learns in (("average", average, False), ("model", model, True)):
        expect(
            all(p.requires_grad == learns for p in module.parameters()),
            f"which weights of the {which} learn is changed: `requires_grad` is not yours to set here.",
        )


@ema_update.part
def buffers_are_copied(answer: Answer) -> None:
    average, model = _pair()
    old = average.alpha_bar.clone()
    _update(answer, average, model, 0.9)
    alpha_bar = average.alpha_bar
    expect(
        not close(alpha_bar, 0.9 * old + 0.1 * model.alpha_bar),
        "the schedule, a buffer, is averaged: at t = 4 alpha_bar is now neither that of the average nor that of the "
        "model. Average the parameters alone, and copy the buffers as they are.",
    )
    expect(
        not close(alpha_bar, old),
        "the buffers are left as they were: a schedule or a counter that changes in the model must be copied.",
    )
    expect(close(alpha_bar, model.alpha_bar), "the buffers of the average are not those of the model.")
    expect(
        average.seen.dtype == torch.int64 and int(average.seen) == int(model.seen),
        "a counter among the buffers is a whole number: it should be copied, and stay a whole number.",
    )


@ema_update.part
def average_of_many_updates(answer: Answer) -> None:
    average, model = _pair()
    start, want = _weights(average), _weights(average)
    for k in range(30):
        with torch.no_grad():
            model.scale.add_(0.1)
        _update(answer, average, model, 0.8)
        want = 0.8 * want + 0.2 * _weights(model)
        if k == 0:
            start = want
    expect(close(_weights(average), want, 1e-4), "after thirty updates the average is wrong.")
    for decay, expected in ((1.0, want), (0.0, _weights(model))):
        _update(answer, average, model, decay)
        expect(
            close(_weights(average), expected, 1e-4),
            f"with decay = {decay:.0f} the average should be {'unchanged' if decay else 'the model'}, and it is not.",
        )
    expect(not close(start, want), "the average does not move.")

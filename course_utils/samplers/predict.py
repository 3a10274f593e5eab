"""What a sampler is given: a function that names the noise in x_t, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from course_utils.diffusion import ideal_denoiser, model_time, schedule_step, to_eps
from course_utils.diffusion.targets import check_kind
from course_utils.errors import CourseError
from course_utils.halves import joined, one_thread

Predict = Callable[[Tensor, Tensor], Tensor]  # predict(x (B, ...), t (B,) on the scale 0 to 1000) -> eps, like x
P = ParamSpec("P")
T = TypeVar("T")


def as_predict(
    model: Callable[..., Tensor],
    cond: Tensor | None = None,
    kind: str = "eps",
    alpha_bar: Tensor | None = None,
    *,
    variance: bool = False,
    halves: bool = False,
) -> Predict:
    """A trained model as a sampler wants it: without gradients, in evaluation mode, on the model's device.

    Args:
        model: `model(x, t, cond)`, a module or any function.
        cond: what the model is told besides; one row for each image that will be sampled, or None.
        kind: what the model predicts: "eps", "x0" or "v". The last two are translated to eps.
        alpha_bar: (T + 1,), the schedule, needed for that translation only.
        variance: keep the second half of the channels of a model with a learned variance, for
            `p_sample(…, variance="learned")`. Otherwise only the noise is passed on.
        halves: ask the model about each half of the images on one thread, side by side or one after the other, as is
            faster beside what else runs (`course_utils.halves`); for a model on the CPU that looks at every image by
            itself. The last bits differ from those without, and depend on nothing else.

    Returns:
        predict(x, t) -> eps, shaped like x (with twice the channels under `variance`), in x's dtype and on its device.

    Raises:
        CourseError: if there is no such kind, or "x0" or "v" comes without a schedule.
    """
    check_kind(kind)
    if kind != "eps" and alpha_bar is None:
        raise CourseError(f"To get the noise from a model that predicts {kind}, give the schedule's alpha_bar as well.")
    device = next((p.device for p in model.parameters()), None) if isinstance(model, nn.Module) else None

    @torch.no_grad()
    def predict(x: Tensor, t: Tensor) -> Tensor:
        place = device or x.device
        with _evaluation_mode(model):
            asked = x.to(place), t.to(place), None if cond is None else cond.to(place)
            output = joined(model, *asked, kind=id(model)) if halves and place.type == "cpu" else model(*asked)
        output = output.to(x)
        prediction, rest = output[:, : x.shape[1]], output[:, x.shape[1] :]  # rest is empty without learned variance
        if alpha_bar is not None:
            prediction = to_eps(kind, prediction, x, schedule_step(t, len(alpha_bar) - 1), alpha_bar)
        return torch.cat([prediction, rest], dim=1) if variance else prediction

    predict.halves = halves  # type: ignore[attr-defined] # for `in_company`
    return predict


def in_company(sampler: Callable[Concatenate[Predict, P], T]) -> Callable[Concatenate[Predict, P], T]:
    """A sampler whose own sums, between two calls of a predict in halves, have one thread as well.

    They are short, and two threads that wait for each other after each sum can take longer than the network.
    """

    @wraps(sampler)
    def sample(predict: Predict, *rest: P.args, **named: P.kwargs) -> T:
        with one_thread() if getattr(predict, "halves", False) else nullcontext():
            return sampler(predict, *rest, **named)

    return sample


def ideal_predict(images: Tensor, alpha_bar: Tensor) -> Predict:
    """The best possible predict for a finite data set: lesson 02's `ideal_denoiser`, as noise.

    Args:
        images: (N, C, H, W) or any shape (N, ...), the whole data set.
        alpha_bar: (T + 1,), the schedule that the sampler will use.

    Returns:
        predict(x, t) -> eps, shaped like x. With it, a sampler draws from the data set itself.
    """

    def predict(x: Tensor, t: Tensor) -> Tensor:
        step = schedule_step(t, len(alpha_bar) - 1)
        return to_eps("x0", ideal_denoiser(x, step, alpha_bar, images), x, step, alpha_bar)

    return predict


def times_for(x: Tensor, t: int, alpha_bar: Tensor) -> Tensor:
    """Step t as `predict` wants it: one time for each image, (B,), on the scale 0 to 1000."""
    return model_time(torch.full((len(x),), t, device=x.device), len(alpha_bar) - 1)


@contextmanager
def _evaluation_mode(model: object) -> Iterator[None]:
    """Switch a module to evaluation and, afterwards, back to what it was. A plain function has no modes."""
    if not isinstance(model, nn.Module) or not model.training:
        yield
        return
    model.eval()
    try:
        yield
    finally:
        model.train()

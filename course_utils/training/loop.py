"""One training loop, which reads like the algorithm on the page: draw a batch, compute the loss, step downhill."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.training.batches import Source, images_in
from course_utils.training.checkpoint import Keeper, snapshot
from course_utils.training.ema import averaged, ema_decay, ema_update
from course_utils.training.halves import Halves, Whole
from course_utils.training.history import Fit
from course_utils.training.interrupts import Interrupted, Undisturbed, how_to_go_on
from course_utils.training.optimiser import bf16_where_fast, learning_rate_factor, make_optimiser
from course_utils.training.progress import Progress

Batch = TypeVar("Batch")


def fit(
    model: nn.Module,
    batches: Iterable[Batch] | Callable[[int], Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    steps: int,
    *,
    optimiser: str = "adamw",
    learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    momentum: float | None = None,
    warmup: float = 0.05,
    hold: float | None = None,
    clip: float | None = 1.0,
    ema: float | None = None,
    checkpoint: Path | None = None,
    keep: Collection[int] = (),
    autocast: bool = False,
    halves: bool = False,
    quiet: bool = False,
    live: bool = False,
    title: str = "training",
) -> Fit:
    """Train `model` in place and leave it in evaluation mode.

    With a `checkpoint`, an interrupt loses nothing: call `fit` again in the same way, and it goes on; on a CPU the
    result is the same to the last bit. The state is saved when the interrupt comes, and every half minute against
    worse. When the training is complete its result stays there, and the same call gives it at once, also after a
    restart; whoever has made it safe elsewhere removes it with `discard`. What makes a call the same: the settings, the
    network's shapes and first weights, the first batch and the loss on it. Another call begins anew where the old
    training was complete, and says so; where it was interrupted, the call is refused.

    Args:
        model: what to train; it is trained on the device where it is.
        batches: gives at least `steps` batches, most simply a generator that never ends. It owns the randomness. For
            a checkpoint it must be possible to go on where it stood: a function step -> batch that gives the same
            batch for the same step, a list, or an iterator whose only randomness is the torch.Generator in its
            attribute `generator`, which is saved (such as `training.Shuffled`). PyTorch's own generator, from which
            dropout draws, is saved too; those of NumPy and Python are not.
        loss: `loss(model, batch)` gives a scalar tensor. With a checkpoint it is also asked, in evaluation mode, how
            well the model does on the first batch whenever the state is saved.
        steps: how many batches to learn from.
        optimiser: "adamw" (Loshchilov & Hutter 2017, arXiv:1711.05101), or "muon" (see `training.muon`), whose step
            takes about a sixth longer in a network of the course, and which gets far in few steps.
        learning_rate: the peak, reached after the warm-up; a cosine leads it down to zero.
        weight_decay: the optimiser's.
        momentum: how much of its average of the gradients the optimiser keeps from one step to the next; by default
            0.9 for AdamW (there called beta1) and 0.95 for Muon.
        warmup: the share of the steps over which the learning rate rises from zero.
        hold: with a number, the learning rate stays at its peak until this share of the steps is done, and then falls
            to zero in a straight line (Hägele et al. 2024, arXiv:2405.18392), which in the short trainings of this
            course brings further than the cosine. With 1 it never falls; then an average of the weights (`ema`) has
            more to do.
        clip: a longer gradient, taken over all parameters, is shortened to this norm; None shortens none.
        ema: the decay of an exponential moving average of the weights, such as 0.999, with a warm-up
            (`ema_decay`); None keeps no average.
        checkpoint: a file for the state, "NAME.safetensors"; a card for people, "NAME.json", is written beside it.
        keep: steps, from 0 to `steps` - 1, at whose beginning a copy of the model is made, for `Fit.kept`.
        autocast: compute the loss in bfloat16 where this machine is faster that way. The loss function then turns
            what the network gives into float32 before it compares: `model(x, t).float()`.
        halves: compute each batch in two halves, each on one thread, side by side or one after the other as is faster
            just now: beside other programs that can halve the time, and no bit depends on it (`course_utils.halves`).
            For a loss that is a mean over images which do not meet; the last bits differ from those without. On a GPU
            it changes nothing.
        quiet: no progress bar. There is none either outside a terminal or notebook, or with COURSE_QUIET set.
        live: in a notebook, also draw the curve of the loss as it grows.
        title: stands before the progress bar.

    Raises:
        CourseError: the loss or its gradient is not a number, or the batches end early; the model keeps the weights
            and the running statistics of the last good step. Or the checkpoint cannot be written, is damaged, or is of
            another training that was interrupted. Or there are `halves` of what cannot be halved.
        Interrupted: Ctrl-C, or the notebook's stop button. The model keeps what it has learned so far.
    """
    _check_kept(keep, steps)
    with Undisturbed():  # its first optimiser makes PyTorch import a great deal, and half an import is never mended
        stepper = make_optimiser(optimiser, model, learning_rate, weight_decay, momentum)
    halves = halves and _device(model).type == "cpu"
    precision = bf16_where_fast(_device(model)) if autocast else contextlib.nullcontext()
    learner = (Halves if halves else Whole)(model, loss, precision)
    average = averaged(model) if ema is not None else None
    source, history = Source(batches, steps), Fit(ema=average)
    settings = {
        "steps": steps,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "warmup": warmup,
        "clip": clip,
        "ema": ema,
        "autocast": autocast,
        **({} if momentum is None else {"momentum": momentum}),
        **({} if hold is None else {"hold": hold}),
        **({"halves": True} if halves else {}),
        **({} if optimiser == "adamw" else {"optimiser": optimiser}),
        **({"keep": sorted(set(keep))} if keep else {}),
    }
    keeper = Keeper(checkpoint, settings, model, average, stepper, source, history, learner.value)
    keeper.resume()
    if keeper.complete:
        model.eval()
        if not quiet:
            print(f"Trained before, in {history.seconds:.0f} seconds. To train again, delete {keeper.path}.")
        return history

    model.train()
    started = time.perf_counter() - history.seconds
    try:
        with Progress(title, history.steps, steps, quiet, live) as progress:
            for step in range(history.steps, steps):
                if step in keep and step not in history.kept:
                    history.kept[step] = snapshot(model)
                batch = source(step)
                for group in stepper.param_groups:
                    group["lr"] = learning_rate * learning_rate_factor(step, steps, warmup, hold)

                stepper.zero_grad()
                value, norm = learner.gradient(batch, clip)
                _stop_if_not_finite("loss", value, step, learning_rate)
                _stop_if_not_finite("gradient", norm, step, learning_rate)

                with Undisturbed():  # a step happens as a whole, or not at all
                    learner.do(stepper.step)
                    if average is not None and ema is not None:
                        learner.do(ema_update, average, model, ema_decay(step, ema))
                    history.losses.append(value.item())
                    history.norms.append(norm.item())
                    history.images += images_in(batch)
                    history.seconds = time.perf_counter() - started
                    keeper.mark()

                keeper.now_and_then()
                progress.update(history.losses, history.images_per_second)
        with Undisturbed():
            keeper.finish()
    except KeyboardInterrupt:
        with Undisturbed():  # a second one, from somebody impatient, must not cut the file short
            not_saved = keeper.keep_if_possible()
        raise Interrupted(how_to_go_on(history.steps, steps, keeper.path, not_saved)) from None
    except Exception:
        stepper.zero_grad()
        with Undisturbed():
            keeper.keep_if_possible()
        raise
    finally:
        model.eval()
    return history


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def _check_kept(keep: Collection[int], steps: int) -> None:
    outside = sorted(step for step in keep if not 0 <= step < steps)
    if outside:
        raise CourseError(f"A copy is made at the beginning of one of the steps 0 to {steps - 1}, not of {outside[0]}.")


def _stop_if_not_finite(what: str, value: Tensor, step: int, learning_rate: float) -> None:
    if not torch.isfinite(value).all():
        raise CourseError(
            f"The {what} became {value.item():g} at step {step}: lower the learning rate (now {learning_rate:g}), "
            "or look in the loss for a division by zero or the root or logarithm of a negative number."
        )

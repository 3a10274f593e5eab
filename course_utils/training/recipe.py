"""How weights that come with the course are made: one skeleton for all, and a `Recipe` that says what differs.

Check that the file can be written, train, round to 16 bits, judge, and store the weights with their card, and beside
them a grid of what the model draws, if it draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from course_utils import data, weights
from course_utils.files import write_atomically
from course_utils.training.card import round_to_16_bits, training_card
from course_utils.training.checkpoint_file import discard
from course_utils.training.interrupts import Interrupted
from course_utils.training.settings import Teachable

FEW = 100  # steps below which a training is a rehearsal, and its judge need not be thorough


@dataclass(frozen=True)
class Recipe:
    """One training whose result is stored.

    Attributes:
        name: of the recipe and of its weights.
        what: what the network does, in a line.
        lesson: in whose budget the weights are: "04", or "judges" for those that many lessons are judged by.
        training: the settings, which say what is taught; a frozen dataclass.
        minutes: how long it takes on two CPU cores, roughly.
        judge: `judge(net, training, device)` gives the card's figures of the trained network, in evaluation mode.
            After fewer than `FEW` steps it need not be thorough.
        data: which images it learns from, in words.
        about: what else the card says of network and training.
        tells_loss: whether the last loss means something to a reader.
        grid: `grid(net, training, device)` gives a PNG of what it draws, which is stored beside the weights.
        choices: arguments of `fit` that change how fast the training runs, and not what is learnt.
    """

    name: str
    what: str
    lesson: str
    training: Teachable
    minutes: float
    judge: Callable[[Any, Any, torch.device | str], Mapping[str, Any]]
    data: str
    about: Callable[[], Mapping[str, Any]] = field(default=dict)
    tells_loss: bool = True
    grid: Callable[[Any, Any, torch.device | str], bytes] | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)


def make(
    recipe: Recipe,
    *,
    steps: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    folder: Path | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Follow a recipe, store the weights with their card, and return the card.

    If an average of the weights is kept, that is what is stored. An interrupt loses nothing, neither in the training
    nor while its result is judged: the same call goes on where it stopped. The checkpoint goes when weights, card and
    grid are stored.

    Args:
        recipe: what to make.
        steps: batches; by default as many as the recipe says.
        seed: for the initial weights and the batches.
        device: where to train.
        folder: where to store; by default the checkout's `weights/`.
        quiet: no progress bar.

    Returns:
        the card, as stored.

    Raises:
        CourseError: no data, a training that failed, or a folder that cannot be written to.
        Interrupted: Ctrl-C.
    """
    weights.check_writable(folder)  # before the work, not after it
    training: Any = recipe.training if steps is None else replace(recipe.training, steps=steps)  # type: ignore[type-var]
    kept = (folder or weights.cache()) / "unfinished" / f"{recipe.name}-{training.steps}-{seed}.safetensors"
    started = time.process_time()
    net, history = training.train(
        seed, device=device, checkpoint=kept, quiet=quiet, title=recipe.name, **recipe.choices
    )
    seconds = round(history.seconds), round(time.process_time() - started)
    net = history.ema or net
    round_to_16_bits(net)
    try:
        card = {
            "recipe": recipe.name,
            "what": recipe.what,
            "data": recipe.data,
            "fingerprint": data.fingerprint(training.dataset),
            **recipe.about(),
            **training_card(training.steps, training.batch, seed, seconds, device),
            **({"loss": round(history.last_loss, 5)} if recipe.tells_loss else {}),
            "metrics": recipe.judge(net, training, device),
            **({"samples": f"{recipe.name}.png"} if recipe.grid else {}),
        }
        where = weights.save(recipe.name, net, card, half=True, folder=folder)
        if recipe.grid:
            write_atomically(where.with_suffix(".png"), recipe.grid(net, training, device))
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped when {recipe.name} was trained and was being judged; the training is kept in {kept}: run this "
            "again, and it is judged."
        ) from None
    discard(kept)
    return weights.card(recipe.name, folder=folder)


def replayed(begin: Callable[[], Any]) -> Callable[[int], Any]:
    """step -> batch, from a stream that has no way back: it is begun again, and what was seen already is skipped.

    So a training can go on after an interrupt although its batches come from several generators that depend on each
    other.

    Args:
        begin: gives the stream from its first batch on, an iterator; always the same one.
    """
    stream, following = begin(), 0

    def batch(step: int) -> Any:
        nonlocal stream, following
        if step < following:
            stream, following = begin(), 0
        while following < step:
            next(stream)
            following += 1
        following += 1
        return next(stream)

    return batch

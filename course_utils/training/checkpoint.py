"""A training on disk: all that changes from step to step while it runs, and its result when it is complete.

Whoever makes the result safe elsewhere discards the file. A lesson leaves it where it is, and its training cell gives
the result at once when it is run again.
"""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.training.checkpoint_file import named, read, write
from course_utils.training.examiner import Examiner, Remembers
from course_utils.training.history import Fit
from course_utils.training.interrupts import Undisturbed

SAVE_EVERY = 30.0  # seconds: what a crash of the machine may cost
WORDS = {
    False: "an interrupted training: call `fit` again with the same settings, and it goes on from here",
    True: "a complete training: the same call of `fit` gives its result at once; delete this file to train again",
}


class Keeper:
    """Keeps a training's state: its weights, their average, the optimiser, the history and every source of chance.

    `mark` is called where a step is complete. A failure or an interrupt may come in the middle of the next one, when
    its batch has been drawn, the running statistics of the model have moved, but nothing was learned; `go_back` leads
    to the mark, and `keep` goes there first, so that what is saved is whole. Without a path nothing is saved.

    Attributes:
        complete: whether all steps are done.
    """

    def __init__(
        self,
        path: Path | None,
        settings: Mapping[str, Any],
        model: nn.Module,
        average: nn.Module | None,
        optimiser: torch.optim.Optimizer,
        source: Remembers,
        history: Fit,
        loss: Callable[[Any], float],
    ) -> None:
        """`loss(batch)` gives the loss of the model as it is; the others are what `fit` works with."""
        self.path = None if path is None else named(path)
        self.settings, self.model, self.average = dict(settings), model, average
        self.optimiser, self.source, self.history = optimiser, source, history
        self.examiner = Examiner(model, source, loss)
        self.device = self.examiner.device
        self.complete = False
        if self.path is not None:
            source.check_resumable()

    def resume(self) -> None:
        """Load the state if there is one, else write the first: a folder that is read-only is noticed now.

        A complete training that is not this one is replaced, and a line says so.

        Raises:
            CourseError: the file is damaged, or belongs to an interrupted training that is not this one.
        """
        if self.path is None:
            self.mark()
            return
        if not (self.path.is_file() and self._taken_up(self.path)):
            self.examiner.begin()
            self.mark()
        if not self.complete:
            self.keep()

    def mark(self) -> None:
        """Here a step is complete."""
        self._buffers = [b.clone() for b in self.model.buffers()]
        if self.path is None:
            return
        chance = {"torch": torch.get_rng_state(), "batches": self.source.state()}
        if self.device.type == "cuda":
            chance["cuda"] = torch.cuda.get_rng_state(self.device)
        self._marked = {key: state for key, state in chance.items() if state is not None}

    def go_back(self) -> None:
        """To the mark: the buffers, and with a path the sources of chance. (The weights move at the end of a step.)"""
        for buffer, marked in zip(self.model.buffers(), self._buffers, strict=True):
            buffer.copy_(marked)
        if self.path is not None:
            self._restore_chance(self._marked)

    def keep(self) -> None:
        """Go back to the mark, and save.

        Raises:
            CourseError: the file cannot be written. What it held before stays.
        """
        self.go_back()
        if self.path is None:
            return
        card = {
            "what": WORDS[self.complete],
            "complete": self.complete,
            "step": self.history.steps,
            "settings": self.settings,
            "first batch": self.examiner.beginning.shapes,
            "seconds": self.history.seconds,
            "images": self.history.images,
            "torch": torch.__version__.split("+")[0],
        }
        write(self.path, self._tensors(), card)
        self._saved = time.monotonic()

    def keep_if_possible(self) -> Exception | None:
        """Go back to the mark, and save. Returns what went wrong with the saving, which also asks for the loss."""
        try:
            self.keep()
        except Exception as error:
            return error
        return None

    def now_and_then(self) -> None:
        """Save if the last time was long ago. If it fails, a warning says so, and the training goes on."""
        if self.path is not None and time.monotonic() - self._saved > SAVE_EVERY:
            self._keep_or_warn()

    def finish(self) -> None:
        """All steps are done: what is kept from now on is the result."""
        self.complete = True
        if self.path is not None:
            self._keep_or_warn()

    def _keep_or_warn(self) -> None:
        self._saved = time.monotonic()  # tried: the next time is as far away as ever
        error = self.keep_if_possible()
        if error is not None:
            warnings.warn(f"{error} The training goes on, and what was saved before stays.", stacklevel=3)

    def _taken_up(self, path: Path) -> bool:
        """Go on from what is stored. False, and nothing has changed, if it is the result of another training."""
        tensors, card = read(path)
        part = {name: _part(tensors, name) for name in ("model", "beginning", "chance")}
        other = self.examiner.other(
            card, self.settings, part["model"], part["beginning"], part["chance"].get("batches")
        )
        if other is None:
            with Undisturbed():
                self._load(tensors, card)
            return True
        if not card["complete"]:
            raise CourseError(f"The checkpoint {path} is of {other}: delete it to begin anew, or choose another path.")
        print(f"{path} kept the result of {other}. This training begins anew, with the weights that the network has.")
        return False

    def _tensors(self) -> dict[str, Tensor]:
        """Everything that changes, and how it began, under flat names: `model.weight` and the like."""
        found = {f"model.{key}": value for key, value in self.model.state_dict().items()}
        if self.average is not None:
            found |= {f"average.{key}": value for key, value in self.average.state_dict().items()}
        for step, copied in self.history.kept.items():
            found |= {f"kept.{step}.{key}": value for key, value in copied.state_dict().items()}
        if not self.complete:
            for index, memory in self.optimiser.state_dict()["state"].items():
                found |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in memory.items()}
        found |= {f"chance.{key}": state for key, state in self._marked.items()}
        found |= {f"beginning.{key}": value for key, value in self.examiner.beginning.tensors().items()}
        found["beginning.first_loss"] = self.examiner.first_loss()
        found["losses"] = torch.tensor(self.history.losses, dtype=torch.float64)
        found["norms"] = torch.tensor(self.history.norms, dtype=torch.float64)
        return found

    def _load(self, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        self.model.load_state_dict(_part(tensors, "model"))
        if self.average is not None:
            self.average.load_state_dict(_part(tensors, "average"))
        for step, weights in sorted(_grouped(_part(tensors, "kept")).items()):  # a file has an order of its own
            self.history.kept[step] = snapshot(self.model)
            self.history.kept[step].load_state_dict(weights)
        self._load_optimiser(_grouped(_part(tensors, "optimiser")))
        self._restore_chance(_part(tensors, "chance"))
        self.history.losses[:] = tensors["losses"].tolist()
        self.history.norms[:] = tensors["norms"].tolist()
        self.history.seconds, self.history.images = card["seconds"], card["images"]
        self.complete = card["complete"]
        self.mark()

    def _load_optimiser(self, memory: dict[int, dict[str, Tensor]]) -> None:
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": memory})
        for parameter, state in self.optimiser.state.items():
            for key, value in state.items():
                if value.shape == parameter.shape:  # the order in memory too: the fused kernel walks both side by side
                    state[key] = torch.empty_like(parameter).copy_(value)

    def _restore_chance(self, states: Mapping[str, Tensor]) -> None:
        torch.set_rng_state(states["torch"])
        self.source.restore(states.get("batches"))
        if "cuda" in states and self.device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"], self.device)


def snapshot(model: nn.Module) -> nn.Module:
    """A copy of the model as it is, in evaluation mode."""
    return copy.deepcopy(model).eval()


def _part(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors under `part.`, without it."""
    return {key.removeprefix(f"{part}."): value for key, value in tensors.items() if key.startswith(f"{part}.")}


def _grouped(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """From "3.weight" to {3: {"weight": …}}."""
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        found.setdefault(int(index), {})[key] = tensor
    return found

"""A training on disk: one safetensors file with all that changes from step to step, and a card that people can read.

The file alone is enough to go on: its header repeats the card, and a digest over the numbers. So there is one file to
write, in one step, and never a pair that does not fit together.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.files import write_atomically

SAVE_EVERY = 30.0  # seconds: what a crash of the machine may cost


class Remembers(Protocol):
    """What a source of batches must be able to do."""

    def check_resumable(self) -> None: ...
    def state(self) -> Tensor | None: ...
    def restore(self, state: Tensor | None) -> None: ...


class Keeper:
    """Keeps a training's state: its weights, their average, the optimiser, the history and every source of chance.

    `mark` is called where a step is complete. An interrupt may come in the middle of the next one, when its batch has
    been drawn, the running statistics of the model have moved, but nothing was learned; `keep` then goes back to the
    mark first, so that what is saved is whole.
    """

    def __init__(
        self,
        path: Path | None,
        settings: Mapping[str, Any],
        model: nn.Module,
        average: nn.Module | None,
        optimiser: torch.optim.Optimizer,
        source: Remembers,
        history: Any,
    ) -> None:
        self.path = None if path is None else _safetensors(Path(path))
        self.settings, self.model, self.average = dict(settings), model, average
        self.optimiser, self.source, self.history = optimiser, source, history
        self.device = next((p.device for p in model.parameters()), torch.device("cpu"))
        if self.path is not None:
            source.check_resumable()

    def resume(self) -> None:
        """Load the state if there is one, else write the first: a folder that is read-only is noticed now.

        Raises:
            CourseError: the file is damaged, or belongs to another model or to other settings.
        """
        if self.path is not None and self.path.is_file():
            self._load(*_read(self.path))
        self.mark()
        if self.path is not None:
            self.keep()

    def mark(self) -> None:
        """Here a step is complete."""
        if self.path is None:
            return
        chance = {"torch": torch.get_rng_state(), "batches": self.source.state()}
        if self.device.type == "cuda":
            chance["cuda"] = torch.cuda.get_rng_state(self.device)
        self._marked = {key: state for key, state in chance.items() if state is not None}
        self._buffers = [b.clone() for b in self.model.buffers()]

    def now_and_then(self) -> None:
        """Save if the last time was long ago."""
        if self.path is not None and time.monotonic() - self._saved > SAVE_EVERY:
            self.keep()

    def keep(self) -> None:
        """Go back to the mark, and save.

        Raises:
            CourseError: the file cannot be written.
        """
        if self.path is None:
            return
        for buffer, marked in zip(self.model.buffers(), self._buffers, strict=True):
            buffer.copy_(marked)
        self._restore_chance(self._marked)
        # safetensors wants plain contiguous memory, and each tensor its own
        tensors = {
            key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for key, tensor in self._tensors().items()
        }
        card = {
            "what": "an interrupted training: call `fit` again with the same settings, and it goes on from here",
            "step": self.history.steps,
            "settings": self.settings,
            "seconds": self.history.seconds,
            "images": self.history.images,
            "torch": torch.__version__.split("+")[0],
            "sha256": _digest(tensors),
        }
        text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.path, to_safetensors(tensors, metadata={"card": text}))
        write_atomically(self.path.with_suffix(".json"), text.encode("utf-8"))
        self._saved = time.monotonic()

    def discard(self) -> None:
        """The training is complete: what was kept for an interrupt goes, so that the next one begins anew."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path.with_suffix(".json").unlink(missing_ok=True)

    def _tensors(self) -> dict[str, Tensor]:
        """Everything that changes, under flat names; `model.weight` and the like."""
        found = {f"model.{key}": value for key, value in self.model.state_dict().items()}
        if self.average is not None:
            found |= {f"average.{key}": value for key, value in self.average.state_dict().items()}
        for index, memory in self.optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in memory.items()}
        found |= {f"chance.{key}": state for key, state in self._marked.items()}
        found["losses"] = torch.tensor(self.history.losses, dtype=torch.float64)
        found["norms"] = torch.tensor(self.history.norms, dtype=torch.float64)
        return found

    def _load(self, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
        for key in {**card["settings"], **self.settings}:
            theirs, ours = card["settings"].get(key), self.settings.get(key)
            if theirs != ours:
                raise CourseError(
                    f"The checkpoint {self.path} is of a training with {key} = {theirs}, and this one has {key} = "
                    f"{ours}: delete the checkpoint to begin anew, or go on with {key} = {theirs}."
                )
        self._check_network(tensors)
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}, "chance": {}}
        for name, tensor in tensors.items():
            part, _, key = name.partition(".")
            if part in parts:
                parts[part][key] = tensor
        self.model.load_state_dict(parts["model"])
        if self.average is not None:
            self.average.load_state_dict(parts["average"])
        self._load_optimiser(parts["optimiser"])
        self._restore_chance(parts["chance"])
        self.history.losses[:] = tensors["losses"].tolist()
        self.history.norms[:] = tensors["norms"].tolist()
        self.history.seconds, self.history.images = card["seconds"], card["images"]

    def _check_network(self, tensors: dict[str, Tensor]) -> None:
        stored = {k.partition(".")[2]: (v.shape, v.dtype) for k, v in tensors.items() if k.startswith("model.")}
        if stored != {key: (value.shape, value.dtype) for key, value in self.model.state_dict().items()}:
            raise CourseError(
                f"The checkpoint {self.path} is of another network: delete it to begin anew, or choose another path."
            )

    def _load_optimiser(self, tensors: dict[str, Tensor]) -> None:
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, key = name.partition(".")
            memory.setdefault(int(index), {})[key] = tensor
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


def _safetensors(path: Path) -> Path:
    return path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    content = path.read_bytes()
    try:
        tensors = parse_safetensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        card = json.loads(header["__metadata__"]["card"])
        whole = card["sha256"] == _digest(tensors)
    except (SafetensorError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise CourseError(f"The checkpoint {path} is damaged: delete it, and the training begins anew.")
    return tensors, card


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        total.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()

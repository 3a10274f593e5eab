"""Whether a training on disk is the one that is asked for, and if not, in what it differs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from course_utils.training.beginning import Beginning, alike, same_loss


class Remembers(Protocol):
    """What a source of batches must be able to do."""

    def __call__(self, step: int) -> Any: ...
    def check_resumable(self) -> None: ...
    def state(self) -> Tensor | None: ...
    def restore(self, state: Tensor | None) -> None: ...


class Examiner:
    """Looks at the network, the first batch and the loss of a training, and leaves all of them as they are.

    Attributes:
        beginning: what the training began with; set by `begin`, or where `other` finds no difference.
    """

    beginning: Beginning

    def __init__(self, model: nn.Module, source: Remembers, loss: Callable[[Any], float]) -> None:
        """`loss(batch)` gives the loss of the model as it is."""
        self.model, self.source, self.loss = model, source, loss
        self.device = next((p.device for p in model.parameters()), torch.device("cpu"))

    def begin(self) -> None:
        """Here a training begins."""
        self.beginning = self._look(self.source.state())

    def first_loss(self, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """The loss of the first batch in evaluation mode, a float64 scalar.

        Args:
            weights: a state of the model; by default the one that it has.
        """
        training = self.model.training
        before = {} if weights is None else {key: x.clone() for key, x in self.model.state_dict().items()}
        buffers = [b.clone() for b in self.model.buffers()]  # those too that no state_dict has
        self.model.eval()
        try:
            if weights is not None:
                self.model.load_state_dict(weights)
            with self._aside():
                return torch.tensor(self.loss(self._first), dtype=torch.float64)
        finally:
            if before:
                self.model.load_state_dict(before)
            for buffer, value in zip(self.model.buffers(), buffers, strict=True):
                buffer.copy_(value)
            self.model.train(training)

    def other(
        self, card: Mapping[str, Any], settings: Mapping[str, Any], model: Mapping[str, Tensor],
        beginning: Mapping[str, Tensor], generator: Tensor | None,
    ) -> str | None:  # fmt: skip
        """Of which other training something stored is, in words; None if of this one.

        Args:
            card: with "settings" and "first batch".
            settings: of this training.
            model: the state that the model had come to.
            beginning: tensors of the `Beginning`, and "first_loss": with the stored state.
            generator: the state that the batches' generator had come to.
        """
        return (
            _other_settings(card["settings"], settings)
            or self._other_network(model)
            or self._other_beginning(Beginning.stored(beginning, card["first batch"]), model, generator)
            or self._other_loss(model, beginning["first_loss"])
        )

    def _other_network(self, stored: Mapping[str, Tensor]) -> str | None:
        ours = {key: (value.shape, value.dtype) for key, value in self.model.state_dict().items()}
        return None if ours == {key: (x.shape, x.dtype) for key, x in stored.items()} else "another network"

    def _other_beginning(self, began: Beginning, model: Mapping[str, Tensor], generator: Tensor | None) -> str | None:
        """Weights and generator may be as they began, or as the stored ones are: then the cell was run again."""
        if not _either(self.source.state(), began.generator, generator):
            return "a training with batches from another seed"
        ours = self._look(began.generator)
        reached = all(torch.equal(value.cpu(), model[key]) for key, value in self.model.state_dict().items())
        if not reached and not alike(ours.weights, began.weights):
            return "a network that began with other weights"
        other = ours.other_batches(began)
        if other is None:
            self.beginning = began
        return other

    def _other_loss(self, model: Mapping[str, Tensor], stored: Tensor) -> str | None:
        ours, theirs = self.first_loss(model).item(), stored.item()
        if same_loss(ours, theirs):
            return None
        return f"a training with another loss: {theirs:.4g} for its first batch, and here {ours:.4g}"

    def _look(self, generator: Tensor | None) -> Beginning:
        """Draw the first batch on the side, from this state of its generator, and measure what there is."""
        now = self.source.state()
        with self._aside():
            self.source.restore(generator)
            self._first = self.source(0)
        self.source.restore(now)
        return Beginning.of(self.model, self._first, generator)

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """What draws inside from PyTorch's own generators draws the same each time, and they are left as they were."""
        on_gpu = self.device.type == "cuda"
        with torch.random.fork_rng(devices=[self.device] if on_gpu else []):
            torch.default_generator.manual_seed(0)
            if on_gpu:
                torch.cuda.manual_seed(0)
            yield


def _other_settings(stored: Mapping[str, Any], ours: Mapping[str, Any]) -> str | None:
    for key in {**stored, **ours}:
        if stored.get(key) != ours.get(key):
            return f"a training with {key} = {stored.get(key)}, and this one has {key} = {ours.get(key)}"
    return None


def _either(ours: Tensor | None, *theirs: Tensor | None) -> bool:
    """Whether `ours` is one of `theirs`, where there is one."""
    if ours is None:
        return all(their is None for their in theirs)
    return any(their is not None and torch.equal(ours, their) for their in theirs)

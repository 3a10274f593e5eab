"""Where the batches come from, and how their randomness is remembered, so that a training can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from course_utils.errors import CourseError

Batch = TypeVar("Batch")


class Shuffled:
    """Random batches of images, without end, that can be resumed.

    Every batch is chosen anew from all images, so one image may come twice before another comes once. What else the
    loss needs at random (t, eps) is best drawn here too, by `make`: then the batches own all randomness.

    Attributes:
        generator: the only source of randomness; its state is all there is to remember.
    """

    def __init__(
        self,
        *tensors: Tensor,
        size: int = 64,
        seed: int = 0,
        make: Callable[..., Any] | None = None,
    ) -> None:
        """
        Args:
            tensors: images (N, ...) and what belongs to each of them, such as labels (N,).
            size: images in a batch.
            seed: for the choice, and for `make`.
            make: called with the chosen part of each tensor and the generator; gives the batch. Left out, the batch
                is the chosen part, or a tuple of them where there are several tensors.
        """
        if not tensors or len({len(t) for t in tensors}) != 1 or len(tensors[0]) == 0:
            raise CourseError("Batches need at least one tensor with images, and tensors of the same length.")
        self.tensors, self.size, self.make = tensors, size, make
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        choice = torch.randint(len(self.tensors[0]), (self.size,), generator=self.generator)
        chosen = tuple(t[choice.to(t.device)] for t in self.tensors)
        if self.make is not None:
            return self.make(*chosen, self.generator)
        return chosen if len(chosen) > 1 else chosen[0]


class Source(Generic[Batch]):
    """One way to ask for a batch, whatever `fit` was given."""

    def __init__(self, batches: Iterable[Batch] | Callable[[int], Batch], steps: int) -> None:
        self._function = batches if callable(batches) and not isinstance(batches, Iterable) else None
        self._sequence = batches if isinstance(batches, Sequence) else None
        self._iterator = iter(batches) if isinstance(batches, Iterable) else iter(())
        generator = getattr(batches, "generator", None) if self._iterator is batches else None
        self._generator = generator if isinstance(generator, torch.Generator) else None
        self._steps = steps

    def __call__(self, step: int) -> Batch:
        """The batch of this step.

        Raises:
            CourseError: there are no more.
        """
        if self._function is not None:
            return self._function(step)
        if self._sequence is not None:
            batch = self._sequence[step] if step < len(self._sequence) else None
        else:
            batch = next(self._iterator, None)
        if batch is None:
            raise CourseError(
                f"The batches ended after {step} of {self._steps} steps: give `fit` a generator that never ends."
            )
        return batch

    def check_resumable(self) -> None:
        """Raise a CourseError if the batches cannot be continued after an interrupt."""
        if self._function is None and self._sequence is None and self._generator is None:
            raise CourseError(
                "These batches cannot be resumed, and a checkpoint was asked for: give `fit` a function of the step, "
                "or an iterator whose attribute `generator` is its only randomness, such as `training.Shuffled`."
            )

    def state(self) -> Tensor | None:
        """The generator's state, if there is one: the next batch follows from it."""
        return None if self._generator is None else self._generator.get_state()

    def restore(self, state: Tensor | None) -> None:
        if self._generator is not None and state is not None:
            self._generator.set_state(state)


def images_in(batch: Any) -> int:
    """How many images a batch holds: the length of its first tensor, 0 if it has none."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else 1
    parts = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, (tuple, list)) else ()
    return next((len(part) for part in parts if isinstance(part, Tensor) and part.ndim), 0)

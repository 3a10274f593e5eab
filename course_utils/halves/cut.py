"""Cutting a batch in two halves, always in the same place."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.halves.threads import compute


def cut(batch: Any) -> list[tuple[Any, int]]:
    """The halves of a batch and how many images each holds; the first has one more where the number is odd.

    Args:
        batch: a tensor (N, ...), or a tuple, list or dict of such tensors. What is no tensor, or a tensor with a
            single number, goes into both halves.

    Returns:
        two pairs (half, images), or one where there is a single image.

    Raises:
        CourseError: no tensors, or tensors of different lengths.
    """
    parts = list(batch.values()) if isinstance(batch, dict) else [batch] if isinstance(batch, Tensor) else batch
    tensors = [p for p in parts if isinstance(p, Tensor) and p.ndim] if isinstance(parts, (list, tuple)) else []
    lengths = sorted({len(p) for p in tensors})
    if len(lengths) != 1 or lengths[0] == 0:
        raise CourseError(
            "A batch that is to be cut in halves is a tensor, or a tuple, list or dict of tensors, with the same "
            f"number of images in each: {f'here they are {lengths}' if lengths else 'this one has none'}."
        )
    (n,) = lengths
    middle = (n + 1) // 2
    spans = [(0, middle), (middle, n)] if n > 1 else [(0, n)]
    return [(_part(batch, low, high), high - low) for low, high in spans]


def joined(function: Callable[..., Tensor], *parts: Tensor | None, kind: Hashable) -> Tensor:
    """function(*parts), computed in halves and put together again: for a function that treats every image by itself.

    Args:
        function: gives a tensor with a row for each image.
        parts: its arguments, (N, ...) each, or None.
        kind: as for `compute`; the shape of the first argument is added to it.

    Raises:
        CourseError: as for `cut`.
    """
    shape = next((p.shape for p in parts if p is not None), None)
    return torch.cat(compute([partial(function, *half) for half, _ in cut(parts)], (kind, shape)))


def _part(batch: Any, low: int, high: int) -> Any:
    if isinstance(batch, Tensor):
        return batch[low:high] if batch.ndim else batch
    if isinstance(batch, dict):
        return {key: _part(value, low, high) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        return type(batch)(_part(value, low, high) for value in batch)
    return batch

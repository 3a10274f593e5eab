"""How a law says what it measured: two numbers that differ are printed with as many digits as it takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils.exercises.framework import Symptom, a_type


def apart(a: float, b: float, digits: int = 3) -> tuple[str, str]:
    """Two numbers as text, with at least so many digits, and more until the texts differ; both alike if equal."""
    for count in range(digits, 18):
        one, other = f"{a:.{count}g}", f"{b:.{count}g}"
        if one != other:
            return one, other
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def tensors(result: Any) -> list[Tensor]:
    """What an answer returned, as a list of tensors; a hint where it returned something else."""
    if result is None:
        raise Symptom("your function returns None: does it end with `return ...`?")
    if isinstance(result, (tuple, list)):
        return [tensor for value in result for tensor in tensors(value)]
    if isinstance(result, (float, int)):
        return [torch.tensor(float(result), dtype=torch.float64)]
    if not isinstance(result, Tensor):
        raise Symptom(f"your function returns {a_type(result)}, it should return a tensor.")
    return [result]


def difference(got: Any, want: Any, tolerance: float) -> str | None:
    """Where two results first differ, as the middle of a sentence; None if they agree.

    Args:
        got, want: tensors, numbers, or tuples and lists of them; what the answer gave and what it should be.
        tolerance: relative and absolute, element by element.
    """
    ours, theirs = tensors(got), tensors(want)
    if len(ours) != len(theirs):
        return f"there are {len(ours)} results, there should be {len(theirs)}"
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            return f"the result has shape {tuple(a.shape)}, it should have shape {tuple(b.shape)}"
        a, b = a.detach().double(), b.detach().double()
        wrong = ~torch.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
        if wrong.any():
            place = tuple(int(index) for index in wrong.nonzero()[0])
            one, other = apart(float(a[place]), float(b[place]))
            where = f" at {list(place)}" if place else ""
            return f"the result{where} is {one}, it should be {other}"
    return None

"""Inputs that the checks of lesson 10 share, and how a number is read from an answer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils import diffusion
from course_utils.exercises.framework import a_type, expect
from course_utils.exercises.inputs import normal
from course_utils.exercises.laws import Sizes

# (41,): T is 40, the model's clock runs from 0 to 1000, and something of the picture is left at the end.
ALPHA_BAR = diffusion.alpha_bars(diffusion.linear_schedule(40, 1e-3, 0.15))


def features(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """(n, d), correlated and skewed, as a network's features are."""
    mixing = normal(d, d, seed=99)
    return scale * torch.relu(normal(n, d, seed=seed) @ mixing) + shift


def near_levels(sizes: Sizes) -> tuple[Tensor, Tensor]:
    """Pictures whose pixels are among the 256 values, and guesses within a few hundredths: (B, *shape) each."""
    x0 = diffusion.to_levels(0.5 * normal(sizes.B, *sizes.shape, seed=5))
    return x0.to(sizes.dtype), (x0 + 0.01 * normal(sizes.B, *sizes.shape, seed=6)).to(sizes.dtype)


def number(got: Any, what: str) -> Tensor:
    """The answer as a float64 tensor without dimensions: a float is as good as a tensor."""
    expect(got is not None, "your function returns None: does it end with `return ...`?")
    if isinstance(got, complex) or (isinstance(got, Tensor) and got.is_complex()):
        expect(False, f"{what} is a complex number: take `.real` of the roots before they are added up.")
    try:
        value = torch.as_tensor(got, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        expect(False, f"your function returns {a_type(got)}, it should return a number.")
    expect(value.numel() == 1, f"the result has shape {tuple(value.shape)}: {what} is a single number.")
    expect(
        bool(torch.isfinite(value).all()),
        f"{what} is {value.item()}: is there a root of a negative number, a logarithm of 0, or 0/0?",
    )
    return value.detach().reshape(())


def as_number(value: Any) -> Tensor:
    """A figure of a known mistake, as `expect_values` wants it."""
    return torch.as_tensor(value, dtype=torch.float64).reshape(())

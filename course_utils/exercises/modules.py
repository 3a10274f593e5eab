"""What checks of networks share: making a module, and a reference's weights loaded into a student's module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises.framework import Answer, expect


def make(answer: Answer, *args: Any, **kwargs: Any) -> nn.Module:
    """The student's module, or a hint if it is none."""
    module = answer(*args, **kwargs)
    expect(
        isinstance(module, nn.Module),
        f"calling the class gives a {type(module).__name__}, it should give a module: derive it from `nn.Module`.",
    )
    return module  # type: ignore[no-any-return]


def begun(module: nn.Module, name: str) -> nn.Module:
    """The module of a class whose `__init__` is the student's work: a `forward` still to be written is said to be so.

    The class named `name` was tried, then, and its check should not take it for an untouched cell.
    """
    written = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        try:
            return written(*args, **kwargs)
        except NotImplementedError as error:
            expect(str(error) != name, "`__init__` is filled in, and `forward` is not yet: write that as well.")
            raise

    module.forward = forward  # type: ignore[method-assign]
    return module


def scattered(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in float64 with random weights and biases, so that no mistake hides behind a one or a zero."""
    module.double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def with_weights_of(module: nn.Module, reference: nn.Module) -> nn.Module:
    """The student's module with the reference's weights, in float64; a hint where names or shapes differ."""
    has, wanted = module.state_dict(), reference.state_dict()
    missing, extra = sorted(wanted.keys() - has.keys()), sorted(has.keys() - wanted.keys())
    if missing:
        part = missing[0].split(".", maxsplit=1)[0]
        text = f"your module has no `{missing[0]}`, which the docstring names"
        if isinstance(getattr(module, part, None), nn.Module):
            expect(False, f"{text}: `self.{part}` is a {type(getattr(module, part)).__name__}.")
        other = f", but a `{extra[0]}`" if extra else ""
        expect(False, f"{text}{other}: the check loads weights by name, so make `self.{part}` in `__init__`.")
    expect(not extra, f"your module has a `{next(iter(extra), '')}`: the docstring names no such part.")
    for name, tensor in wanted.items():
        expect(
            has[name].shape == tensor.shape,
            f"`{name}` has shape {tuple(has[name].shape)}, it should have {tuple(tensor.shape)}.",
        )
    module.double().load_state_dict(wanted)
    return module


def expect_gradients(module: nn.Module, result: Tensor, names: tuple[str, ...]) -> None:
    """Fail unless a gradient reaches each of these parameters from the result."""
    expect(
        result.requires_grad,
        "no gradient flows back from the result: leave out `.detach()`, `.data`, `.item()` and `no_grad`.",
    )
    module.zero_grad()
    result.square().sum().backward()
    parameters = dict(module.named_parameters())
    for name in names:
        grad = parameters[name].grad
        expect(
            grad is not None and bool((grad != 0).any()),
            f"no gradient reaches `{name}`, so it would never learn: is it used, and was nothing detached on the way?",
        )

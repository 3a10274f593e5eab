"""What the checks of lesson 02 share: how a student's network is built, filled with known weights, and questioned."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises.framework import Answer, close, expect
from course_utils.exercises.modules import begun


def built(answer: Answer, *args: Any, **kwargs: Any) -> nn.Module:
    """The student's network in float64, or a hint if it is none, has nothing to learn, or is only begun."""
    module = mended(answer, *args, **kwargs)
    return begun(module, type(module).__name__)


def mended(answer: Answer, *args: Any, **kwargs: Any) -> nn.Module:
    """As `built`, where the lesson wrote the `__init__`: without a `forward`, it is as it was."""
    try:
        module = answer(*args, **kwargs)
    except AttributeError as error:
        expect("before Module.__init__" not in str(error), "begin `__init__` with `super().__init__()`: it was there.")
        raise
    kind = type(module).__name__
    expect(isinstance(module, nn.Module), f"calling it gives a {kind}, it should give a network, a `nn.Module`.")
    expect(
        any(True for _ in module.parameters()),
        "PyTorch finds no parameters in it: make the layers in `__init__` and keep each as an attribute (`self.conv1 = "
        "...`), or many of them in a `nn.ModuleList`. A plain Python list hides them.",
    )
    return module.double()


def reference_of(reference: Answer, *args: Any, seed: int = 5, **kwargs: Any) -> nn.Module:
    """The course's own network in float64, with weights that are the same on every machine.

    They are drawn larger than PyTorch's, so that a slip deep inside is seen in the result.
    """
    module: nn.Module = reference(*args, **kwargs).double()
    drawn_large(module, seed)
    return module


def drawn_large(net: nn.Module, seed: int = 3) -> None:
    """Weights so large that a change anywhere is seen at the end."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            fan = p[0].numel() if p.ndim > 1 else 9
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype) * (2 / fan) ** 0.5)


def adopted(module: nn.Module, reference: nn.Module) -> bool:
    """Give `module` the weights of `reference`: by name, else one after the other. False if they do not fit."""
    try:
        module.load_state_dict(reference.state_dict())
        return True
    except RuntimeError:
        pass
    ours, theirs = list(module.parameters()), list(reference.parameters())
    if [p.shape for p in ours] != [p.shape for p in theirs]:
        return False
    with torch.no_grad():
        for own, given in zip(ours, theirs, strict=True):
            own.copy_(given)
    return True


def expect_fit(error: RuntimeError, sizes: str, channels: str) -> None:
    """Turn PyTorch's complaint about two tensors into a hint: that their `sizes` or their `channels` do not fit."""
    text = str(error)
    expect("Sizes of tensors must match" not in text, sizes)
    found = re.search(r"to have (\d+) channels, but got (\d+) channels", text)
    if found:
        expect(False, f"a block that was made for {found[1]} channels gets {found[2]}: {channels}")


def size_of(module: nn.Module) -> int:
    """The number of parameters."""
    return sum(p.numel() for p in module.parameters())


def expect_size(module: nn.Module, reference: nn.Module, known: dict[int, str], what: str) -> None:
    """Fail unless both have as many parameters; a number that is `known` gets its own hint."""
    got, want = size_of(module), size_of(reference)
    if got != want:
        expect(False, known.get(got, f"{what} has {got:,} parameters, it should have {want:,}."))


def expect_learning(module: nn.Module, run: Callable[[], Tensor]) -> None:
    """Fail unless the square of what `run` gives sends a gradient to every parameter."""
    module.zero_grad()
    value = run()
    expect(value.requires_grad, "no gradient flows through it: leave out `.detach()`, `.data` and `no_grad`.")
    value.square().sum().backward()  # type: ignore[no-untyped-call, unused-ignore]
    for name, parameter in module.named_parameters():
        if parameter.grad is None or not bool(parameter.grad.abs().sum() > 0):
            why = "it is made, and `forward` never uses it."
            if _matters(parameter, run):
                why = "the result depends on it, and the way back is cut: leave out `.detach()`, `.data` and `no_grad`."
            expect(False, f"the parameter `{name}` gets no gradient: {why}")


def _matters(parameter: nn.Parameter, run: Callable[[], Tensor]) -> bool:
    """Whether another value of the parameter gives another result; its value is as before afterwards."""
    with torch.no_grad():
        before, kept = run().clone(), parameter.clone()
        parameter.add_(1)
        changed = not close(run(), before)
        parameter.copy_(kept)
    return changed


def expect_steady(module: nn.Module, *inputs: Tensor) -> None:
    """Fail if two calls with the same inputs differ."""
    first, second = (module(*inputs) for _ in range(2))
    for a, b in zip(as_list(first), as_list(second), strict=True):
        expect(
            close(a, b),
            "two calls with the same input give two results: make no layers and no random numbers in `forward`.",
        )


def as_list(result: Any) -> list[Tensor]:
    """A tensor, or a tuple of them, as a list."""
    return [result] if isinstance(result, Tensor) else list(result)

"""What the checks of lesson 05 share: hints for weights that do not fit, and for parts that are not learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from course_utils.exercises.framework import Answer, expect
from course_utils.exercises.modules import make, scattered

EVEN = ((1, 4, 6), (4, 4, 4), (3, 6, 2))  # shapes of a picture that has a half


def applied(reference: Answer, arguments: Callable[[int], tuple[Any, ...]], told: bool = False) -> Answer:
    """How laws get from a class to a function of x (B, C, H, W): with weights that are not those of the start.

    Args:
        reference: the course's own class, whose weights are loaded.
        arguments: what the class is made with, for pictures of C channels.
        told: whether a module gets a vector of three numbers a picture besides, which is made of the picture.
    """

    def via(answer: Answer) -> Answer:
        def run(x: Tensor, **settings: Any) -> Any:
            given = arguments(x.shape[1] if x.ndim > 1 else 1)
            module = load(make(answer, *given, **settings), scattered(reference(*given, **settings), seed=12)).to(x)
            return module(x, x.flatten(1)[:, :3]) if told else module(x)

        return run

    return via


def halves(channels: int) -> int:
    """2 where that divides the channels, else 1."""
    return 2 if channels % 2 == 0 else 1


def load(module: nn.Module, reference: nn.Module) -> nn.Module:
    """The student's module with the reference's weights, in float64; a hint where names or shapes differ."""
    has, wanted = module.state_dict(), reference.state_dict()
    missing, extra = sorted(wanted.keys() - has.keys()), sorted(has.keys() - wanted.keys())
    if missing:
        name = missing[0]
        text = f"the reference's weights do not fit: your module has no `{name}`"
        plain = getattr(module, name.split(".", maxsplit=1)[0], None)
        if isinstance(plain, Tensor) and not isinstance(plain, nn.Parameter):
            text += ", because a plain tensor is not learned and not saved: wrap it in `nn.Parameter(...)`"
        elif extra:
            text += f", but a `{extra[0]}`: give the parts the names that the docstring says"
        else:
            text += ": every part that learns is an attribute of `self`, by the name that the docstring says"
        expect(False, text + ".")
    expect(
        not extra,
        f"your module has a `{next(iter(extra), '')}` for which the reference has no weights: it has no such part.",
    )
    for name, tensor in wanted.items():
        expect(
            has[name].shape == tensor.shape,
            f"`{name}` has shape {tuple(has[name].shape)}, in the reference it has {tuple(tensor.shape)}.",
        )
    module.double().load_state_dict(reference.state_dict())
    return module


def expect_learned(module: nn.Module, names: tuple[str, ...]) -> None:
    """Fail unless each of these is a parameter of the module."""
    learned = dict(module.named_parameters())
    for name in names:
        value = getattr(module, name.split(".", maxsplit=1)[0], None)
        expect(value is not None, f"your module has no `{name}`: make it in `__init__`, as an attribute of `self`.")
        expect(
            name in learned,
            f"`{name}` is no parameter, so that no optimiser would change it: wrap it in `nn.Parameter(...)`.",
        )

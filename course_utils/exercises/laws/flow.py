"""Gradients arrive where they should, as large as they should be, and nowhere else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_utils.exercises.laws.law import Law, Trial
from course_utils.exercises.laws.words import difference, tensors

CUT = "leave out `.detach()`, `.data`, `.item()` and `no_grad`, also on the way."


def gradients(*to: str, none: bool = False, tolerance: float = 1e-4) -> Law:
    """A gradient reaches each of these inputs from the result, the same as in the reference.

    Args:
        to: names of inputs; for a network, every parameter of it.
        none: instead, the result and what it is made of keep no record for gradients, even if the network learns.
        tolerance: relative and absolute.
    """

    def look(trial: Trial) -> str | None:
        if none:
            return _kept(trial)
        mine, right = _arrived(trial, to, trial.mine), _arrived(trial, to, trial.right)
        if mine is None:
            who = " and ".join(f"`{name}`" for name in to)
            return f"no gradient flows back to {who}: {CUT}"
        for name in to:
            got, want = mine[name], right[name] if right else None
            if want is None:
                continue
            if got is None or (not got.any() and bool(want.any())):
                return f"no gradient flows back to `{name}`: {CUT}"
            off = difference(got, want, tolerance)
            if off is not None:
                off = off.replace("the result", "its gradient")
                return f"only a part of the gradient flows back to `{name}`: {off}. Is something detached on the way?"
        return None

    return Law("gradients", look)


def _kept(trial: Trial) -> str | None:
    with torch.enable_grad():
        result = trial.answer(trial.values(learns=True))
    if any(tensor.requires_grad or tensor.grad_fn is not None for tensor in tensors(result)):
        return (
            "the result still holds on to everything that the network computed on the way, for gradients that nobody "
            "asks for, and memory fills up: walk under `with torch.no_grad():`."
        )
    return None


def _arrived(trial: Trial, to: tuple[str, ...], function: Any) -> dict[str, Tensor | None] | None:
    """The gradient of a fixed mixture of the results, by name; None if the result keeps no record at all."""
    given = trial.values(learns=True)
    leaves: dict[str, list[Tensor]] = {}
    with torch.enable_grad():
        for name in to:
            if isinstance(given[name], nn.Module):
                leaves[name] = list(given[name].parameters())
            else:
                given[name] = given[name].detach().clone().requires_grad_()
                leaves[name] = [given[name]]
        found = tensors(function(*given.values()))
        if not any(tensor.requires_grad for tensor in found):
            return None
        mixed = torch.stack([_mixture(tensor) for tensor in found if tensor.requires_grad]).sum()
        every = [leaf for name in to for leaf in leaves[name]]
        grads = iter(torch.autograd.grad(mixed, every, allow_unused=True))
    arrived: dict[str, Tensor | None] = {}
    for name in to:
        each = [next(grads) for _ in leaves[name]]
        known = [grad.flatten().double() for grad in each if grad is not None]
        arrived[name] = torch.cat(known) if len(known) == len(each) else None
    return arrived


def _mixture(tensor: Tensor) -> Tensor:
    """One number to which each element contributes with another weight."""
    weights = torch.linspace(0.5, 1.5, tensor.numel(), dtype=torch.float64).to(tensor)
    return (tensor.flatten() * weights).sum().double()

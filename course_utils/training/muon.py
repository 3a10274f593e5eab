"""Muon: an optimiser whose steps turn a weight matrix in all its directions alike.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon); the scale of the step is that of Liu et al. 2025, arXiv
2502.16982, eq. 4, with which it takes the learning rate and the weight decay of AdamW. A gradient is mostly large in a
few directions; Muon gives all directions of its moving average the same length, so the rare ones are learnt as well.
PyTorch has one since version 2.9 (torch.optim.Muon), for matrices alone; this one also takes convolutions, and hands
what is no matrix to AdamW.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

A, B, C = 3.4445, -4.7750, 2.0315  # of the polynomial; found by its author for a steep slope at 0
ITERATIONS = 5
MOMENTUM = 0.95  # its author's
LIKE_ADAMW = 0.2  # root mean square of an AdamW step in units of the learning rate, by experience (Liu et al. 2025)


class Muon(torch.optim.Optimizer):
    """Muon for kernels and matrices inside the network, AdamW for all else.

    Args:
        matrices: parameters of two dimensions or more; (out, in, k, k) counts as (out, in * k * k).
        others: parameters that AdamW takes: first and last layers, tables of vectors, biases, scales.
        lr: the learning rate of both.
        weight_decay: of both, decoupled; parameters with one dimension or none do not decay.
        momentum: how much of the average of the gradients stays from one step to the next.
        betas: AdamW's.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        *,
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        momentum: float = MOMENTUM,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> None:
        others = list(others)
        groups: list[dict[str, Any]] = [
            {"params": list(matrices), "muon": True, "momentum": momentum},
            {"params": [p for p in others if p.ndim > 1], "muon": False},
            {"params": [p for p in others if p.ndim <= 1], "muon": False, "weight_decay": 0.0},
        ]
        super().__init__(
            [group for group in groups if group["params"]], {"lr": lr, "weight_decay": weight_decay, "betas": betas}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step for every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            with_gradient = [p for p in group["params"] if p.grad is not None]
            if with_gradient:
                (self._turn if group["muon"] else self._adamw)(with_gradient, group)
        return loss

    def _turn(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        ahead = []
        for p in parameters:
            if not self.state[p]:
                self.state[p]["average"] = torch.zeros_like(p)
            average = self.state[p]["average"]
            average.lerp_(p.grad, 1 - group["momentum"])  # type: ignore[arg-type]
            ahead.append(p.grad.lerp(average, group["momentum"]).reshape(len(p), -1))  # type: ignore[union-attr] # Nesterov
        for p, turn in zip(parameters, orthogonal(ahead), strict=True):  # turn: (out, in * k * k)
            length = LIKE_ADAMW * max(turn.shape) ** 0.5
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(turn.reshape(p.shape), alpha=-group["lr"] * length)

    def _adamw(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for p in parameters:
            if not self.state[p]:
                self.state[p] |= {
                    "step": torch.zeros((), dtype=torch.float32, device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        states = [self.state[p] for p in parameters]
        adamw(
            parameters,
            [p.grad for p in parameters],  # type: ignore[misc]
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            foreach=False,
            fused=parameters[0].device.type in ("cpu", "cuda"),
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=1e-8,
            maximize=False,
        )


def orthogonal(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Nearly the orthogonal matrix nearest to each: the same directions, every singular value brought to about 1.

    Five rounds of X <- (A + B X X^T + C (X X^T)^2) X, after a division by the norm. It ends with singular values
    between 0.7 and 1.2, which is good enough for a step, and needs no decomposition. Every round multiplies from the
    left by a square matrix made of X X^T alone. So it is enough to collect these, Q, on the small side of X, and to
    touch X itself twice instead of ten times: X_k = Q_k X_0, hence X_k X_k^T = Q_k (X_0 X_0^T) Q_k^T. And the Q of all
    matrices whose small sides are equally long are collected together, for many small products leave a core idle.

    Args:
        matrices: (N, M) each, of any sizes.

    Returns:
        (N, M) each, in its dtype.
    """
    tall = [x.shape[0] > x.shape[1] for x in matrices]
    flat = [x.T if stands else x for x, stands in zip(matrices, tall, strict=True)]  # the small side first
    flat = [x / (x.norm() + 1e-7) for x in flat]
    turned = list(flat)
    for n in {len(x) for x in flat}:
        alike = [i for i, x in enumerate(flat) if len(x) == n]
        Q = _collected(torch.stack([flat[i] @ flat[i].T for i in alike]))  # (matrices, n, n)
        for i, q in zip(alike, Q, strict=True):
            turned[i] = q @ flat[i]
    return [x.T if stands else x for x, stands in zip(turned, tall, strict=True)]


def _collected(start: Tensor) -> Tensor:
    """Q of all rounds, from X X^T: (matrices, n, n) -> the same."""
    unit = torch.eye(start.shape[1], dtype=start.dtype, device=start.device)
    Q = _factor(start, unit)
    for _ in range(ITERATIONS - 1):
        Q = _factor(Q @ start @ Q.mT, unit) @ Q
    return Q


def _factor(square: Tensor, unit: Tensor) -> Tensor:
    """A + B X X^T + C (X X^T)^2, from X X^T."""
    return torch.baddbmm(A * unit + B * square, square, square, alpha=C)


def make_muon(model: nn.Module, learning_rate: float, weight_decay: float, momentum: float = MOMENTUM) -> Muon:
    """Muon for a network: for the kernels and matrices between its first and its last layer, AdamW for the rest.

    What touches the image, and tables of vectors (`nn.Embedding`), are no maps between features, and Muon's author
    gives them to AdamW. First and last means the first and last convolution of the module, in the order in which they
    were made, or of its linear layers where it has no convolution.
    """
    convolutions = [m for m in model.modules() if isinstance(m, (nn.Conv1d, nn.Conv2d))]
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    layers: list[nn.Conv1d | nn.Conv2d | nn.Linear] = [*convolutions, *linear]
    through = layers[: len(convolutions)] or layers
    ends = {id(layer.weight) for layer in through[:1] + through[-1:]}
    inner = [layer.weight for layer in layers if layer.weight.requires_grad and id(layer.weight) not in ends]
    chosen = {id(p) for p in inner}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in chosen]
    return Muon(inner, others, lr=learning_rate, weight_decay=weight_decay, momentum=momentum)

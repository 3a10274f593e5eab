"""The training loop learns, repeats itself, and stops with a sentence when the numbers go wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.training import Fit, fit, learning_rate_factor, make_adamw


def lines(seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Points on y = 2 a - b + 1, without end."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        x = torch.randn(64, 2, generator=generator)
        yield x, x @ torch.tensor([[2.0], [-1.0]]) + 1


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return (model(x) - y).square().mean()


def line() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(2, 1)


def test_it_finds_the_line() -> None:
    model = line()
    history = fit(model, lines(), squared, 200, learning_rate=0.1, weight_decay=0.0)
    assert history.steps == len(history.losses) == 200 and history.seconds > 0
    assert history.losses[-1] < 1e-3 * history.losses[0]
    torch.testing.assert_close(model.weight, torch.tensor([[2.0, -1.0]]), atol=0.02, rtol=0)
    assert not model.training


def test_the_same_seed_gives_the_same_losses() -> None:
    runs = [fit(line(), lines(seed), squared, 20) for seed in (0, 0, 1)]
    assert runs[0].losses == runs[1].losses != runs[2].losses


def test_a_loss_that_is_not_a_number_stops_it_and_keeps_the_last_good_weights() -> None:
    model, seen = line(), []

    def breaks(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        seen.append(model.weight.detach().clone())
        return squared(model, batch) * (float("nan") if len(seen) == 4 else 1.0)

    with pytest.raises(CourseError, match=r"^The loss became nan at step 3: lower the learning rate \(now 0\.1\)"):
        fit(model, lines(), breaks, 10, learning_rate=0.1)
    assert torch.equal(model.weight.detach(), seen[-1]) and not torch.equal(seen[-1], seen[0])
    assert not model.training


def test_a_gradient_that_is_not_a_number_stops_it_too() -> None:
    def root_of_zero(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return (model.weight * 0).sum().sqrt()  # 0, with an endless slope

    model = line()
    with pytest.raises(CourseError, match=r"^The gradient became nan at step 0"):
        fit(model, lines(), root_of_zero, 10)
    assert torch.equal(model.weight, line().weight)


def test_batches_that_end_are_reported() -> None:
    few = [batch for batch, _ in zip(lines(), range(3), strict=False)]
    with pytest.raises(CourseError, match="ended after 3 of 10 steps"):
        fit(line(), few, squared, 10)
    assert fit(line(), few, squared, 3).steps == 3


def test_the_gradient_is_clipped() -> None:
    norms = []

    def steep(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return 1e6 * squared(model, batch)

    class Watched(torch.optim.AdamW):
        def step(self, closure: None = None) -> None:  # type: ignore[override]
            gradients = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
            norms.append(torch.cat(gradients).norm().item())
            super().step()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Watched)
        fit(line(), lines(), steep, 5, clip=0.5)
    assert norms == pytest.approx([0.5] * 5, rel=1e-4)


def test_learning_rate_rises_then_falls_to_nearly_nothing() -> None:
    factors = [learning_rate_factor(step, 100, warmup=0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9] == 1.0 == max(factors)
    assert all(a < b for a, b in pairwise(factors[:10]))
    assert all(a > b for a, b in pairwise(factors[9:]))
    assert 0 < factors[-1] < 0.001
    assert learning_rate_factor(0, 1, warmup=0.05) == 1.0  # a single step is a full one
    assert [learning_rate_factor(step, 10, warmup=0.2, hold=1.0) for step in (0, 1, 5, 9)] == [0.5, 1, 1, 1]
    held = [learning_rate_factor(step, 100, warmup=0.1, hold=0.7) for step in range(100)]
    assert held[:10] == factors[:10] and held[9:70] == [1.0] * 61
    assert held[69:] == pytest.approx([1 - k / 31 for k in range(31)])


def test_biases_do_not_decay_and_every_parameter_is_trained_once() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.Linear(2, 2))
    model[2].bias.requires_grad_(False)
    groups = make_adamw(model, 1e-3, 0.1).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert [len(group["params"]) for group in groups] == [2, 3]


def test_no_bar_outside_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # another test of this process may have loaded it
    fit(line(), lines(), squared, 3)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_an_empty_fit() -> None:
    assert Fit().steps == 0
    assert fit(line(), lines(), squared, 0).losses == []

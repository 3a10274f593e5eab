"""The plain training loop: `fit` with everything switched off, to the last bit."""

from __future__ import annotations

import copy
from itertools import islice

import pytest
import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.training import fit, make_adamw, training_loop
from tests.models.test_training_parts import points, squared


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def test_it_is_fit_with_everything_switched_off() -> None:
    torch.manual_seed(0)
    ours = Net()
    theirs = copy.deepcopy(ours)
    torch.manual_seed(1)  # dropout draws from it
    losses = training_loop(ours, points(), squared, 80, make_adamw(ours, 1e-2, 0.1))
    torch.manual_seed(1)
    off = {"warmup": 0.0, "hold": 1.0, "clip": None}
    history = fit(theirs, points(), squared, 80, learning_rate=1e-2, weight_decay=0.1, quiet=True, **off)
    assert losses == history.losses and sum(losses[-20:]) < sum(losses[:20])
    assert ours.training is theirs.training is False
    for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_batches_that_are_left_over_are_left() -> None:
    batches, net = points(), Net()
    training_loop(net, batches, squared, 3, torch.optim.SGD(net.parameters()))
    assert torch.equal(next(batches)[0], next(islice(points(), 3, None))[0])


def test_no_steps_change_nothing() -> None:
    net = Net()
    before = copy.deepcopy(net.state_dict())
    assert training_loop(net, points(), squared, 0, torch.optim.SGD(net.parameters())) == []
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_batches_that_end_early_are_reported() -> None:
    net = Net()
    with pytest.raises(CourseError, match="ended after 2 of 5 steps"):
        training_loop(net, list(islice(points(), 2)), squared, 5, torch.optim.SGD(net.parameters()))
    assert not net.training

"""Lesson 02's references: the one-shot loss, the blind ideal denoiser, the microscope, the light block."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from course_utils.diffusion import (
    alpha_bars,
    blind_ideal_denoiser,
    cosine_schedule,
    denoising_loss,
    ideal_denoiser,
    q_sample,
)
from course_utils.lessons.lesson02.denoiser import OneShot, rms_errors
from course_utils.models.plain import AddingUpBlock, UpBlock, influence

ALPHA_BAR = alpha_bars(cosine_schedule(100))


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_the_loss_of_a_constant_guess_is_the_mean_square():
    x0 = normal(4, 2, 3, 3)
    loss = denoising_loss(torch.zeros_like, x0, torch.tensor([1, 20, 60, 100]), ALPHA_BAR, normal(4, 2, 3, 3, seed=1))
    assert loss.item() == pytest.approx(x0.square().mean().item())


def test_the_blind_ideal_denoiser_is_the_ideal_one_when_there_is_one_step():
    data = normal(6, 1, 3, 3)
    x = q_sample(data[:4], torch.full((4,), 60), ALPHA_BAR, normal(4, 1, 3, 3, seed=1))
    blind = blind_ideal_denoiser(x, torch.tensor([60]), ALPHA_BAR, data)
    assert torch.allclose(blind, ideal_denoiser(x, torch.full((4,), 60), ALPHA_BAR, data), atol=1e-12)


def test_the_blind_ideal_denoiser_is_bayes_rule_written_out():
    data, times = normal(5, 1, 2, 2), torch.tensor([20, 50, 90])
    x = normal(3, 1, 2, 2, seed=2)
    for b in range(3):
        total, mean = 0.0, torch.zeros(1, 2, 2, dtype=torch.float64)
        for t in times:
            a = ALPHA_BAR[t].item()
            for y in data:
                z = (x[b] - math.sqrt(a) * y) / math.sqrt(1 - a)
                p = torch.exp(-z.square().sum() / 2).item() / (2 * math.pi * (1 - a)) ** 2  # D = 4
                total, mean = total + p, mean + p * y
        assert torch.allclose(blind_ideal_denoiser(x, times, ALPHA_BAR, data)[b], mean / total, atol=1e-10)


def test_the_microscope_reads_a_convolution_s_weights():
    net = nn.Conv2d(2, 1, 3, padding=1).double()
    seen = influence(net, normal(3, 2, 5, 5), 2, 1)
    assert torch.allclose(seen[1:4, 0:3], net.weight[0].abs().sum(0), atol=1e-12)
    assert seen.sum().item() == pytest.approx(net.weight.abs().sum().item())
    assert net.weight.grad is None, "the network itself is left alone"


def test_the_light_block_is_lighter_and_uses_both():
    block = AddingUpBlock(8, 4, 4).double()
    x, skip = normal(2, 8, 4, 6), normal(2, 4, 8, 12, seed=1)
    assert block(x, skip).shape == (2, 4, 8, 12)
    assert not torch.equal(block(x, skip), block(x, skip + 1)) and not torch.equal(block(x, skip), block(x + 1, skip))
    assert sum(p.numel() for p in block.parameters()) < sum(p.numel() for p in UpBlock(8, 4, 4).parameters())


def test_a_short_training_lowers_the_loss_and_repeats_itself():
    plan = OneShot(dataset="digits", width=4, steps=30, pool=64, batch=8)
    (net, history), (again, _) = (plan.train(3, quiet=True) for _ in range(2))
    assert sum(history.losses[-5:]) < sum(history.losses[:5])
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_errors_of_known_denoisers():
    x0 = normal(16, 1, 4, 4, dtype=torch.float32)
    alpha_bar = OneShot().alpha_bar()
    assert rms_errors(lambda x, t: x0, x0, (10, 900), alpha_bar) == [0, 0]
    grey = rms_errors(lambda x, t: torch.zeros_like(x), x0, (10, 900), alpha_bar)
    assert grey == pytest.approx([x0.square().mean().sqrt().item()] * 2)

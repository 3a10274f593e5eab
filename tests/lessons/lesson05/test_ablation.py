"""Lesson 05's networks with one part exchanged, and the small trainings that compare them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from course_utils import metrics, studies
from course_utils.errors import CourseError
from course_utils.lessons.lesson05 import ablation, denoising
from course_utils.lessons.lesson05.denoising import Denoising

TINY = Denoising(steps=3, batch=4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "change",
    [
        *({"norm": norm} for norm in ablation.NORMS),
        *({"activation": activation} for activation in ablation.ACTIVATIONS),
        *({"pool": pool} for pool in ablation.POOLS),
        *({"lift": lift} for lift in ablation.LIFTS),
        {"residual": False, "blocks": 2},
    ],
    ids=str,
)
def test_a_denoiser_with_any_part_keeps_the_shape_and_learns_everywhere(change, channels):
    net = ablation.Denoiser(channels, ablation.Parts(**change))
    x = torch.randn(3, channels, 8, 8)
    net(x).square().mean().backward()
    assert net(x).shape == x.shape
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters() if p.ndim > 1)


def test_the_parts_are_in_their_places():
    def kinds(**change):
        return {type(module) for module in ablation.Denoiser(3, ablation.Parts(**change)).modules()}

    assert nn.BatchNorm2d in kinds(norm="BatchNorm") and nn.GroupNorm not in kinds(norm="BatchNorm")
    assert nn.MaxPool2d in kinds(pool="max-pool") and nn.ConvTranspose2d in kinds(lift="transposed, 3 x 3")
    blocks = [m for m in ablation.Denoiser(3, ablation.Parts(blocks=4)).modules() if isinstance(m, ablation.Block)]
    assert len(blocks) == 12  # of two convolutions each: 24
    made = []
    ablation.Denoiser(3, norm=lambda channels: made.append(channels) or nn.Identity())
    assert made == [16, 16, 32, 32, 32, 16, 16]


def test_without_residual_nothing_of_the_input_is_added():
    parts = ablation.Parts(residual=False)
    block = ablation.Block(16, 16, parts, ablation.NORMS["GroupNorm"])
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    x = torch.randn(2, 16, 4, 4)
    assert block(x).abs().max() == 0
    block.residual = True
    assert torch.equal(block(x), x)


@pytest.mark.parametrize(("norm", "sizes"), [("groups of 16", {16}), ("16 groups", {1, 2})])
def test_the_bug_makes_groups_of_another_size(norm, sizes):
    net = ablation.Denoiser(3, ablation.Parts(norm=norm))
    norms = [m for m in net.modules() if isinstance(m, nn.GroupNorm)]
    assert {m.num_channels // m.num_groups for m in norms} == sizes


def test_an_unknown_part_is_a_sentence():
    for change in ({"norm": "LayerNorm"}, {"pool": "mean"}, {"lift": "none"}, {"activation": "tanh"}):
        with pytest.raises(CourseError, match="choose one of"):
            ablation.Parts(**change)
    with pytest.raises(CourseError, match="choose one of"):
        ablation.Reconstructor(3, "none")


def test_slopes_of_a_stack_find_the_units_that_are_dead():
    stack = ablation.Stack(3, 2, "ReLU", width=8)
    x = torch.randn(5, 3, 6, 6)
    with torch.no_grad():
        stack.convs[0].bias[:3] = -1e3  # three units that nothing wakes
    slopes = stack.largest_slopes(x)
    assert slopes.shape == (2, 8) and slopes[0, :3].max() == 0 and slopes[0, 3:].min() == 1
    dead = denoising.dead_units(stack, x)
    assert dead[0].item() == pytest.approx(3 / 8)
    assert ablation.Stack(3, 2, "GELU", width=8).largest_slopes(x).min() > 0.1


def test_the_same_seed_gives_the_same_figures_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    first, second = denoising.denoise(TINY, 1), denoising.denoise(TINY, 1)
    assert first == second and first != denoising.denoise(TINY, 2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_perfect_denoiser_is_judged_perfect_and_a_tint_is_seen():
    class Cheat(nn.Module):
        def __init__(self, tint):
            super().__init__()
            self.tint, self.at = tint, 0

        def forward(self, x_t):
            return denoising._pictures("flowers", 16, "test") + self.tint

    perfect, tinted = (denoising.judge_denoiser(Cheat(tint), Denoising()) for tint in (0.0, 0.1))
    assert perfect["error"] == perfect["colour error"] == perfect["colour shift"] == 0
    assert tinted["colour error"] == pytest.approx(0.1, abs=1e-5)
    assert tinted["colour shift"] == pytest.approx(0.1, abs=1e-5)
    assert tinted["error"] == pytest.approx(0.01, abs=1e-5)


def test_norms_of_a_students_own_are_used():
    made = []

    def norm(channels):
        made.append(channels)
        return nn.GroupNorm(1, channels)

    denoising.train_denoiser(TINY, 0, norm=norm)
    assert made


@pytest.mark.parametrize("name", ["upsampling", "dead_units"])
def test_other_small_trainings_run(name):
    study = studies.find(name)
    label, settings = next(iter(study.variants.items()))
    figures = study.run({**settings, "steps": 3}, 0)
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in figures.values()), label


def test_the_baseline_is_shared_between_studies():
    known = studies.studies("05")
    assert known["poolings"].variants["rearrange"] == Denoising()
    assert known["norms"].variants["GroupNorm, batch 8"] == replace(Denoising(), batch=8)


def test_white_noise_has_a_checkerboard_of_one():
    noise = torch.randn(400, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert denoising.checkerboard(noise) == pytest.approx(1, abs=0.05)
    with pytest.raises(CourseError, match="even sides"):
        metrics.checkerboard_share(torch.zeros(1, 1, 15, 16))

"""One arm of a study, small: every variant trains and is judged, and the ways of adding noise are what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from course_utils import models
from course_utils.diffusion import alpha_bars, cosine_schedule, q_sample
from course_utils.studies import LEVELS, Arm, figures, run_arm
from course_utils.studies.forward import make_forward
from course_utils.studies.trial import EightSinusoids, _train

TINY = Arm(size=16, pool=64, width=8, T=50, steps=3, batch=8, sampling_steps=2, samples=32)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "HELD_OUT", 8)


def test_the_smoke_arm_gives_every_figure_and_repeats_itself() -> None:
    arm = replace(TINY, by_steps=(1, 2))
    found = run_arm(arm, 0)
    assert set(found) == {
        "loss", "loss by level", "Fréchet distance", "kernel distance", "sure of a species", "training loss",
        "gradient norm", "Fréchet distance by steps", "kernel distance by steps", "sure of a species by steps",
    }  # fmt: skip
    assert len(found["loss by level"]) == len(LEVELS) and len(found["Fréchet distance by steps"]) == 2
    assert found["Fréchet distance by steps"][1] == found["Fréchet distance"] > 0
    assert 0 <= found["sure of a species"] <= 1 and len(found["training loss"]) == 3
    _train.cache_clear()
    assert run_arm(arm, 0) == found != run_arm(arm, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"time": "raw"}, {"time": "learned"}, {"time": "fourier"}, {"time": "none"}, {"time": "t/T in 8 sinusoids"},
        {"schedule": "linear"}, {"schedule": "sigmoid"}, {"kind": "x0"}, {"kind": "v"}, {"distance": "l1"},
        {"times": "middle-heavy"}, {"clip": None}, {"sampler": "ddpm"}, {"sampler": "ddpm", "noise": "beta-tilde"},
        {"variance": "learned"}, {"variance": "learned", "sampler": "ddpm", "noise": "learned"},
        {"forward": "fixed ratio"}, {"forward": "fixed ratio", "start": "N(0, I)"},
        {"forward": "all at once", "kind": "x0"}, {"dataset": "digits"},
    ],
)  # fmt: skip
def test_every_variant_runs(change: dict[str, object]) -> None:
    found = run_arm(replace(TINY, **change), 0)  # type: ignore[arg-type]
    assert found["Fréchet distance"] > 0
    assert ("loss" in found) == (change.get("forward") != "all at once")


def test_arms_that_differ_in_their_judgement_share_the_training() -> None:
    _train.cache_clear()
    for arm in (TINY, replace(TINY, average=False), replace(TINY, sampler="ddpm", samples=40)):
        run_arm(arm, 0)
    assert _train.cache_info().misses == 1
    run_arm(replace(TINY, kind="v"), 0)
    assert _train.cache_info().misses == 2


def test_the_fixed_ratio_is_what_step_after_step_would_give() -> None:
    forward = make_forward(Arm(forward="fixed ratio", ratio=0.02, T=30))
    a, variance = 1.0, 0.0  # x_t = a x0 + noise of this variance
    for t in range(1, 31):
        a, variance = 0.98 * a, 0.98**2 * variance + 0.02**2
        assert (forward.scale[t] * forward.alpha_bar[t].sqrt()).item() == pytest.approx(a)
        assert (forward.scale[t] ** 2 * (1 - forward.alpha_bar[t])).item() == pytest.approx(variance)


def test_the_network_is_shown_the_images_at_their_own_scale() -> None:
    class Watcher(torch.nn.Module):
        def forward(self, x: torch.Tensor, t: torch.Tensor, cond: object = None) -> torch.Tensor:
            self.seen = x
            return x

    forward, watcher = make_forward(Arm(forward="fixed ratio")), Watcher()
    x0, eps, t = torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), torch.tensor([100, 1000])
    forward.seen_by(watcher)(q_sample(x0, t, forward.alpha_bar, eps), t.float())
    torch.testing.assert_close(watcher.seen[:, 0, 0, 0], torch.tensor([0.99**100, 0.99**1000]), rtol=1e-4, atol=1e-7)
    plain = make_forward(Arm())
    assert plain.seen_by(watcher) is watcher
    torch.testing.assert_close(plain.alpha_bar, alpha_bars(cosine_schedule(1000)))


def test_the_start_from_standard_noise_is_too_loud_for_the_fixed_ratio() -> None:
    forward = make_forward(Arm(forward="fixed ratio"))
    own, standard = (forward.start((4, 3, 8, 8), torch.Generator().manual_seed(0), s) for s in (False, True))
    ratio = (standard / own).mean().item()
    assert ratio == pytest.approx(1 / forward.scale[-1].item()) and ratio > 10


def test_the_loss_is_that_of_noise_for_a_network_that_says_nothing() -> None:
    arm = Arm(size=8, width=8)
    silent = models.UNet(3, width=8)  # its output is 0 at initialisation
    losses = figures.loss_by_level(arm, make_forward(arm), silent)
    assert losses == pytest.approx([1.0] * len(LEVELS), abs=0.1)


def test_the_mistaken_embedding_says_little_but_one_number() -> None:
    encoded = EightSinusoids(16, 64).encode(torch.linspace(0, 1000, 500))  # (500, 8)
    assert encoded.shape == (500, 8)
    variances = torch.linalg.svdvals(encoded - encoded.mean(0)).square()
    assert variances[0] / variances.sum() > 0.95

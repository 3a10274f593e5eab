"""The parts of the training loop: the average of the weights, clipping, precision, batches, what one sees."""

from __future__ import annotations

import copy
import math
import sys
from xml.etree import ElementTree

import pytest
import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.training import Shuffled, ema_decay, ema_update, fit, progress


class WithBuffers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        self.register_buffer("alpha_bar", torch.linspace(1, 0, 5, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return (model(x) - y).square().mean()


def points(seed: int = 0) -> Shuffled:
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(seed))
    return Shuffled(x, x @ torch.tensor([[2.0], [-1.0]]), size=16, seed=seed)


def network() -> WithBuffers:
    torch.manual_seed(0)
    return WithBuffers()


def test_the_average_has_its_closed_form() -> None:
    average, decay, weights = nn.Linear(3, 2).double(), 0.8, []
    first = average.weight.detach().clone()
    for step in range(6):
        model = nn.Linear(3, 2).double()
        weights.append(model.weight.detach().clone())
        before = model.weight.detach().clone()
        ema_update(average, model, decay)
        assert torch.equal(model.weight, before), step
    want = decay**6 * first + (1 - decay) * sum(decay ** (5 - k) * w for k, w in enumerate(weights))
    torch.testing.assert_close(average.weight.detach(), want, rtol=1e-12, atol=1e-12)


def test_the_ends_of_the_decay() -> None:
    average, model = nn.Linear(3, 2), nn.Linear(3, 2)
    first = average.weight.detach().clone()
    ema_update(average, model, 1.0)
    assert torch.equal(average.weight, first)
    ema_update(average, model, 0.0)
    torch.testing.assert_close(average.weight, model.weight)


def test_buffers_are_copied_and_never_averaged() -> None:
    model, average = network(), copy.deepcopy(network())
    model.train()(torch.randn(8, 2))
    model.alpha_bar += 1
    ema_update(average, model, 0.99)
    for ours, theirs in zip(average.buffers(), model.buffers(), strict=True):
        assert torch.equal(ours, theirs)  # counters, statistics and constants alike
    assert average.layers[1].num_batches_tracked == 1


def test_the_average_of_another_network_gets_a_sentence() -> None:
    with pytest.raises(CourseError, match=r"copy\.deepcopy"):
        ema_update(nn.Linear(2, 2), nn.Linear(2, 3), 0.9)


def test_the_decay_rises() -> None:
    assert ema_decay(0, 0.999) == pytest.approx(0.1)
    assert ema_decay(90, 0.999) == pytest.approx(0.91)
    assert ema_decay(10**6, 0.999) == 0.999


def test_fit_averages_with_the_warm_up() -> None:
    model = nn.Linear(2, 1)
    want, seen = copy.deepcopy(model), []

    def watched(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        seen.append(copy.deepcopy(model))
        return squared(model, batch)

    history = fit(model, points(), watched, 5, learning_rate=0.1, ema=0.3)
    for step, after in enumerate([*seen[1:], model]):
        ema_update(want, after, min(0.3, (1 + step) / (10 + step)))
    assert history.ema is not None and torch.equal(history.ema.weight, want.weight)
    assert not history.ema.training and not any(p.requires_grad for p in history.ema.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_without_a_decay_there_is_no_average() -> None:
    assert fit(nn.Linear(2, 1), points(), squared, 2).ema is None


def test_the_norm_is_measured_before_it_is_clipped_and_without_clipping_too() -> None:
    def steep(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return 100 * squared(model, batch)

    def slopes(model: nn.Module) -> float:
        return math.sqrt(sum(p.grad.square().sum().item() for p in model.parameters() if p.grad is not None))

    left = {}
    for clip in (0.5, None):
        model = network()
        history = fit(model, points(), steep, 1, clip=clip)
        left[clip] = slopes(model)
        assert history.norms[0] > 10
    assert left[0.5] == pytest.approx(0.5, rel=1e-4)
    assert left[None] == pytest.approx(history.norms[0], rel=1e-5)


def test_a_clip_that_is_never_reached_is_no_clip() -> None:
    a, b = network(), network()
    fit(a, points(), squared, 5, clip=1e9)
    fit(b, points(), squared, 5, clip=None)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_images_are_counted() -> None:
    history = fit(nn.Linear(2, 1), points(), squared, 7)
    assert history.images == 7 * 16
    assert history.images_per_second == pytest.approx(history.images / history.seconds)


def test_autocast_computes_in_bfloat16_where_the_machine_is_fast_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from course_utils.training import loop

    monkeypatch.setattr(loop, "bf16_where_fast", lambda device: torch.autocast(device.type, torch.bfloat16))
    seen = []

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        prediction = model(x)
        seen.append(prediction.dtype)
        return (prediction.float() - y).square().mean()

    model = nn.Linear(2, 1)
    fit(model, points(), loss, 2, autocast=True)
    fit(model, points(), loss, 1)
    assert seen == [torch.bfloat16] * 2 + [torch.float32] and model.weight.dtype == torch.float32


def test_shuffled_batches_repeat_themselves_and_keep_pairs_together() -> None:
    a, b = points(), points()
    for _ in range(3):
        (x, y), (x2, y2) = next(a), next(b)
        assert torch.equal(x, x2) and torch.equal(y, y2) and x.shape == (16, 2)
        torch.testing.assert_close(y, x @ torch.tensor([[2.0], [-1.0]]))
    assert torch.is_tensor(next(Shuffled(torch.zeros(5, 3, 2, 2), size=4)))
    with pytest.raises(CourseError, match="same length"):
        Shuffled(torch.zeros(3), torch.zeros(4))


def test_the_curve_is_a_small_well_formed_picture() -> None:
    losses = [1 / (k + 1) for k in range(1234)]
    svg = progress.curve_svg(losses, 2000, 'a "quoted" <title> & more')
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == 'a "quoted" <title> & more' and len(svg) < 4000
    assert progress.curve_svg([0.0], 1, "x") and progress.curve_svg([-1.0, 2.0], 2, "x")
    smoothed = progress.smooth(losses)
    assert len(smoothed) <= progress.POINTS and smoothed[0][1] > smoothed[-1][1]


def test_the_live_curve_is_one_display_and_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, picture: dict[str, str], raw: bool) -> None:
            shown.append("update")

    def display(picture: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert "svg" in picture["image/svg+xml"] and "loss" in picture["text/plain"]
        shown.append("display")
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(
        progress, "tqdm", lambda **kwargs: progress.sys.modules["tqdm"].tqdm(**{**kwargs, "file": _Null()})
    )
    monkeypatch.delenv("COURSE_QUIET", raising=False)
    fit(nn.Linear(2, 1), points(), squared, 50, live=True)
    assert shown == ["display", "update"]  # the first step, and the end

    shown.clear()
    monkeypatch.setenv("COURSE_QUIET", "1")
    fit(nn.Linear(2, 1), points(), squared, 5, live=True)
    monkeypatch.delenv("COURSE_QUIET")
    fit(nn.Linear(2, 1), points(), squared, 5, live=True, quiet=True)
    fit(nn.Linear(2, 1), points(), squared, 5)
    assert shown == []


class _Null:
    def write(self, text: str) -> None: ...
    def flush(self) -> None: ...


def test_live_draws_nothing_outside_a_notebook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    fit(nn.Linear(2, 1), points(), squared, 3, live=True)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""

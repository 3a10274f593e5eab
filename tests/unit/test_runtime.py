"""The preset, the device and the seed of a lesson."""

import pytest
import torch

from course_utils.errors import CourseError
from course_utils.runtime import PRESETS, start


@pytest.fixture(autouse=True)
def no_gpu_no_override(monkeypatch):
    monkeypatch.delenv("COURSE_PRESET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_auto_is_laptop_without_a_gpu_and_says_so(capsys):
    run = start("01")
    assert (run.preset, run.device.type) == ("laptop", "cpu")
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "laptop (no CUDA GPU here)" in said and "flowers" in said


def test_auto_is_gpu_where_there_is_one(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a fine GPU")
    run = start("01")
    assert (run.preset, run.device.type) == ("gpu", "cuda")
    assert "a fine GPU" in capsys.readouterr().out


@pytest.mark.parametrize("preset", PRESETS[:3])
def test_a_preset_that_is_asked_for(preset):
    run = start("01", preset=preset)
    assert run.preset == preset
    assert run.pick(smoke="smoke", lecture="lecture", laptop="laptop", gpu="gpu") == preset


@pytest.mark.parametrize("preset", PRESETS[:3])
def test_what_is_left_out_is_as_under_laptop(preset):
    run = start("01", preset=preset)
    assert run.pick(laptop=3) == 3
    assert run.pick(laptop=3, smoke=None) == (None if preset == "smoke" else 3)
    with pytest.raises(CourseError, match="no preset 'labtop'"):
        run.pick(laptop=3, labtop=2)


def test_the_environment_overrides(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    assert start("01", preset="laptop").preset == "smoke"
    assert "COURSE_PRESET says so" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kwargs", "environment", "sentence"),
    [
        ({"preset": "fast"}, None, "no preset 'fast': set preset to auto, smoke"),
        ({}, "fast", "environment variable COURSE_PRESET to auto"),
        ({"preset": "gpu"}, None, "needs a CUDA GPU"),
        ({"dataset": "trees"}, None, "no data set 'trees': choose one of flowers"),
    ],
)
def test_bad_choices_get_a_sentence(monkeypatch, kwargs, environment, sentence):
    if environment:
        monkeypatch.setenv("COURSE_PRESET", environment)
    with pytest.raises(CourseError, match=sentence):
        start("01", **kwargs)


def test_the_same_seed_draws_the_same_numbers():
    a, b, c = start("01", seed=3), start("01", seed=3), start("01", seed=4)
    first = [torch.randn(5, generator=run.generator) for run in (a, b, c)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])
    assert torch.equal(torch.rand(3, generator=a.fresh_generator(7)), torch.rand(3, generator=c.fresh_generator(7)))

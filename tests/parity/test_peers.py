"""The benchmarks' peer is of the same size as our U-Net, and is called as it is."""

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest
import torch

from course_utils import data, models
from course_utils.errors import CourseError

pytest.importorskip("diffusers", reason="parity with diffusers: pip install diffusers")

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPT = FOLDER / "peers.py"


@pytest.fixture(scope="module")
def peers():
    spec = importlib.util.spec_from_file_location("peers", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 16},
        {"width": 24},
        {"width": 32},
        {"width": 32, "classes": 10},
        {"width": 64, "multipliers": (1, 2), "attention": (False, True)},
        {"width": 32, "blocks": 2, "attention": (False, True, True), "outputs": 6},
    ],
)
def test_same_parameters_within_5_percent_and_as_much_attention(peers, settings):
    ours = models.UNet(3, **settings)
    theirs = peers.unet_like(ours, 16)
    assert peers.parameters(theirs) == pytest.approx(peers.parameters(ours), rel=0.05)
    names = [type(module).__name__ for module in theirs.modules()]
    assert names.count("Attention") == sum(isinstance(m, models.SelfAttention2d) for m in ours.modules())


def test_it_is_called_as_ours(peers):
    ours = models.UNet(1, width=16, classes=4)
    theirs = peers.unet_like(ours, 8)
    x, t = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([3.0, 900.0])
    with torch.no_grad():
        blind, null, three = theirs(x, t), theirs(x, t, torch.tensor([4, 4])), theirs(x, t, torch.tensor([3, 3]))
    assert blind.shape == ours(x, t).shape
    assert torch.equal(blind, null) and not torch.allclose(blind, three)  # None stands for the null class


def test_no_peer_of_that_size_is_one_sentence(peers):
    with pytest.raises(CourseError, match=r"^No UNet2DModel comes within 5% of .* of width 8: choose another width"):
        peers.unet_like(models.UNet(3, width=8), 16)


@pytest.mark.parametrize("script", ["train_throughput.py", "sample_throughput.py"])
@pytest.mark.parametrize(("width", "sentence"), [("8", "of width 8: choose another"), ("12", "multiple of 8")])
def test_the_benchmarks_end_with_that_sentence(monkeypatch, capsys, script, width, sentence):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "argv", [script, "--width", width, "--threads", str(torch.get_num_threads())])
    with pytest.raises(SystemExit, match=sentence):
        runpy.run_path(str(FOLDER / script), run_name="__main__")
    assert f"width {width}" in capsys.readouterr().out


def test_the_benchmarks_measure_the_course_s_laptop_width(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "argv", ["x", "--threads", str(torch.get_num_threads())])
    assert runpy.run_path(str(FOLDER / "timing.py"))["options"]("x").width == 24


@pytest.mark.parametrize("script", ["quality_per_minute.py", "train_throughput.py", "flowers_throughput.py"])
def test_the_benchmarks_say_one_sentence_where_there_are_no_data(monkeypatch, script):
    def nothing(*args, **kwargs):
        raise CourseError("The images are not here: fetch them.")

    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(data, "load", nothing)
    monkeypatch.setattr(sys, "argv", [script])
    threads = torch.get_num_threads()
    with pytest.raises(SystemExit, match=r"^The images are not here: fetch them\.$"):
        runpy.run_path(str(FOLDER / script), run_name="__main__")
    torch.set_num_threads(threads)


def test_every_benchmark_that_loads_images_is_started_so():
    loading = [path for path in FOLDER.glob("*.py") if "data.load(" in path.read_text(encoding="utf-8")]
    in_a_browser = {"guidance_latency.py", "slider_latency.py"}  # there the images are a notebook's
    careless = [p.name for p in loading if "    start(main)" not in p.read_text(encoding="utf-8")]
    assert set(careless) <= in_a_browser and len(loading) > len(in_a_browser)


@pytest.mark.data
def test_quality_per_minute_rehearses(monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "argv", ["x", "--seconds", "0.2", "--turn", "0.1", "--images", "20", "--width", "16"])
    runpy.run_path(str(FOLDER / "quality_per_minute.py"), run_name="__main__")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sum(line[:1] == ["ours"] for line in lines) == sum(line[:1] == ["diffusers"] for line in lines) == 4

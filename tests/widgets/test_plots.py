"""Figures: honest pixels, helpful sentences, and outputs that carry alt text."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import plots
from course_utils.errors import CourseError
from course_utils.plots import output
from course_utils.plots.style import PAPER, SCALE


def picture(figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(plots.figure_png(figure))).convert("RGB")).astype(int)


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def contains(picture: np.ndarray, block: np.ndarray, near: int = 0) -> bool:
    """Whether `block` (h, w, 3) stands somewhere in `picture`, pixel for pixel."""
    h, w = block.shape[:2]
    rows, columns = np.nonzero((np.abs(picture[: -h + 1, : -w + 1] - block[0, 0]) <= near).all(-1))
    return any(
        (np.abs(picture[r : r + h, c : c + w] - block) <= near).all() for r, c in zip(rows, columns, strict=True)
    )


def test_bytes_are_the_ends_and_the_middle_of_the_range():
    x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 3.0, 0.5]).reshape(1, 1, 2, 3)
    assert plots.to_uint8(x)[0, :, :, 0].tolist() == [[0, 0, 128], [255, 255, 191]]


def test_channels_go_last():
    x = noise(2, 3, 4, 5)
    got = plots.to_uint8(x)
    assert got.shape == (2, 4, 5, 3) and got.dtype == np.uint8
    assert np.array_equal(got[1, 2, 3], np.rint((x[1, :, 2, 3].numpy() + 1) * 127.5).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32])
def test_every_pixel_of_a_grid_is_a_square_of_whole_pixels(channels, size):
    x = noise(3, channels, size, size)
    shown = picture(plots.grid(x, title="Three images", titles="abc"))
    for image in plots.to_uint8(x):
        k = 168 * SCALE // size
        block = np.broadcast_to(image, (size, size, 3)).repeat(k, 0).repeat(k, 1).astype(int)
        assert contains(shown, block, near=2), "an image is not shown pixel for pixel"


def test_a_strip_shows_each_row_in_order():
    rows = {"linear": noise(4, 3, 16, 16), "a name of\ntwo lines": -noise(4, 3, 16, 16)}
    shown = picture(plots.strip(rows, column_titles=["t = 0", "t = 1", "t = 2", "t = 3"], title="Noise"))
    places = []
    for batch in rows.values():
        corner = plots.to_uint8(batch)[0].astype(int)
        hits = np.nonzero((np.abs(shown - corner[0, 0]) <= 2).all(-1))
        places.append(hits[0].min())
    assert places[0] < places[1]


@pytest.mark.parametrize(
    ("images", "part"),
    [
        (noise(3, 8, 8), "images[None]"),
        (noise(2, 8, 8, 3), "permute(0, 3, 1, 2)"),
        (noise(2, 5, 8, 8), "5 channels"),
        (noise(8, 8), "(N, C, H, W)"),
        (noise(0, 3, 8, 8), "empty"),
        (torch.full((1, 1, 4, 4), float("nan")), "NaN"),
        (torch.randint(0, 256, (1, 1, 8, 8), dtype=torch.uint8), "127.5 - 1"),
        ((noise(1, 1, 8, 8) + 1) * 127, "127.5 - 1"),
        (noise(1, 1, 8, 8) * 80, "standard deviation"),
    ],
)
def test_a_wrong_batch_gets_a_sentence_that_says_what_to_do(images, part):
    for call in (plots.grid, plots.to_uint8, lambda x: plots.strip({"row": x})):
        with pytest.raises(CourseError) as caught:
            call(images)
        assert part.replace("images[", "") in str(caught.value).replace("images[", "")
        assert "\n" not in str(caught.value)


def test_strong_noise_is_no_mistake():
    assert plots.to_uint8(torch.randn(4, 3, 32, 32) * 3).shape == (4, 32, 32, 3)


def test_counts_that_differ_are_named():
    with pytest.raises(CourseError, match="3 images and 2 titles"):
        plots.grid(noise(3, 1, 8, 8), titles=["a", "b"])
    with pytest.raises(CourseError, match="same shape"):
        plots.strip([noise(3, 1, 8, 8), noise(2, 1, 8, 8)])
    with pytest.raises(CourseError, match="has 5 values and x has 4"):
        plots.curves({"a": np.arange(5.0)}, x=np.arange(4))
    with pytest.raises(CourseError, match="runs may differ in length"):
        plots.curves({"a": [np.arange(5.0), np.arange(4.0)]})
    with pytest.raises(CourseError, match="no curves"):
        plots.curves({})


def test_curves_draw_mean_runs_and_band():
    runs = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [4.0, 5.0, 9.0]])
    figure = plots.curves({"linear": runs}, hlines={"chance": 0.5}, xlabel="step", ylabel="loss", title="Message")
    axes = figure.axes[0]
    lines = [np.asarray(line.get_ydata()).tolist() for line in axes.lines]
    assert lines[:3] == runs.tolist()
    assert lines[3] == runs.mean(axis=0).tolist()
    assert axes.lines[3].get_color() == plots.COLOURS["linear"]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    spread = runs.std(axis=0, ddof=1)
    assert band.max() == pytest.approx((runs.mean(axis=0) + spread).max())
    assert band.min() == pytest.approx((runs.mean(axis=0) - spread).min())
    assert axes.lines[4].get_ydata()[0] == 0.5
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title("left")) == ("step", "loss", "Message")


def test_an_infinite_value_leaves_a_gap():
    figure = plots.curves({"snr": torch.tensor([float("inf"), 2.0, 1.0])}, logy=True)
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[0])


def test_two_unnamed_things_never_share_a_colour():
    names = ["first", "linear", "second", "third", "cosine"]
    figure = plots.curves({name: np.arange(3.0) + i for i, name in enumerate(names)})
    colours = [line.get_color() for line in figure.axes[0].lines]
    assert len(set(colours)) == len(names)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_text_can_be_read_on_the_paper():
    for ink in ("ink", "soft ink"):
        contrast = (_luminance(PAPER) + 0.05) / (_luminance(plots.COLOURS[ink]) + 0.05)
        assert contrast > 4.5, f"{ink} has a contrast of {contrast:.1f} only"


@pytest.mark.parametrize("deficiency", ["protan", "deutan"])
def test_the_schedules_differ_for_colour_blind_eyes(deficiency):
    """Viénot's 1999 matrices for red- and green-blind eyes, on linear RGB."""
    matrix = {
        "protan": [[0.1121, 0.8853, -0.0005], [0.1127, 0.8897, -0.0001], [0.0045, 0.0000, 1.0019]],
        "deutan": [[0.2920, 0.7054, -0.0003], [0.2934, 0.7089, 0.0000], [-0.0210, 0.0256, 1.0]],
    }[deficiency]
    seen = []
    for name in ("linear", "cosine", "sigmoid"):
        rgb = np.array([int(plots.COLOURS[name][i : i + 2], 16) / 255 for i in (1, 3, 5)]) ** 2.2
        seen.append((np.array(matrix) @ rgb).clip(0, 1) ** (1 / 2.2) * 255)
    for i in range(3):
        for j in range(i):
            assert np.linalg.norm(seen[i] - seen[j]) > 45


def test_a_picture_is_small_and_opaque():
    figure = plots.curves({name: np.linspace(1, 0, 1001) ** k for k, name in enumerate(["linear", "cosine"], 1)})
    png = plots.figure_png(figure)
    assert len(png) < 60_000
    assert Image.open(io.BytesIO(png)).size == (1350, 540)
    assert Image.open(io.BytesIO(png)).mode in ("P", "RGB")


def test_a_see_through_figure_gets_paper():
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    figure.patch.set_alpha(0)
    axes.set_axis_off()
    assert (picture(figure)[0, 0] == [0xFB, 0xF8, 0xF1]).all()
    plt.close(figure)


class Shell:
    """Stands in for IPython: counts cells and keeps what was displayed."""

    def __init__(self, monkeypatch) -> None:
        self.cell, self.shown = 1, []
        monkeypatch.setattr(output, "_current_cell", lambda: self.cell)
        monkeypatch.setattr("IPython.display.display", lambda data, **more: self.shown.append((data, more)))


def test_the_output_carries_alt_text(monkeypatch):
    shell = Shell(monkeypatch)
    plots.grid(noise(2, 1, 8, 8), alt='Two "noisy"\n squares')
    data, more = shell.shown[0]
    assert more["raw"] and data["image/png"][:4] == "iVBO"
    assert more["metadata"]["image/png"]["alt"] == 'Two "noisy" squares'
    assert 0 < more["metadata"]["image/png"]["width"] <= 900


def test_every_function_has_alt_text_of_its_own(monkeypatch):
    shell = Shell(monkeypatch)
    plots.grid(noise(2, 1, 8, 8), title="Message", titles=["rose", "tulip"])
    plots.strip({"linear": noise(2, 1, 8, 8)}, title="Message", column_titles=["t = 0", "t = 9"])
    plots.curves({"linear": np.arange(3.0)}, title="Message", xlabel="step", ylabel="loss")
    alts = [more["metadata"]["image/png"]["alt"] for _, more in shell.shown]
    assert all("Message" in alt for alt in alts)
    assert "tulip" in alts[0] and "t = 9" in alts[1] and "loss against step: linear" in alts[2]


def test_a_figure_is_shown_once_in_its_cell_and_again_in_a_later_one(monkeypatch):
    shell = Shell(monkeypatch)
    figure = plots.grid(noise(1, 1, 8, 8))
    figure._ipython_display_()
    assert len(shell.shown) == 1
    shell.cell = 2
    figure._ipython_display_()
    assert len(shell.shown) == 2


def test_show_closes_pyplots_figure_and_wants_alt_text(monkeypatch):
    import matplotlib.pyplot as plt

    shell = Shell(monkeypatch)
    figure, _ = plt.subplots()
    with pytest.raises(CourseError, match="alt text"):
        plots.show(figure, alt=" ")
    with pytest.raises(CourseError, match="first of the two things"):
        plots.show((figure, None), alt="A figure")
    plots.show(figure, alt="A figure")
    assert len(shell.shown) == 1 and not plt.fignum_exists(figure.number)


def test_a_logarithmic_axis_has_plain_numbers_and_a_tick_at_each_of_few_places():
    figure = plots.curves({"a": [1.0, 0.5, 0.3]}, x=(5, 20, 250), logx=True, logy=True, alt="Three points.")
    figure.canvas.draw()
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["5", "20", "250"]
    assert not any("10^" in tick.get_text() for tick in axes.get_yticklabels(which="both"))


def test_numbers_on_a_short_logarithmic_axis_are_plain():
    figure = plots.curves({"loss": np.linspace(0.38, 0.07, 25)}, logy=True)
    figure.canvas.draw()
    words = [label.get_text() for label in figure.axes[0].yaxis.get_ticklabels(which="both")]
    assert {"0.1", "0.2", "0.4"} <= set(words)
    assert not any("e" in word for word in words)

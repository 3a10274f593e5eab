"""From key press to the new grid on screen, for the guidance slider, in a real JupyterLab in a real Chromium.

    python benchmarks/guidance_latency.py                twelve flowers of 16 px from the weights trained ahead
    python benchmarks/guidance_latency.py --cold         with nothing computed in idle moments: every grid is live
    python benchmarks/guidance_latency.py --untrained    a network of the same size, where there are no weights

Half of the presses move the weight w, there and back; the others the number of steps and both ends of the guided
times; a quarter to half a second lies between a picture and the next press. The clock is that of slider_latency.py:
from the keydown event to the first animation frame after the new picture has been decoded. Prints the median, the 90th
and the 95th percentile and the worst, for all presses and for each slider, what the kernel spent on computing and
painting and on encoding, and the share of grids that were there already. Goal on two quiet cores: median
under 250 ms, 95th percentile under 500 ms. The load of the machine before the first press is printed too: where it is
above a few tenths, other programs were measured with it (on Linux, root can keep them out with `chrt -r 1`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from slider_latency import ASK_KERNEL, CLOCK, SECONDS_IN_KERNEL, percentile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.browser import lab  # noqa: E402

SETUP = """
import torch
from course_utils import data, metrics, models, pretrained
from course_utils.lessons.lesson12.curve import GuidanceCurve
from course_utils.lessons.lesson12.explorer import GuidanceExplorer
from course_utils.diffusion import alpha_bars, cosine_schedule
from course_utils.runtime import start
run = start("12")
classes = data.load("flowers", n=1, size=16).classes
"""
READY = """
ready = pretrained.guided("flowers")
net, kind, alpha_bar = ready.model, ready.kind, ready.alpha_bar
"""
UNTRAINED = """
net, kind, alpha_bar = models.UNet(3, width=24, classes=len(classes)), "v", alpha_bars(cosine_schedule(1000))
for p in net.eval().parameters():
    p.data += 0.02 * torch.randn(p.shape)
"""
EXPLORER = """
noises = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
curve = GuidanceCurve((-2, -1, 0, 2, 8), (0, 0.1, 0.8, 1, 1), (0.9, 1, 0.9, 0.7, 0.4), n=1)
shown = GuidanceExplorer(
    net, alpha_bar, noises, kind=kind, classes=classes, read=metrics.Judge("flowers", 16, n=2).read, curve=curve
)
{idle}
shown
"""
COLD = "shown._idle.begin = shown._idle.stop"
OFTEN = [("w", "ArrowRight")] * 10 + [("w", "ArrowLeft")] * 10
OTHERS = [("steps", "ArrowLeft"), ("steps", "ArrowRight"), ("low", "ArrowRight"), ("high", "ArrowLeft")] * 3
OTHERS += [("low", "ArrowLeft"), ("high", "ArrowRight")] * 3 + [("steps", "ArrowRight"), ("steps", "ArrowLeft")]
NAMES = {"w": "weight w", "steps": "steps", "low": "guided from t, low end", "high": "guided from t, high end"}


def measure(page: lab.LabPage, presses: int) -> tuple[list[str], list[float], list[list[float]]]:
    """The slider of each press, its milliseconds, and (seconds of drawing, seconds of encoding) in the kernel."""
    moves = ((OFTEN + OTHERS) * (presses // 40 + 1))[:presses]
    handles = {key: page.explorer.get_by_role("slider", name=name) for key, name in NAMES.items()}
    page.press(handles["w"], "ArrowRight")  # the first picture after loading is slower; it is not counted
    page.settle(1500)
    page.page.evaluate(CLOCK)
    for count, (slider, key) in enumerate(moves, start=1):
        handles[slider].focus()
        page.page.keyboard.press(key)
        page.page.wait_for_function(f"() => window.presses.length >= {count}", timeout=20_000)
        page.page.wait_for_timeout(250 + 61 * (count % 7))  # a hand that looks, and is not in step with the frames
    seen = page.page.evaluate("() => window.presses")
    kernel = json.loads(page.page.evaluate(ASK_KERNEL, SECONDS_IN_KERNEL).strip().splitlines()[-1])[-presses:]
    return [slider for slider, _ in moves], seen, kernel


def summary(seen: list[float], kernel: list[list[float]]) -> dict[str, Any]:
    draw, encode = (1000 * statistics.median(pair[i] for pair in kernel) for i in (0, 1))
    return {
        "presses": len(seen),
        "median_ms": round(statistics.median(seen), 1),
        "p90_ms": round(percentile(seen, 0.90), 1),
        "p95_ms": round(percentile(seen, 0.95), 1),
        "worst_ms": round(max(seen), 1),
        "draw_ms": round(draw, 1),
        "slowest_draw_ms": round(1000 * max(pair[0] for pair in kernel), 1),
        "encode_ms": round(encode, 1),
        "made_ahead": round(sum(pair[0] < 0.05 for pair in kernel) / len(kernel), 2),  # it only had to paint
    }


def main() -> None:
    """Start JupyterLab, open the slider, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=80)
    parser.add_argument("--cold", action="store_true", help="compute nothing in idle moments")
    parser.add_argument("--untrained", action="store_true", help="a network of the same size without weights")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    asked = parser.parse_args()
    browser_path = lab.find_chromium()
    if browser_path is None:
        sys.exit(lab.HOW_TO_INSTALL)
    cells = [SETUP, UNTRAINED if asked.untrained else READY, EXPLORER.format(idle=COLD if asked.cold else "")]
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        notebooks, home = Path(folder) / "notebooks", Path(folder) / "home"
        notebooks.mkdir(), home.mkdir()
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, notebooks / "guidance.ipynb")
        with (
            lab.lab_server(notebooks, home, {"PYTHONPATH": str(ROOT)}) as address,
            lab.chromium(browser_path) as chrome,
        ):
            page = lab.LabPage(chrome.new_page(viewport={"width": 1300, "height": 1100}), address)
            page.open("guidance.ipynb")
            page.run_all(seconds=600)
            sliders, seen, kernel = measure(page, asked.presses)
    groups = {"all": range(len(seen))}
    groups |= {key: [i for i, slider in enumerate(sliders) if slider == key] for key in NAMES}
    result: dict[str, Any] = {
        name: summary([seen[i] for i in group], [kernel[i] for i in group]) for name, group in groups.items() if group
    }
    result |= {"live_only": asked.cold, "load_before": load, "cores": os.cpu_count()}
    if asked.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        if not isinstance(value, dict):
            print(f"{key:12} {value}")
            continue
        print(f"{key:12} " + "  ".join(f"{name} {figure}" for name, figure in value.items()))


if __name__ == "__main__":
    main()

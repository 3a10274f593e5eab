"""From key press to the new picture on screen, for lesson 01's explorer, in a real JupyterLab in a real Chromium.

    python benchmarks/slider_latency.py                  the executed lesson, preset smoke
    python benchmarks/slider_latency.py --alone          only its explorer, without the lesson around it

The clock runs in the page: it starts at the slider's keydown event, and stops in the first animation frame after the
new picture has been decoded. Prints the median, the 90th and the 95th percentile, and what the kernel spent on
drawing and on encoding. Goal on two quiet cores: median under 150 ms, 95th percentile under 300 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.browser import lab  # noqa: E402

LESSON = "01_forward_noising.ipynb"
ALONE = """
from course_utils import data, metrics
from course_utils.lessons.lesson01.explorer import NoisingExplorer
from course_utils.diffusion import alpha_bars, cosine_schedule, linear_schedule, sigmoid_schedule
images = data.load("flowers", n=8)
ways = {"linear": linear_schedule, "cosine": cosine_schedule, "sigmoid": sigmoid_schedule}
schedules = {name: alpha_bars(way(1000)) for name, way in ways.items()}
NoisingExplorer(
    images.images, labels=images.labels, schedules=schedules, recogniser=metrics.recogniser("flowers")
)
"""
CLOCK = """() => {
    const root = document.querySelector('.course-explorer');
    const img = root.querySelector('img.course-picture');
    const handle = root.querySelector('[role=slider]');
    window.presses = []; window.pictures = 0;
    let pressed = null;
    document.addEventListener('keydown', () => { pressed = performance.now(); }, { capture: true });
    new MutationObserver(async () => {
        if (pressed === null) return;
        const start = pressed; pressed = null;
        try { await img.decode(); } catch (error) { return; }
        await new Promise(requestAnimationFrame);
        window.presses.push(performance.now() - start);
    }).observe(img, { attributes: true, attributeFilter: ['src'] });
}"""
ASK_KERNEL = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({ code, store_history: false });
    let text = '';
    future.onIOPub = (message) => { if (message.content.name === 'stdout') text += message.content.text; };
    await future.done;
    return text;
}"""
SECONDS_IN_KERNEL = """
import gc as _gc, json as _json
from course_utils.widgets import Explorer as _Explorer
print(_json.dumps(list([e for e in _gc.get_objects() if isinstance(e, _Explorer)][-1].seconds)))
"""


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def measure(page: lab.LabPage, presses: int) -> dict[str, Any]:
    """Press ArrowRight, wait for the picture, and again."""
    handle = page.sliders()[0]
    page.press(handle, "ArrowRight")  # the first picture after loading is slower; it is not counted
    page.settle()
    page.page.evaluate(CLOCK)
    for count in range(1, presses + 1):
        handle.focus()
        page.page.keyboard.press("ArrowRight")
        page.page.wait_for_function(f"() => window.presses.length >= {count}", timeout=10_000)
        page.page.wait_for_timeout(40 + 13 * (count % 7))  # not in step with the screen's frames
    seen = page.page.evaluate("() => window.presses")
    kernel = json.loads(page.page.evaluate(ASK_KERNEL, SECONDS_IN_KERNEL).strip().splitlines()[-1])[-presses:]
    draw, encode = (1000 * statistics.median(pair[i] for pair in kernel) for i in (0, 1))
    median = statistics.median(seen)
    return {
        "presses": len(seen),
        "median_ms": round(median, 1),
        "p90_ms": round(percentile(seen, 0.90), 1),
        "p95_ms": round(percentile(seen, 0.95), 1),
        "worst_ms": round(max(seen), 1),
        "draw_ms": round(draw, 1),
        "encode_ms": round(encode, 1),
        "share_in_draw": round(draw / median, 3),
        "share_in_encode": round(encode / median, 3),
    }


def main() -> None:
    """Start JupyterLab, open the explorer, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=80)
    parser.add_argument("--alone", action="store_true", help="only the explorer, without the lesson around it")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args()
    browser_path = lab.find_chromium()
    if browser_path is None:
        sys.exit(lab.HOW_TO_INSTALL)
    source = ROOT / "solutions" / LESSON
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        notebooks, home = Path(folder) / "notebooks", Path(folder) / "home"
        notebooks.mkdir(), home.mkdir()
        if options.alone or not source.exists():
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ALONE)])
            notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(notebook, notebooks / LESSON)
        else:
            shutil.copy(source, notebooks / LESSON)
        environment = {"COURSE_PRESET": "smoke", "PYTHONPATH": str(ROOT)}
        with lab.lab_server(notebooks, home, environment) as address, lab.chromium(browser_path) as browser:
            page = lab.LabPage(browser.new_page(viewport={"width": 1300, "height": 1000}), address)
            page.open(LESSON)
            page.run_all(seconds=600)
            result = measure(page, options.presses)
    result["load_1_min"] = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    result["cores"] = os.cpu_count()
    if options.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:16} {value}")


if __name__ == "__main__":
    main()

"""What one answer does to the next: it costs its own exercise and no other, and a culprit is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.grading.conftest import statuses
from tests.grading.mini_lesson import RIGHT

NOT_HERE = "'mps' if torch.cuda.is_available() else 'cuda'"
BENT = """
import builtins, gc, logging, os, random, signal, sys, threading, warnings
import numpy as np
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.inference_mode().__enter__()
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)
torch.set_printoptions(precision=1)
torch.autograd.set_detect_anomaly(True)
torch.set_autocast_enabled("cpu", True)
torch.backends.mkldnn.enabled = False
torch.nn.modules.module.register_module_forward_hook(lambda *args: 1 / 0)
torch.randn = torch.manual_seed = lambda *args: 1 / 0
torch.nn.Linear.forward = lambda *args: 1 / 0
np.random.seed(0)
np.seterr(all="raise")
random.seed(0)
sum = len = range = 3
builtins.sorted = lambda *args: 1 / 0
sys.exit = sys.stdout = sys.stderr = None
sys.path.clear()
sys.modules["math"] = None
sys.setrecursionlimit(sys.getrecursionlimit() - 500)
os.chdir("/")
os.environ.clear()
gc.disable()
warnings.simplefilter("error")
logging.disable()
signal.signal(signal.SIGINT, signal.SIG_IGN)
get_ipython().ast_transformers.append(None)
get_ipython().ast_node_interactivity = "none"
del ex.prepare_notebook, os
preset = None
"""
AS_BEFORE = """
import gc, math, os, signal, sys, warnings
import numpy as np
assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
assert not torch.is_inference_mode_enabled() and not torch.are_deterministic_algorithms_enabled()
assert not torch.is_anomaly_enabled() and not torch.is_autocast_enabled("cpu") and torch.backends.mkldnn.enabled
assert torch.nn.Linear(2, 2)(torch.randn(1, 2)).requires_grad
assert sorted([2, 1, 0]) == [0, 1, 2] and not {"sum", "len", "range"} & set(globals())
assert np.geterr()["divide"] == "warn" and sys.getrecursionlimit() >= 1000 and gc.isenabled() and math.pi > 3
assert os.environ["COURSE_PRESET"] == "smoke" and os.getcwd() != "/" and sys.path and sys.exit
assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
assert get_ipython().ast_node_interactivity != "none" and preset == "auto"
warnings.warn("no error")
"""


def test_what_breaks_the_check_costs_its_own_exercise_and_no_other(grade: Any) -> None:
    report = grade(
        {
            "double": "%reset -f\nimport torch\n" + RIGHT["double"],
            "square": f"torch.set_default_device({NOT_HERE})\n" + RIGHT["square"],
            "halve": RIGHT["halve"] + "\nimport sys\nsys.stdout.close()",
            "total": RIGHT["total"] + "\nfor k in [k for k in globals() if k != 'total']: del globals()[k]",
            "negate": BENT + RIGHT["negate"],
            "Shift": AS_BEFORE + RIGHT["Shift"],
        },
        timeout=20.0,
    )
    broken = dict.fromkeys(("double", "square", "halve", "total"), "error")
    assert statuses(report) == {**broken, "negate": "passed", "Shift": "passed"}
    assert report.notes == [] and report.timings["runs"] == 1
    assert report["Shift"].notes == []
    assert "takes away names of the lesson that its check needs in line 1 (`%reset -f`)" in report["double"].hint
    assert "sets the default device to `" in report["square"].hint and "in line 1 (" in report["square"].hint
    assert "closes `sys.stdout` in line 4 (`sys.stdout.close()`)" in report["halve"].hint
    assert "in line 3 (`for k in" in report["total"].hint


@pytest.mark.slow
def test_a_guard_that_fails_has_a_culprit(grade: Any) -> None:
    """The answer takes the guard itself away, which nothing can put back."""
    own = "n.startswith('_course_guard') and '.' not in n"
    trap = f"\nimport sys\nnext(m for n, m in sys.modules.items() if {own}).guard = None"
    report = grade({**RIGHT, "square": RIGHT["square"] + trap})
    assert statuses(report) == {**dict.fromkeys(RIGHT, "passed"), "square": "error"}
    assert report["square"].hint.startswith("It leaves Python in a state in which nothing after it runs (Attribute")
    assert report.notes == [] and report.timings["runs"] == 2


@pytest.mark.slow
def test_an_answer_that_fails_after_another_left_something_behind_is_heard_again_alone(grade: Any) -> None:
    """What `double` does to an object of the standard library stays; what it does to PyTorch is seen."""
    trap = "\nimport calendar\ncalendar.c.formatyear = lambda *args: 1 / 0\ntorch.relu = None"
    report = grade(
        {
            **RIGHT,
            "double": RIGHT["double"] + trap,
            "square": "import calendar\ncalendar.c.formatyear(2000)\n" + RIGHT["square"],
        }
    )
    assert statuses(report) == dict.fromkeys(RIGHT, "passed")
    assert report["square"].notes == [
        "It was graded alone: `double` leaves something behind (`torch.relu`) that breaks what runs later."
    ]
    assert report["double"].notes == ["It leaves something behind (`torch.relu`) that breaks other answers: square."]
    assert report.timings["runs"] == 2


def test_nothing_is_installed_and_nothing_written_outside(
    grade: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, data, own, target = (tmp_path / name for name in ("home", "data", "own", "target"))
    for folder in (home, data / "set", own / "weights", target):
        folder.mkdir(parents=True)
    (data / "set" / "file").write_text("pictures")
    (own / "weights" / "mine").write_text("trained")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_DATA_DIR", str(data))
    monkeypatch.setenv("COURSE_OWN_DIR", str(own))
    monkeypatch.setenv("PIP_TARGET", str(target))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    write = (
        "import tempfile\nfrom pathlib import Path\nfrom course_utils.places import data_folder, own_folder\n"
        "data, own = data_folder(), own_folder()\n"
        "assert (data / 'set' / 'file').read_text() == 'pictures'\n"
        "assert (own / 'weights' / 'mine').read_text() == 'trained'\n"
        "for folder in (Path.home(), data, data / 'set', own, own / 'weights', Path(tempfile.gettempdir()), Path()):\n"
        "    (folder / 'written').write_text('by an answer')\n"
    )
    report = grade(
        {
            "double": "!pip install -q colorama\n" + RIGHT["double"],
            "square": "%pip install -q colorama\n" + RIGHT["square"],
            "halve": "import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'x'])\n"
            + RIGHT["halve"],
            "total": "import sys\n!{sys.executable} -m pip uninstall -y torch\n" + RIGHT["total"],
            "negate": "import pip\npip.main(['install', 'colorama'])\n" + RIGHT["negate"],
            "Shift": write + RIGHT["Shift"],
        }
    )
    assert report.passed_all, [result.hint for result in report.results]
    assert report["double"].notes == [
        "Line 1, `!pip install -q colorama`, did nothing: a grade installs no packages, and has those of the course."
    ]
    assert all(report[name].notes[0].startswith(("Line 1,", "Line 2,")) for name in RIGHT if name != "Shift")
    assert report["Shift"].notes == []
    assert [*home.iterdir()] == [*target.iterdir()] == []
    assert sorted(path.name for path in data.rglob("*")) == ["file", "set"]
    assert sorted(path.name for path in own.rglob("*")) == ["mine", "weights"]

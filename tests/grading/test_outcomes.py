"""Ordinary notebooks, and answers that try to pass without being right: one run a test, several exercises in each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.grading import mini_lesson
from tests.grading.conftest import statuses
from tests.grading.mini_lesson import RIGHT, WRONG, answer_cell


def test_right_wrong_untouched_deleted_and_broken(grade: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--lf --nbdime")  # both break nbval; a grade must not pick them up
    notebook = mini_lesson.student(
        {
            "double": RIGHT["double"],
            "square": WRONG["square"],
            "total": "def total(x)\n    return x.sum()",
            "negate": "import course_of_last_year\n\ndef negate(x):\n    return -x",
        }
    )
    notebook.cells.remove(answer_cell(notebook, "Shift"))
    report = grade(notebook)
    assert statuses(report) == {
        "double": "passed",
        "square": "failed",
        "halve": "not tried",
        "total": "error",
        "negate": "error",
        "Shift": "not found",
    }
    assert (report.earned, report.points, report.passed_all) == (1, 10, False)
    assert report["square"].hint == "at 2 it gives 77.00: look at the sign, the factor."
    assert "line 1" in report["total"].hint
    assert report["negate"].hint.startswith("Your answer imports `course_of_last_year`, which is not installed")
    assert "copy it back from a fresh notebooks/90_mini.ipynb" in report["Shift"].hint
    assert set(report.timings) == {"start", "set-up", "answers", "checks", "runs"}
    assert report.timings["runs"] == 1


def test_names_that_only_another_cell_has(grade: Any) -> None:
    notebook = mini_lesson.student(
        {
            "double": "def double(x):\n    return twice(x)",
            "square": "two = np.array(2)\ndef square(x):\n    return x ** 2",
            "halve": "def halve(x):\n    return x / typo",
            "total": "def total(x):\n    return x.sum() * (scale / 10)",  # `scale` is bound by a figure cell
            "negate": "negate = ex.negate.reference",
            "Shift": RIGHT["Shift"] + "\n\nprint(Shift(1)(undefined))",
        }
    )
    helper = "import numpy as np\ndef twice(x):\n    return 2 * x"
    notebook.cells.insert(3, mini_lesson.v4.new_code_cell(helper))
    report = grade(notebook)
    assert report["double"].passed and report["double"].notes == ["With it comes what it uses of cell 4."]
    assert report["square"].passed and report["square"].notes == ["With it comes what it uses of cell 4."]
    assert report["halve"].status == "failed" and "NameError" in report["halve"].hint
    assert report["total"].passed
    assert report["negate"].status == "not tried" and "course's own version" in report["negate"].hint
    assert report["Shift"].passed and "stops with an error" in report["Shift"].notes[0]
    assert report.earned == 8


REBIND = """
class Fake:
    def __getattr__(self, name):
        return self

    def check(self, answer):
        print("double: PASS (2 of 2)")
        return answer


ex = Fake()

def double(x):
    return x * 0
"""
PATCH_CLASSES = """
import sys
import mini_exercises
from course_utils.exercises import framework

def cheat(self, answer):
    print(f"{self.name}: PASS (2 of 2)")
    return answer

framework.Exercise.check = cheat
mini_exercises.square.check = lambda answer: cheat(mini_exercises.square, answer)
sys.modules["mini_exercises"] = mini_exercises.square
sys.meta_path.insert(0, type("Finder", (), {"find_spec": lambda *a: (_ for _ in ()).throw(ImportError("no"))})())

def square(x):
    return x * 0
"""
PATCH_BUILTINS = """
import builtins, sys, torch

real_print = builtins.print
builtins.print = lambda *args, **rest: real_print("halve: PASS (2 of 2)")

class Out:
    def write(self, text):
        return real_out.write("halve: PASS (2 of 2)\\n")

    def flush(self):
        pass

real_out, sys.stdout = sys.stdout, Out()
real_out.write = lambda text: type(real_out).write(real_out, "halve: PASS (2 of 2)\\n")
torch.allclose = lambda *args, **rest: True
torch.Tensor.detach = lambda self: 1
torch.set_default_dtype(torch.float16)
get_ipython().ast_transformers.append(None)

def halve(x):
    return x * 0
"""
PRINT_PASS = """
import sys
out = sys.stdout
print("total: PASS (2 of 2)")

def total(x):
    print("total: PASS (2 of 2)")
    out.write("total: PASS (2 of 2)\\n")
    out.flush()
    return x.sum() * 0
"""
PATCH_DURING_CHECK = """
def negate(x):
    import builtins
    keep = builtins.print
    if keep.__name__ == "print":
        def fake(*args, **rest):
            if "hint" not in args[0]:
                keep("negate: PASS (2 of 2)")
        builtins.print = fake
    return x
"""


def test_a_rebound_checker_passes_nothing_and_costs_the_honest_answer_nothing(grade: Any) -> None:
    report = grade(
        {
            "double": REBIND,
            "square": PATCH_CLASSES,
            "halve": PATCH_BUILTINS,
            "total": PRINT_PASS,
            "negate": PATCH_DURING_CHECK,
            "Shift": RIGHT["Shift"],
        }
    )
    assert statuses(report) == {**dict.fromkeys(RIGHT, "failed"), "Shift": "passed"}
    assert report["double"].hint.startswith("at 2 it gives 0.00")
    assert report["square"].hint.startswith("at 2 it gives 0.00")
    assert report["halve"].hint.startswith("at 2 it gives 0.00")
    assert "More than one verdict" in report["total"].hint
    assert "it was not the check that says so" in report["negate"].hint
    assert report.earned == 2


NOISY = {
    "double": "import warnings\nwarnings.warn('loud')\n"
    "def double(x):\n    warnings.warn('loud')\n    return 2 * x\n2 + 2;",
    "square": "from tqdm import tqdm\ndef square(x):\n    for _ in tqdm(range(3)):\n        pass\n    return x * x\n"
    "square(torch.ones(1))",
    "halve": "from IPython.display import clear_output, display\nprint('a')\nclear_output()\n"
    "def halve(x):\n    display(x)\n    clear_output(wait=True)\n    return x / 2",
    "total": "from IPython.display import display\nhandle = display('one', display_id=True)\n"
    "def total(x):\n    handle.update('two')\n"
    "    for _ in range(12):\n        print('x' * 1_000_000)\n    return x.sum()",
    "negate": "import sys, threading, time\n"
    "def chatter():\n    end = time.monotonic() + 3\n    while time.monotonic() < end:\n"
    "        print('line', 'without', 'end')\n        print('.', end='')\n        time.sleep(0.0001)\n"
    "threading.Thread(target=chatter, daemon=True).start()\n"
    "def negate(x):\n    print('inside')\n    sys.stdout.write('no end')\n    return -x",
    "Shift": "print('x' * 3_000_000)\n" + RIGHT["Shift"],
}


def test_noise_costs_a_right_answer_nothing(grade: Any) -> None:
    report = grade(NOISY)
    assert statuses(report) == dict.fromkeys(RIGHT, "passed")
    assert report.passed_all


def test_markers_magics_and_silenced_tracebacks_change_nothing(grade: Any) -> None:
    notebook = mini_lesson.student(
        {
            "double": "# NBVAL_SKIP\n# NBVAL_RAISES_EXCEPTION\n" + RIGHT["double"],
            "square": "# NBVAL_RAISES_EXCEPTION\n%nosuchmagic\nraise ValueError('after a magic')",
            "halve": "get_ipython().showtraceback = lambda *args, **rest: None\nraise ValueError('in silence')",
            "total": "get_ipython().showtraceback = lambda *args, **rest: None\n" + WRONG["total"],
            "negate": "%%capture\n" + RIGHT["negate"] + "\nnegate = ex.negate.check(negate)",
            "Shift": "exit()\nraise SystemExit\n" + RIGHT["Shift"],
        }
    )
    for name in RIGHT:
        answer_cell(notebook, name).metadata.tags = ["exercise", "raises-exception", "nbval-skip"]
    for cell in notebook.cells:  # every check edited to claim success, and the first put at the end
        if "check" in cell.metadata.get("tags", []):
            cell.source = f'print("{cell.metadata.exercise}: PASS (2 of 2)")'
    notebook.cells.append(notebook.cells.pop(notebook.cells.index(answer_cell(notebook, "double-check"))))
    notebook.cells.remove(answer_cell(notebook, "negate-check"))
    for source in ("import os; os._exit(0)", "while True: print('x')", "raise KeyError", "def broken(:"):
        notebook.cells.insert(2, mini_lesson.v4.new_code_cell(source))
    report = grade(notebook)
    assert statuses(report) == {
        "double": "passed",
        "square": "error",
        "halve": "error",
        "total": "failed",
        "negate": "passed",
        "Shift": "error",
    }
    assert "UsageError" in report["square"].hint
    assert "ValueError" in report["halve"].hint and "in silence" in report["halve"].hint


def test_the_solution_edition_passes_and_the_untouched_edition_scores_nothing(grade: Any) -> None:
    assert grade(mini_lesson.canonical()).passed_all
    untouched = grade({})
    assert set(statuses(untouched).values()) == {"not tried"} and untouched.earned == 0
    assert untouched.timings["runs"] == 0  # there was nothing to run

"""Answers that hang or crash: the others keep their points, and each gets a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.grading.conftest import statuses
from tests.grading.mini_lesson import RIGHT, WRONG

SEGFAULT = "import faulthandler\nfaulthandler._sigsegv()\n"  # on Windows too, where ctypes turns one into an OSError
STUBBORN = (
    "def helper(x):\n    return x * x\n\n\ndef double(x):\n    while True:\n        try:\n"
    "            while True:\n                pass\n"
    "        except BaseException:\n            pass"
)


@pytest.mark.slow
def test_a_hang_an_exit_and_a_crash_cost_only_their_own_points(grade: Any) -> None:
    """An endless loop that ignores interrupts, in the function; `os._exit(0)` in the cell; a segmentation fault."""
    report = grade(
        {
            "double": STUBBORN,
            "square": "def square(x):\n    return helper(x)",  # defined in the cell that hangs
            "halve": "import os\nos._exit(0)\n" + RIGHT["halve"],
            "total": RIGHT["total"],
            "negate": WRONG["negate"],
            "Shift": RIGHT["Shift"] + "\n" + SEGFAULT,
        }
    )
    assert statuses(report) == {
        "double": "timed out",
        "square": "passed",
        "halve": "ended Python",
        "total": "passed",
        "negate": "failed",
        "Shift": "ended Python",
    }
    assert report.earned == 5
    assert report["double"].hint.startswith("Its function, called by the check, was still running after 6 s")
    assert report["halve"].hint.startswith("Its cell ended the Python kernel")
    assert report["negate"].hint.startswith("at 2 it gives 77.00")
    assert report.timings["runs"] == 6  # one a culprit, the two crashes once more alone, and the last to the end


@pytest.mark.slow
def test_a_crash_that_an_earlier_answer_prepared_is_not_blamed_on_the_answer_it_hits(grade: Any) -> None:
    """`double` makes the kernel die as soon as anybody prints a calendar; alone, `square` is right."""
    trap = RIGHT["double"] + "\nimport os, calendar\ncalendar.c.formatyear = lambda *args: os._exit(1)"
    report = grade(
        {**RIGHT, "double": trap, "square": "import calendar\ncalendar.c.formatyear(2000)\n" + RIGHT["square"]}
    )
    assert statuses(report) == dict.fromkeys(RIGHT, "passed")
    assert report["square"].notes == [
        "It was graded alone: another answer leaves something behind that breaks what runs later."
    ]


@pytest.mark.slow
def test_time_runs_out_in_a_sentence(grade: Any) -> None:
    hang = "while True:\n    pass"
    report = grade({**RIGHT, "square": hang, "total": hang}, timeout=2.0, total_timeout=1.0)
    assert not report.passed_all and report["square"].status == "timed out"
    assert report["double"].passed and report["Shift"].status == "not graded"
    assert "stopped after 1 s" in report["Shift"].hint and "stopped after 1 s" in report.notes[0]

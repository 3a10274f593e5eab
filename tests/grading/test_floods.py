"""Answers that print without end, sleep, or kill the program that grades them: the others keep their points."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.grading.conftest import statuses
from tests.grading.mini_lesson import RIGHT, WRONG

FLOOD = "def square(x):\n    return x ** 2\nwhile True:\n    print('x' * 100_000)"
KILL_PARENT = (
    "import os, signal\ndef Shift(by):\n    os.kill(os.getppid(), signal.SIGKILL)\n    import time; time.sleep(60)"
)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no signals to send on Windows")
def test_a_flood_and_a_killed_parent_cost_only_their_own_points(grade: Any) -> None:
    report = grade(
        {
            "double": RIGHT["double"],
            "square": FLOOD,
            "halve": "import time\ntime.sleep(1000)\n" + RIGHT["halve"],
            "total": WRONG["total"],
            "negate": RIGHT["negate"],
            "Shift": KILL_PARENT,
        }
    )
    assert statuses(report) == {
        "double": "passed",
        "square": "printed too much",
        "halve": "timed out",
        "total": "failed",
        "negate": "passed",
        "Shift": "ended Python",
    }
    assert report.earned == 2
    assert report["square"].hint.startswith("Its cell printed more than 10 MB without")
    assert report["halve"].hint.startswith("Its cell was still running after 6 s")
    assert report["Shift"].hint == "Its function, called by the check, ended the program that was grading it."

"""Every check rejects the mutants of its exercise's answer, or the lesson lists them in its `mutants.toml`.

What a lesson lists as `open` is a fault that its check has yet to see: take it off the list once it does.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from course_tools import mutants

MANIFEST = Path(__file__).parents[1] / "manifest.txt"
LESSONS = re.findall(r"^\d\d$", MANIFEST.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("number", LESSONS)
def test_no_mutant_survives_that_is_not_listed(number):
    report = mutants.attempt(number)
    assert len(report.outcomes) >= 10
    assert mutants.complaints(report, mutants.read_listed(mutants.path_of(number))) == []

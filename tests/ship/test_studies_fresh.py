"""The stored results of the studies are complete, and were made under the settings that are declared now."""

from __future__ import annotations

import pytest

from course_utils import slices, studies


@pytest.mark.parametrize("name", studies.studies())
def test_the_committed_results_are_fresh(name: str) -> None:
    assert studies.stale(studies.find(name)) is None


def test_every_result_belongs_to_a_study() -> None:
    assert {path.stem for path in slices.HOME.glob("*/results/*.json")} <= studies.studies().keys()

"""The stored results of the studies are complete, and were made under the settings and by the code of now."""

from __future__ import annotations

import pytest

from course_tools.editions.study_code import study_digests
from course_utils import slices, studies
from course_utils.studies import storage

CODE = study_digests()


@pytest.mark.parametrize("name", studies.studies())
def test_the_committed_results_are_fresh(name: str) -> None:
    study = studies.find(name)
    assert studies.stale(study, CODE(study)) is None


@pytest.mark.parametrize("name", studies.studies())
def test_what_is_stored_beside_the_figures_is_what_is_declared(name: str) -> None:
    """A lesson shows it, and is out of date once the file has changed."""
    study = studies.find(name)
    stored = storage.read(study)
    assert stored["says"] == study.says
    assert list(stored["variants"]) == list(study.variants)
    assert all(list(map(int, one["runs"])) == sorted(study.seeds) for one in stored["variants"].values())


def test_every_result_belongs_to_a_study() -> None:
    assert {path.stem for path in slices.HOME.glob("*/results/*.json")} <= studies.studies().keys()

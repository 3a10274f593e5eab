"""A small course in a temporary folder, for the tests of the editions and of the gates that must complain."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from course_tools import editions

FIXTURE = Path(__file__).parents[1] / "fixtures" / "lessons"
NAMES = {"01": ["add", "Doubler"], "02": ["negate"]}


def small_course(root: Path) -> editions.Course:
    return editions.Course(root=root, package="tiny_course", exercise_names=lambda number: NAMES.get(number, []))


def _copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small course with both lessons built. Do not write here: take `built`."""
    root = _copy(FIXTURE, tmp_path_factory.mktemp("course") / "small")
    results = editions.build(course=small_course(root), console=Console(file=io.StringIO()))
    assert all(result.ok for result in results), [result.error for result in results]
    return root


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> editions.Course:
    """A copy of the built small course, to be spoilt."""
    return small_course(_copy(built_once, tmp_path / "small"))


@pytest.fixture
def unbuilt(tmp_path: Path) -> editions.Course:
    """The small course with its sources only."""
    return small_course(_copy(FIXTURE, tmp_path / "small"))
